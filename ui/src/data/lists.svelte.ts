import type { CallRow, CallsFilter, CallsWindow, LeadRow, LeadsWindow, SavedView } from '../bindings/contract';
import type { Host } from '../host';
import { dayStart } from '../text/days';
import type { Changes } from './changes';
import { Selection } from './selection.svelte';
import { WindowCache } from './windowCache.svelte';

/** All calls. */
export const EVERYTHING: CallsFilter = {
  search: '',
  view: 'all',
  direction: null,
  lead_id: null,
  outcome: null,
  has_recording: null,
  from_ms: null,
  to_ms: null,
};

/** What is kept of a filter beside what is asked: the words of the lead, and days that go with the calendar. */
interface Beside {
  /** The days back from today, 1 for today only; null where the days are fixed or none are set. */
  readonly days: number | null;
  readonly leadName: string | null;
}

/** The list of calls with its filter, its selection and its place: kept while another screen is open. */
export class CallsModel {
  readonly cache: WindowCache<CallRow, CallsWindow>;
  readonly selection: Selection;
  filter = $state.raw<CallsFilter>(EVERYTHING);
  beside = $state.raw<Beside>({ days: null, leadName: null });
  /** The saved view that is open, as long as nothing of it was changed. */
  saved = $state.raw<string>();
  selected = $state<string>();
  scrollTop = 0;
  readonly #host: Host;
  readonly #zone: () => string;

  constructor(host: Host, changes: Changes, zone: () => string) {
    this.#host = host;
    this.#zone = zone;
    this.cache = new WindowCache(changes, ['calls', 'leads', 'recordings', 'listening']);
    this.selection = new Selection((offset, limit) =>
      host.call('calls_window', { filter: this.filter, offset, limit }),
    );
  }

  get filtered(): boolean {
    const { search, ...rest } = this.filter;
    const { search: _, ...none } = EVERYTHING;
    return search.trim() !== '' || JSON.stringify(rest) !== JSON.stringify(none);
  }

  open(): void {
    const { filter } = this;
    this.cache.open((offset, limit) => this.#host.call('calls_window', { filter, offset, limit }));
  }

  narrow(change: Partial<CallsFilter>, beside: Partial<Beside> = {}): void {
    this.saved = undefined;
    this.#show({ ...this.filter, ...change }, { ...this.beside, ...beside });
  }

  /** Today and the days before it, so many in all. */
  lastDays(days: number | null): void {
    this.narrow({ from_ms: this.#since(days), to_ms: null }, { days });
  }

  /** The day has changed: what was "today" is yesterday. */
  turnDay(): void {
    const from_ms = this.#since(this.beside.days);
    if (this.beside.days !== null && from_ms !== this.filter.from_ms)
      this.#show({ ...this.filter, from_ms }, this.beside);
  }

  /** What a saved view asks for today. */
  filterOf({ days, filter }: SavedView): CallsFilter {
    const from_ms = days === null ? filter.from_ms : this.#since(days);
    return { ...EVERYTHING, ...filter, from_ms };
  }

  show(view: SavedView): void {
    this.#show(this.filterOf(view), { days: view.days, leadName: null });
    this.saved = view.id;
  }

  clear(): void {
    this.narrow(EVERYTHING, { days: null, leadName: null });
  }

  #since(days: number | null): number | null {
    return days === null ? null : dayStart(Date.now(), this.#zone(), 1 - days);
  }

  #show(filter: CallsFilter, beside: Beside): void {
    this.filter = filter;
    this.beside = beside;
    this.selection.clear();
    this.scrollTop = 0;
    this.open();
  }
}

/** The list of leads, likewise. */
export class LeadsModel {
  readonly cache: WindowCache<LeadRow, LeadsWindow>;
  search = $state('');
  selected = $state<string>();
  scrollTop = 0;
  readonly #host: Host;

  constructor(host: Host, changes: Changes) {
    this.#host = host;
    this.cache = new WindowCache(changes, ['leads', 'calls', 'listening']);
  }

  get filtered(): boolean {
    return this.search.trim() !== '';
  }

  open(): void {
    const { search } = this;
    this.cache.open((offset, limit) => this.#host.call('leads_window', { search, offset, limit }));
  }

  narrow(search: string): void {
    this.search = search;
    this.scrollTop = 0;
    this.open();
  }
}
