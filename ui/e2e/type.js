// Types words into the search, a letter every 90 ms, and looks at every frame meanwhile. A frame that is as long as two
// usual ones is dropped; the usual one is measured first, at rest.
const [words, done] = [arguments[0], arguments[arguments.length - 1]];
const field = document.querySelector("[data-testid='calls-search']");
const letters = [...words];
const gaps = [];
let before;
let until = performance.now() + 1000;
function watch(now) {
  if (before !== undefined) gaps.push(now - before);
  before = now;
  if (now < until) requestAnimationFrame(watch);
  else if (letters.length === words.length) begin();
  else end();
}
let idle;
function begin() {
  idle = [...gaps].sort((a, b) => a - b)[Math.floor(gaps.length / 2)];
  gaps.length = 0;
  field.focus();
  const type = () => {
    const letter = letters.shift();
    if (letter === undefined) return;
    field.setRangeText(letter, field.value.length, field.value.length, 'end');
    field.dispatchEvent(new InputEvent('input', { bubbles: true, data: letter }));
    setTimeout(type, 90);
  };
  type();
  until = performance.now() + words.length * 90 + 600;
  requestAnimationFrame(watch);
}
function end() {
  field.value = '';
  field.dispatchEvent(new InputEvent('input', { bubbles: true }));
  const found = { frames: gaps.length, dropped: gaps.filter((ms) => ms > idle * 2).length };
  setTimeout(() => done({ ...found, longest_ms: Math.max(...gaps), idle_ms: idle }), 500);
}
requestAnimationFrame(watch);
