// Opens calls one after the other by Enter on their rows, and says how long each took to be drawn, in milliseconds.
const [count, done] = [arguments[0], arguments[arguments.length - 1]];
const rest = (ms) => new Promise((next) => setTimeout(next, ms));
const drawn = () => new Promise((next) => requestAnimationFrame(() => requestAnimationFrame(next)));
const press = (target, key) =>
  target.dispatchEvent(new KeyboardEvent('keydown', { key, code: key, bubbles: true, cancelable: true }));
(async () => {
  const took = [];
  for (let n = 0; n < count; n += 1) {
    while (document.querySelectorAll("[data-testid='call-row']").length <= n) await rest(20);
    const row = document.querySelectorAll("[data-testid='call-row']")[n];
    row.focus();
    await drawn();
    const began = performance.now();
    press(row, 'Enter');
    while (document.querySelector(`[data-testid='call-page'][data-sid='${row.dataset.sid}']`) === null)
      await new Promise((next) => requestAnimationFrame(next));
    // The frame in which it stands is the one that is drawn next.
    await new Promise((next) => requestAnimationFrame(next));
    took.push(performance.now() - began);
    await rest(150);
    press(document.body, 'Escape');
    while (document.querySelector("[data-testid='calls-grid']") === null) await rest(20);
    await rest(150);
  }
  done(took);
})();
