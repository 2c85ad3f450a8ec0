// Scrolls the list of calls by a row a frame, then by screens, then to its end, and counts what was blank.
const done = arguments[arguments.length - 1];
const scroller = [...document.querySelectorAll("[data-testid='calls-grid'] *")].find(
  (e) => e.scrollHeight > e.clientHeight + 100 && ['auto', 'scroll'].includes(getComputedStyle(e).overflowY),
);
const grid = document.querySelector("[data-testid='calls-grid']");
const found = { frames: 0, blank: 0, longest_ms: 0, last: 0, rows: Number(grid.getAttribute('aria-rowcount')) };
const box = scroller.getBoundingClientRect();
const isBlank = () =>
  [...scroller.querySelectorAll('.ghost')].some((e) => {
    const at = e.getBoundingClientRect();
    return at.bottom > box.top + 1 && at.top < box.bottom - 1;
  });
let before = performance.now();
let n = 0;
const steps = [...Array(600).fill(36), ...Array(200).fill(108), ...Array(60).fill(box.height)];
function frame(now) {
  found.longest_ms = Math.max(found.longest_ms, now - before);
  before = now;
  found.frames += 1;
  if (isBlank()) found.blank += 1;
  if (n < steps.length) {
    scroller.scrollTop += steps[n++];
    requestAnimationFrame(frame);
  } else toTheEnd();
}
async function toTheEnd() {
  const row = scroller.querySelector("[role='row'][tabindex='0']");
  row.focus();
  row.dispatchEvent(new KeyboardEvent('keydown', { key: 'End', code: 'End', bubbles: true, cancelable: true }));
  const end = performance.now() + 5000;
  while (performance.now() < end && document.activeElement?.getAttribute('aria-rowindex') !== String(found.rows))
    await new Promise((next) => setTimeout(next, 20));
  found.last = Number(document.activeElement?.getAttribute('aria-rowindex') ?? 0);
  scroller.scrollTop = 0;
  setTimeout(() => done(found), 300);
}
requestAnimationFrame((now) => {
  before = now;
  requestAnimationFrame(frame);
});
