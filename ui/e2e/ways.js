// Every way out of a page that a browser engine has. Given: an origin that listens, and the names of ways to try (null:
// which there are). A way that works asks the origin for `/way/<its name>`; what is refused at once is told in words.
// Ways that leave the page are begun after the answer, since nobody might be here for it.
const [origin, wanted] = arguments;
const done = arguments[arguments.length - 1];
const host = origin.replace(/^http:\/\//, '');

const add = (tag, set, into = document.body) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(set)) element.setAttribute(name, value);
  into.append(element);
  return element;
};
const svg = (tag, set, into) => {
  const root = into ?? document.body.appendChild(document.createElementNS('http://www.w3.org/2000/svg', 'svg'));
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(set)) element.setAttribute(name, value);
  root.append(element);
  return element;
};
const rule = (text) => {
  const style = document.createElement('style');
  style.textContent = text;
  document.head.append(style);
};
const styled = (property, url) => {
  const element = add('div', {});
  element.textContent = 'x';
  element.style.setProperty(property, property === 'content' || property.includes('image') ? `url(${url})` : `url(${url}) #000`);
  return element;
};
const link = (rel, url, more = {}) => add('link', { rel, href: url, ...more }, document.head);
const worker = (code) => new Worker(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })));
const html = (text) => {
  const element = add('div', {});
  element.innerHTML = text;
};

const ways = {
  fetch: (url) => fetch(url),
  'fetch-post': (url) => fetch(url, { method: 'POST', mode: 'no-cors', body: 'secret' }),
  'fetch-keepalive': (url) => fetch(url, { method: 'POST', mode: 'no-cors', keepalive: true, body: 'secret' }),
  'fetch-credentials': (url) => fetch(url, { credentials: 'include', mode: 'no-cors' }),
  xhr: (url) => {
    const request = new XMLHttpRequest();
    request.open('GET', url);
    request.send();
  },
  'xhr-sync': (url) => {
    const request = new XMLHttpRequest();
    request.open('POST', url, false);
    request.send('secret');
  },
  beacon: (url) => navigator.sendBeacon(url, 'secret'),
  'beacon-blob': (url) => navigator.sendBeacon(url, new Blob(['secret'], { type: 'text/plain' })),
  'event-source': (url) => new EventSource(url),
  'web-socket': (url) => new WebSocket(url.replace('http:', 'ws:')),
  'web-transport': (url) => new WebTransport(url.replace('http:', 'https:')),
  image: (url) => void (new Image().src = url),
  img: (url) => add('img', { src: url }),
  'img-srcset': (url) => add('img', { srcset: `${url} 1x` }),
  'img-crossorigin': (url) => add('img', { crossorigin: 'anonymous', src: url }),
  picture: (url) => {
    const picture = add('picture', {});
    add('source', { srcset: url }, picture);
    add('img', { alt: '' }, picture);
  },
  'input-image': (url) => add('input', { type: 'image', src: url }),
  'svg-image': (url) => svg('image', { href: url, width: 9, height: 9 }),
  'svg-use': (url) => svg('use', { href: `${url}#x` }),
  'svg-script': (url) => svg('script', { href: url }),
  'svg-fe-image': (url) => {
    const filter = svg('filter', { id: 'way-filter' });
    svg('feImage', { href: url }, filter);
    svg('rect', { width: 9, height: 9, filter: 'url(#way-filter)' }, filter.parentElement);
  },
  'css-background': (url) => styled('background', url),
  'css-border-image': (url) => styled('border-image-source', url),
  'css-list-style': (url) => {
    const item = add('li', {});
    item.style.listStyleImage = `url(${url})`;
  },
  'css-cursor': (url) => add('div', {}).style.setProperty('cursor', `url(${url}), auto`),
  'css-content': (url) => styled('content', url),
  'css-mask': (url) => styled('mask-image', url),
  'css-image-set': (url) => add('div', {}).style.setProperty('background-image', `image-set(url(${url}) 1x)`),
  'css-shape': (url) => add('div', {}).style.setProperty('shape-outside', `url(${url})`),
  'style-attribute': (url) => html(`<p style="background:url(${url})">x</p>`),
  'style-element': (url) => rule(`body::after { content: url(${url}) }`),
  'style-import': (url) => rule(`@import url(${url});`),
  'style-namespace': (url) => rule(`@import "${url}" screen;`),
  'style-font': (url) => rule(`@font-face { font-family: way; src: url(${url}) } body { font-family: way, sans-serif }`),
  'font-face': (url) => new FontFace('way-two', `url(${url})`).load(),
  'style-sheet': (url) => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(`body::before { content: url(${url}) }`);
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  },
  'insert-rule': (url) => document.styleSheets[0].insertRule(`html { background-image: url(${url}) }`),
  stylesheet: (url) => link('stylesheet', url),
  prefetch: (url) => link('prefetch', url),
  preload: (url) => link('preload', url, { as: 'image' }),
  'preload-script': (url) => link('preload', url, { as: 'script' }),
  'preload-fetch': (url) => link('preload', url, { as: 'fetch', crossorigin: '' }),
  modulepreload: (url) => link('modulepreload', url),
  preconnect: (url) => link('preconnect', url),
  'dns-prefetch': (url) => link('dns-prefetch', url.replace('127.0.0.1', 'secret.way.invalid')),
  prerender: (url) => link('prerender', url),
  icon: (url) => link('icon', url),
  manifest: (url) => link('manifest', url),
  script: (url) => add('script', { src: url }),
  'script-module': (url) => add('script', { type: 'module', src: url }),
  'script-inline': (url) => {
    const script = document.createElement('script');
    script.textContent = `fetch('${url}')`;
    document.body.append(script);
  },
  eval: (url) => (0, eval)(`fetch('${url}')`),
  'function-text': (url) => new Function(`fetch('${url}')`)(),
  'timer-text': (url) => void setTimeout(`fetch('${url}')`, 0),
  import: (url) => import(url),
  worker: (url) => new Worker(url),
  'shared-worker': (url) => new SharedWorker(url),
  'worker-fetch': (url) => void worker(`fetch('${url}')`),
  'worker-import': (url) => void worker(`importScripts('${url}')`),
  'service-worker': (url) => navigator.serviceWorker.register(url),
  'audio-worklet': (url) => new AudioContext().audioWorklet.addModule(url),
  'paint-worklet': (url) => CSS.paintWorklet.addModule(url),
  audio: (url) => void (new Audio(url).preload = 'auto'),
  'audio-element': (url) => add('audio', { src: url, preload: 'auto', autoplay: '' }),
  video: (url) => add('video', { src: url, preload: 'auto', autoplay: '' }),
  'video-poster': (url) => add('video', { poster: url }),
  'video-source': (url) => add('source', { src: url, type: 'video/mp4' }, add('video', { autoplay: '' })),
  track: (url) => {
    const video = add('video', { crossorigin: '' });
    add('track', { src: url, default: '', kind: 'subtitles' }, video);
    video.textTracks[0].mode = 'showing';
  },
  iframe: (url) => add('iframe', { src: url }),
  'iframe-srcdoc': (url) => add('iframe', { srcdoc: `<img src="${url}">` }),
  'iframe-data': (url) => add('iframe', { src: `data:text/html,<img src="${url}">` }),
  'iframe-blob': (url) => {
    const page = new Blob([`<img src="${url}">`], { type: 'text/html' });
    add('iframe', { src: URL.createObjectURL(page) });
  },
  'iframe-script': (url) => add('iframe', { src: `javascript:fetch('${url}')` }),
  object: (url) => add('object', { data: url, type: 'image/png' }),
  embed: (url) => add('embed', { src: url, type: 'text/html' }),
  'body-background': (url) => document.body.setAttribute('background', url),
  'table-background': (url) => add('table', { background: url }),
  'inner-html': (url) => html(`<img src="${url}">`),
  'inner-html-event': (url) => html(`<img src="data:," onerror="fetch('${url}')">`),
  'dom-parser': (url) => {
    const page = new DOMParser().parseFromString(`<img src="${url}">`, 'text/html');
    document.body.append(document.adoptNode(page.body.firstChild));
  },
  base: (url) => {
    add('base', { href: `${origin}/way/` }, document.head);
    add('img', { src: url.split('/').pop() });
    document.querySelector('head > base:last-of-type').remove();
  },
  xslt: (url) => {
    const parse = (text) => new DOMParser().parseFromString(text, 'application/xml');
    const processor = new XSLTProcessor();
    processor.importStylesheet(
      parse(
        `<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><xsl:template match="/"><a><xsl:copy-of select="document('${url}')"/></a></xsl:template></xsl:stylesheet>`,
      ),
    );
    processor.transformToFragment(parse('<a/>'), document);
  },
  webrtc: async () => {
    const peer = new RTCPeerConnection({ iceServers: [{ urls: `stun:${host}` }] });
    peer.createDataChannel('way');
    await peer.setLocalDescription(await peer.createOffer());
  },
  'webrtc-turn': async () => {
    const servers = [{ urls: `turn:${host}?transport=tcp`, username: 'secret', credential: 'secret' }];
    const peer = new RTCPeerConnection({ iceServers: servers, iceTransportPolicy: 'relay' });
    peer.createDataChannel('way');
    await peer.setLocalDescription(await peer.createOffer());
  },
  notification: (url) => void new Notification('way', { icon: url }),
  'window-open': (url) => void window.open(url),
  'window-open-later': (url) => void (window.open('about:blank').location = url),
  'a-blank': (url) => add('a', { href: url, target: '_blank' }).click(),
  'a-download': (url) => add('a', { href: url, download: 'way' }).click(),
  'form-blank': (url) => add('form', { action: url, target: '_blank' }).submit(),
};

