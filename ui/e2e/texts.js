// What a page does with texts that it was given by strangers: which of them it shows as they are, how they stand in their
// line, whether the page keeps its shape, and whether any of them became more than a text.
//
// Given: columns by name, each a selector of elements that show one text each and nothing else; a selector of what holds
// long texts in lines, or null. The texts lie in the window.
const [columns, holder] = arguments;
const texts = window.__texts;

// Spaces and breaks are the page's to lay out; every other letter is the text's.
const plain = (text) => text.replace(/\s+/g, ' ').trim();
const tight = (text) => text.replace(/\s+/g, '');
const numbers = new Map(texts.map((text, number) => [plain(text), number]));
/** Which text it is: the list of calls has the beginning of one that is very long. */
function numberOf(text) {
  const words = plain(text);
  const whole = numbers.get(words);
  if (whole !== undefined || words.length < 100) return whole;
  const begun = words.replace(/…$/, '');
  const some = [...numbers].filter(([one]) => one.startsWith(begun));
  return some.length === 1 ? some[0][1] : undefined;
}
window.__numberOf = numberOf;
const short = (text) => `${plain(text).slice(0, 60)}`;

// The note that is cut is opened, so that all of it is there to be looked at.
for (const more of document.querySelectorAll('[data-testid=lead-page] .link[aria-expanded=false]')) more.click();

const wrong = [];
const found = {};
for (const [column, selector] of Object.entries(columns)) {
  found[column] = [];
  for (const element of document.querySelectorAll(selector)) {
    const number = numberOf(element.textContent);
    if (number === undefined) wrong.push(`${column} shows none of the texts: ${short(element.textContent)}`);
    else found[column].push(number);
    if (element.children.length > 0) wrong.push(`${column} has elements within: ${short(element.innerHTML)}`);
  }
}

/** Letters that turn a line round must not reach beyond their own text. */
function standsAlone(node) {
  for (let element = node.parentElement; element !== null; element = element.parentElement) {
    const style = getComputedStyle(element);
    if (/isolate|plaintext/.test(style.unicodeBidi)) return true;
    if (style.display !== 'inline') return plain(element.textContent) === plain(node.data);
  }
  return false;
}

const shown = new Set();
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const words = plain(walker.currentNode.data);
  const number = numbers.get(words);
  if (number === undefined) {
    // A text that stands in a sentence would turn the sentence round; a line of one, or a piece that was found, may.
    const ours = words.replace(/\u2068.*\u2069/g, '');
    const isPart = !/\u00b7\d{3}/.test(ours) || [...numbers.keys()].some((text) => text.includes(words));
    const isSeen = walker.currentNode.parentElement.closest('.sr') === null;
    if (!isPart && isSeen) wrong.push(`a text stands in a sentence: ${short(words)}`);
    continue;
  }
  shown.add(number);
  if (!standsAlone(walker.currentNode)) {
    const { className, tagName } = walker.currentNode.parentElement;
    wrong.push(`text ${number} shares a line with others in ${tagName}.${className}`);
  }
}

const held = [];
if (holder !== null) {
  const all = tight([...document.querySelectorAll(holder)].map((element) => element.textContent).join(''));
  texts.forEach((text, number) => all.includes(tight(text)) && held.push(number));
}

const shape = [];
const root = document.documentElement;
if (root.scrollWidth > window.innerWidth) shape.push(`the page is ${root.scrollWidth} px wide of ${window.innerWidth}`);
if (root.scrollHeight > window.innerHeight) shape.push(`the page is ${root.scrollHeight} px high of ${window.innerHeight}`);
const rowPx = parseFloat(getComputedStyle(root).getPropertyValue('--row'));
for (const row of document.querySelectorAll('[data-testid=call-row], [data-testid=lead-row], [data-testid=appointment]')) {
  const { height, left, right } = row.getBoundingClientRect();
  if (Math.abs(height - rowPx) > 1) shape.push(`a row is ${height} px high, not ${rowPx}: ${short(row.textContent)}`);
  if (left < -1 || right > window.innerWidth + 1) shape.push(`a row stands out: ${short(row.textContent)}`);
}
for (const element of document.body.querySelectorAll('*')) {
  if (element.scrollWidth <= element.clientWidth + 1 || element.clientWidth === 0) continue;
  const { overflowX } = getComputedStyle(element);
  if (overflowX === 'auto' || overflowX === 'scroll') {
    shape.push(`${element.tagName}.${element.className} scrolls sideways, ${element.scrollWidth} of ${element.clientWidth} px`);
  }
}
for (const control of document.querySelectorAll('button, input, a, [role=tab]')) {
  const { width, height, left, right } = control.getBoundingClientRect();
  if (width > 2 && height > 2 && (left < -1 || right > window.innerWidth + 1)) {
    shape.push(`a control stands out: ${control.tagName}.${control.className} ${short(control.textContent)}`);
  }
}

return {
  columns: found,
  shown: [...shown],
  held,
  wrong: [...new Set(wrong)].slice(0, 20),
  shape: [...new Set(shape)].slice(0, 20),
  pwned: window.__pwned !== undefined || document.querySelector('#app script, #app iframe, #app object') !== null,
  violations: window.__violations ?? [],
};
