import { IntlMessageFormat } from 'intl-messageformat';
import type { Language } from '../bindings/contract';
import { en, type Word, type Words } from './en';
import { he } from './he';

export type MessageArgs = Readonly<Record<string, string | number>>;

export const WORDS: Readonly<Record<Language, Words>> = { he, en };

/** The locale whose plurals and dates a language uses. English is written the way the design shows it: day, then month. */
export const LOCALES: Readonly<Record<Language, string>> = { he: 'he-IL', en: 'en-GB' };

const parsed = new Map<string, IntlMessageFormat>();

/** The words of a key in a language. A message is parsed once. */
export function say(language: Language, word: Word, args?: MessageArgs): string {
  const words = WORDS[language][word];
  if (args === undefined) return words;
  const id = `${language}.${word}`;
  let message = parsed.get(id);
  if (message === undefined) {
    message = new IntlMessageFormat(words, LOCALES[language], undefined, { ignoreTag: true });
    parsed.set(id, message);
  }
  return message.format(args) as string;
}
