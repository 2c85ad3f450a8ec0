// Whether what has the focus looks otherwise than without it, by lines and plates and not by a shadow.
//
// The elements that had the focus before lie in the window.
const e = document.activeElement;
const over = window.stops.has(e);
// Between the last stop and the first the focus is nowhere.
if (over || e === null || e === document.body) return { name: null, over, shown: true };
window.stops.add(e);

const SIDES = ['Top', 'Right', 'Bottom', 'Left'];
/** What is drawn of an element: its lines and plates, with those of what stands in it. */
function drawn(element, pseudo) {
  const s = getComputedStyle(element, pseudo);
  if (pseudo !== undefined && (s.content === 'none' || s.content === 'normal')) return '';
  const lines = SIDES.map((side) =>
    s[`border${side}Style`] === 'none' ? '' : `${s[`border${side}Width`]} ${s[`border${side}Color`]}`,
  );
  const outline = s.outlineStyle === 'none' ? '' : `${s.outlineStyle} ${s.outlineWidth} ${s.outlineColor} ${s.outlineOffset}`;
  return [outline, ...lines, s.backgroundColor, s.height, s.width].join('|');
}
const whole = () =>
  [undefined, '::before', '::after'].map((pseudo) => drawn(e, pseudo)).join(' / ') +
  ' / ' +
  (e.parentElement === null ? '' : drawn(e.parentElement));

const before = whole();
e.blur();
const without = whole();
e.focus({ preventScroll: true });
const name = e.dataset.testid ?? `${e.tagName} ${e.className}`.trim();
return { name: `${name} "${(e.ariaLabel ?? e.innerText ?? '').trim().slice(0, 30)}"`, over, shown: before !== without };
