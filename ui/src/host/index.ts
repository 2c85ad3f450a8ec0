import { tauri } from './tauri';
import type { Host } from './port';

export { HostError, type Args, type Command, type Host, type Reply } from './port';

/** The shell where there is one; in a browser (development, tests) a host with invented data. */
export async function openHost(): Promise<Host> {
  if (import.meta.env.DEV || import.meta.env.MODE === 'fake') {
    if (!('__TAURI_INTERNALS__' in window)) {
      const { fakeHost } = await import('./fake');
      return fakeHost(new URLSearchParams(window.location.search));
    }
  }
  return tauri;
}