const leaving = {
  a: (url) => add('a', { href: url }).click(),
  'a-ping': (url) => add('a', { href: '#way', ping: url }).click(),
  form: (url) => add('form', { action: url, method: 'post' }).submit(),
  'form-request': (url) => {
    const form = add('form', { action: url });
    add('input', { name: 'q', value: 'secret' }, form);
    form.requestSubmit();
  },
  location: (url) => void (window.location = url),
  'location-assign': (url) => window.location.assign(url),
  'location-replace': (url) => window.location.replace(url),
  'location-top': (url) => void (window.top.location.href = url),
  'meta-refresh': (url) => add('meta', { 'http-equiv': 'refresh', content: `0;url=${url}` }, document.head),
  'document-write': (url) => document.write(`<img src="${url}">`),
  'location-script': (url) => void (window.location = `javascript:fetch('${url}')`),
  'location-data': (url) => void (window.location = `data:text/html,<img src="${url}">`),
};

if (wanted === null) {
  done({ ways: Object.keys(ways), leaving: Object.keys(leaving) });
} else {
  const said = {};
  const attempts = wanted.map(async (name) => {
    const url = `${origin}/way/${name}`;
    if (name in leaving) {
      setTimeout(() => leaving[name](url), 50);
      return;
    }
    try {
      await Promise.race([ways[name](url), new Promise((resolve) => setTimeout(resolve, 600))]);
      said[name] = 'begun';
    } catch (error) {
      said[name] = String(error);
    }
  });
  void Promise.all(attempts).then(() => done(said));
}
