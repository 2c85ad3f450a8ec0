// Run inside the window by `cargo xtask e2e`: what the page itself gets from rec://.
// Arguments: the recording's id, and the callback. Answers a list of { name, status, headers, bytes }.
const [id, done] = arguments;
const url = (name) => `rec://localhost/${encodeURIComponent(name)}`;

async function ask(name, target, options) {
  const response = await fetch(target, options);
  const body = await response.arrayBuffer();
  return {
    name,
    status: response.status,
    headers: Object.fromEntries(response.headers.entries()),
    bytes: body.byteLength,
  };
}

(async () => {
  const whole = await ask('get', url(id));
  const etag = whole.headers.etag ?? '';
  done([
    whole,
    await ask('head', url(id), { method: 'HEAD' }),
    await ask('options', url(id), { method: 'OPTIONS' }),
    await ask('range', url(id), { headers: { Range: 'bytes=0-99' } }),
    await ask('suffix', url(id), { headers: { Range: 'bytes=-10' } }),
    await ask('beyond', url(id), { headers: { Range: `bytes=${whole.bytes}-` } }),
    await ask('unchanged', url(id), { headers: { 'If-None-Match': etag } }),
    await ask('unknown', url('crm:CA00000000000000000000000000000000')),
    await ask('traversal', 'rec://localhost/%2e%2e%2fetc%2fpasswd'),
  ]);
})().catch((error) => done([{ name: String(error), status: 0, headers: {}, bytes: 0 }]));
