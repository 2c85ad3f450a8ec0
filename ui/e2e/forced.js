// What can still be seen where the system sets the colours: what is selected, the call that plays, icons, small marks,
// sliders, fields and waveforms. Shadows are gone there, and a fill is only what the system's own colours give.
//
// Comes back, for each kind: how many of it are in view, and which of them cannot be seen.
const kinds = {};
const drawn = (e) => {
  const box = e.getBoundingClientRect();
  const s = getComputedStyle(e);
  return box.width > 0 && box.height > 0 && s.visibility === 'visible' && s.opacity !== '0';
};
const inside = (e) => {
  const box = e.getBoundingClientRect();
  return box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth;
};
const named = (e) => {
  const class_ = e.className?.baseVal ?? e.className;
  return `${e.dataset?.testid ?? `${e.tagName.toLowerCase()}.${String(class_).split(' ')[0]}`} in ${
    e.parentElement?.closest('[data-testid]')?.dataset.testid ?? 'the page'
  } "${(e.ariaLabel ?? e.innerText ?? '').trim().slice(0, 24)}"`;
};
function each(kind, selector, sees) {
  const all = [...document.querySelectorAll(selector)].filter((e) => drawn(e) && inside(e));
  kinds[kind] = { found: all.length, unseen: [...new Set(all.filter((e) => !sees(e)).map(named))] };
}

const rgb = (colour) => {
  const parts = colour.match(/[\d.]+/g)?.map(Number) ?? [0, 0, 0, 0];
  return { r: parts[0], g: parts[1], b: parts[2], a: parts[3] ?? 1 };
};
const light = ({ r, g, b }) => {
  const of = [r, g, b].map((c) => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * of[0] + 0.7152 * of[1] + 0.0722 * of[2];
};
/** As it is seen on what lies behind: a system's highlight may let some of that through. */
const over = ({ r, g, b, a }, under) => ({
  r: r * a + under.r * (1 - a),
  g: g * a + under.g * (1 - a),
  b: b * a + under.b * (1 - a),
});
const apart = (one, other) => {
  const under = rgb(other);
  const [a, b] = [light(over(rgb(one), under)), light(under)].sort((x, y) => y - x);
  return (a + 0.05) / (b + 0.05);
};
/** The system's colours as this page gets them. */
const probe = document.body.appendChild(document.createElement('i'));
probe.style.forcedColorAdjust = 'none';
const system = (name) => {
  probe.style.color = name;
  return getComputedStyle(probe).color;
};
const SYSTEM = Object.fromEntries(
  ['Canvas', 'CanvasText', 'GrayText', 'ButtonText', 'Highlight', 'HighlightText'].map((name) => [name, system(name)]),
);
probe.remove();

/** What lies behind an element. */
function behind(e) {
  for (let at = e.parentElement; at !== null; at = at.parentElement) {
    const { backgroundColor } = getComputedStyle(at);
    if (rgb(backgroundColor).a > 0.5) return backgroundColor;
  }
  return SYSTEM.Canvas;
}
const stands = (colour, e) => apart(colour, behind(e)) >= 3;
function outlined(e, style) {
  const s = getComputedStyle(e);
  return (
    (style === undefined ? s.outlineStyle !== 'none' : s.outlineStyle === style) &&
    parseFloat(s.outlineWidth) >= 1 &&
    stands(s.outlineColor, e)
  );
}
function plated(e, pseudo) {
  const s = getComputedStyle(e, pseudo);
  if (pseudo !== undefined && (s.content === 'none' || s.content === 'normal')) return false;
  return stands(s.backgroundColor, e);
}
function edged(e) {
  const s = getComputedStyle(e);
  const line = ['Top', 'Right', 'Bottom', 'Left'].some(
    (side) => s[`border${side}Style`] !== 'none' && parseFloat(s[`border${side}Width`]) > 0 && stands(s[`border${side}Color`], e),
  );
  return line || outlined(e) || plated(e);
}
const look = (e) =>
  [undefined, '::before', '::after']
    .map((pseudo) => {
      const s = getComputedStyle(e, pseudo);
      const lines = `${s.outlineStyle} ${s.outlineWidth} ${s.outlineColor} ${s.borderTopStyle} ${s.borderTopColor}`;
      return pseudo !== undefined && s.content === 'none' ? '' : `${lines} ${s.backgroundColor}`;
    })
    .join('/');

// What is on must look otherwise than what is off beside it.
const ON = '[aria-current]:not([aria-current=false]), [aria-pressed=true], [aria-selected=true], [aria-checked=true]';
each('selected things', ON, (e) => {
  const peers = [...(e.closest('[role=group], [role=radiogroup], [role=rowgroup], nav, .side, .tools') ?? e.parentElement).children];
  const off = peers.find((peer) => peer !== e && peer.tagName === e.tagName && !peer.matches(ON));
  const marked = outlined(e) || plated(e) || plated(e, '::before');
  return off === undefined ? marked : look(e) !== look(off);
});
each('rows that play', '.row.play, .pc.on', (e) => outlined(e, 'dashed'));
each('icons', 'svg', (e) => {
  const off = e.closest(':disabled, [aria-disabled=true], [data-disabled]') !== null;
  return [e, ...e.querySelectorAll('*')].some((part) => {
    const { fill, stroke } = getComputedStyle(part);
    return [fill, stroke].some((ink) => ink !== 'none' && apart(ink, behind(e)) >= (off ? 1.5 : 3));
  });
});
each('small marks', '.dot, .hue, .eq i, .progress, .progress i, .steps i', (e) => plated(e) || edged(e));
each('sliders', '[role=slider]', (e) => [e, ...e.children].some((part) => part.tagName === 'CANVAS' || edged(part)));
each('switches', '[role=switch]', (e) => {
  const { outlineStyle, outlineColor } = getComputedStyle(e, '::before');
  return plated(e, '::before') || (outlineStyle !== 'none' && stands(outlineColor, e));
});
each('fields', 'input:not([type=range], [type=checkbox], [type=radio]), textarea', (e) => edged(e) || edged(e.parentElement));
each('buttons with a plate', '.btn:not(.quiet)', edged);

// A waveform is drawn in the system's colours and in no other. Where two of them meet there is something in between.
const ours = Object.values(SYSTEM).map(rgb);
each('waveforms', 'canvas', (e) => {
  const { data } = e.getContext('2d').getImageData(0, 0, e.width, e.height);
  let [ink, strange] = [0, 0];
  for (let at = 0; at < data.length; at += 4) {
    if (data[at + 3] < 96) continue;
    ink += 1;
    const near = (c) => Math.abs(c.r - data[at]) + Math.abs(c.g - data[at + 1]) + Math.abs(c.b - data[at + 2]) < 24;
    if (!ours.some(near)) strange += 1;
  }
  return ink > 0 && strange / ink < 0.05;
});

return { forced: matchMedia('(forced-colors: active)').matches, kinds };
