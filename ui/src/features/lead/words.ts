import type { Say } from '../../elements/recording';
import { en, type Word } from '../../text/en';

/** Keys that the CRM comes with have words of ours; a key that the company made is shown as it is. */
export function leadStatus(key: string | null, say: Say): string | undefined {
  return worded('lead_status', key, say);
}

export function appointmentStatus(key: string | null, say: Say): string | undefined {
  return worded('appointment_status', key, say);
}

export function leadSource(key: string | null, say: Say): string | undefined {
  return worded('source', key, say);
}

function worded(family: string, key: string | null, say: Say): string | undefined {
  if (key === null || key === '') return undefined;
  const word = `${family}_${key}`;
  return word in en ? say(word as Word) : key;
}
