/** Where words are found in a text: begin and end as places of the text itself. */
export type Hit = readonly [from: number, to: number];

const FINALS: Readonly<Record<string, string>> = { ך: 'כ', ם: 'מ', ן: 'נ', ף: 'פ', ץ: 'צ' };
/** Points and accents, and the marks that direct a text: nobody types them. */
const UNSEEN = /[\u0300-\u036f\u0591-\u05c7\u200e\u200f\u202a-\u202e\u2066-\u2069]/;
const ALIKE: Readonly<Record<string, string>> = {
  '\u05f3': "'",
  '\u2019': "'",
  '\u05f4': '"',
  '\u201c': '"',
  '\u201d': '"',
  '\u05be': '-',
  '\u00a0': ' ',
};

interface Folded {
  readonly text: string;
  /** Place in the original of every letter. */
  readonly places: readonly number[];
}

/** Letters as they are compared: without points, case, final forms, and kinds of quotes and hyphens. */
function folded(text: string): Folded {
  let out = '';
  const places: number[] = [];
  let at = 0;
  for (const letter of text) {
    // A form of a letter (full width, with points in one sign) is the letter.
    for (const part of letter.normalize('NFKD')) {
      if (UNSEEN.test(part)) continue;
      const same = (ALIKE[part] ?? FINALS[part] ?? part).toLowerCase();
      out += same;
      for (let i = 0; i < same.length; i += 1) places.push(at);
    }
    at += letter.length;
  }
  places.push(text.length);
  return { text: out, places };
}

/** All places of the wanted words in a text, apart from each other. */
export function hitsIn(text: string, wanted: string): Hit[] {
  const needle = folded(wanted.trim()).text;
  if (needle === '') return [];
  const hay = folded(text);
  const hits: Hit[] = [];
  for (let at = hay.text.indexOf(needle); at >= 0; at = hay.text.indexOf(needle, at + needle.length)) {
    const from = hay.places[at] ?? 0;
    const to = hay.places[at + needle.length] ?? text.length;
    hits.push([from, Math.max(to, from + 1)]);
  }
  return hits;
}

/** A text in pieces, those that were found and those between. */
export function pieces(text: string, hits: readonly Hit[]): { text: string; hit: number | null }[] {
  const out: { text: string; hit: number | null }[] = [];
  let at = 0;
  hits.forEach(([from, to], n) => {
    if (from > at) out.push({ text: text.slice(at, from), hit: null });
    out.push({ text: text.slice(from, to), hit: n });
    at = to;
  });
  if (at < text.length) out.push({ text: text.slice(at), hit: null });
  return out;
}
