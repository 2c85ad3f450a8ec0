import type { CallRow, CallsFilter, CallsWindow, LeadRow, LeadsWindow } from '../bindings/contract';
import type { Host } from '../host';
import type { Changes } from './changes';
import { WindowCache } from './windowCache.svelte';

const EVERYTHING: CallsFilter = { search: '', view: 'all', direction: null, lead_id: null };

/** The list of calls with its filter, its selection and its place: kept while another screen is open. */
export class CallsModel {
  readonly cache: WindowCache<CallRow, CallsWindow>;
  filter = $state.raw<CallsFilter>(EVERYTHING);
  selected = $state<string>();
  scrollTop = 0;
  readonly #host: Host;

  constructor(host: Host, changes: Changes) {
    this.#host = host;
    this.cache = new WindowCache(changes, ['calls', 'leads', 'recordings', 'listening']);
  }

  get filtered(): boolean {
    const { search, view, direction } = this.filter;
    return search.trim() !== '' || view !== 'all' || direction !== null;
  }

  open(): void {
    const { filter } = this;
    this.cache.open((offset, limit) => this.#host.call('calls_window', { filter, offset, limit }));
  }

  narrow(change: Partial<CallsFilter>): void {
    this.filter = { ...this.filter, ...change };
    this.scrollTop = 0;
    this.open();
  }

  clear(): void {
    this.narrow(EVERYTHING);
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
