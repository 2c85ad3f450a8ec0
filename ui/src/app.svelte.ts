import { createContext } from 'svelte';
import type {
  BootState,
  CallsFilter,
  Language,
  OutboxState,
  SavedViews,
  SecurityView,
  Settings,
  StorageView,
  SyncState,
  Theme,
} from './bindings/contract';
import { Changes } from './data/changes';
import { CallsModel, LeadsModel } from './data/lists.svelte';
import { Peaks } from './data/peaks.svelte';
import { Query } from './data/query.svelte';
import { ViewCounts } from './data/viewCounts.svelte';
import { Doctor } from './features/doctor/doctor.svelte';
import { HostError, type Host } from './host';
import { Keys } from './keys/keys';
import { Player } from './player/player.svelte';
import { Format } from './text/format';
import { say, type MessageArgs } from './text/message';
import type { Word } from './text/en';

/** The screens of the side bar; every other one was opened from one of them. */
export const SECTIONS = ['calls', 'leads', 'offline', 'appointments'] as const;
export type Section = (typeof SECTIONS)[number];

/** The parts of the settings, in their order. */
export const SETTINGS_PARTS = ['account', 'listening', 'storage', 'security', 'keys', 'looks', 'about'] as const;
export type SettingsPart = (typeof SETTINGS_PARTS)[number];

export type Screen =
  | { [At in Section]: { readonly at: At } }[Section]
  | { readonly at: 'lead'; readonly id: string; readonly from: Section }
  | {
      readonly at: 'call';
      readonly sid: string;
      readonly from: Section;
      /** Opened on this lead's page. */
      readonly lead?: string;
      /** Shown there first; a link only shows, it never plays. */
      readonly atMs?: number;
    }
  | { readonly at: 'doctor'; readonly from: Section }
  | { readonly at: 'settings'; readonly from: Section; readonly part?: SettingsPart };

export function isSection(at: unknown): at is Section {
  return (SECTIONS as readonly unknown[]).includes(at);
}

/** The section that a screen belongs to. */
export function sectionOf(screen: Screen): Section {
  return 'from' in screen ? screen.from : screen.at;
}

const PRESENCE_EVERY_MS = 10_000;
const DESK_AFTER_MS = 1_000;

/** A screen as it was kept; what another version wrote is none. */
function screenOf(place: string): Screen | undefined {
  try {
    const kept = JSON.parse(place) as {
      at?: unknown;
      id?: unknown;
      sid?: unknown;
      from?: unknown;
      part?: unknown;
    } | null;
    const from = isSection(kept?.from) ? kept.from : 'calls';
    if (kept?.at === 'lead' && typeof kept.id === 'string') return { at: 'lead', id: kept.id, from };
    if (kept?.at === 'call' && typeof kept.sid === 'string') return { at: 'call', sid: kept.sid, from };
    if (isSection(kept?.at)) return { at: kept.at };
    if (kept?.at === 'doctor') return { at: 'doctor', from };
    if (kept?.at === 'settings') {
      const part = SETTINGS_PARTS.find((one) => one === kept.part);
      return { at: 'settings', from, ...(part !== undefined && { part }) };
    }
  } catch {
    return undefined;
  }
  return undefined;
}

/** Where the next and the previous call are looked for: the list from which this one was started. */
export type Listening =
  | { readonly in: 'calls'; readonly filter: CallsFilter; readonly ordinal: number }
  | { readonly in: 'lead'; readonly id: string };

/** A word on something that was done elsewhere than under the eye. */
export interface Toast {
  readonly text: string;
  readonly bad?: boolean;
  readonly action?: { readonly label: string; readonly run: () => void };
}

const TOAST_MS = 6_000;

const DEFAULTS: Settings = {
  language: 'he',
  theme: 'system',
  time_zone: 'Asia/Jerusalem',
  keys: { singles: true, remapped: [] },
  notifications: true,
  now_playing_names: false,
  rewind: 'gentle',
  sound: 'device',
};
const NOT_SYNCED: SyncState = {
  phase: 'never',
  last_success_at_ms: null,
  next_try_at_ms: null,
  calls_seen: 0,
  calls_total: 0,
  leads_seen: 0,
  leads_total: 0,
  appointments_seen: 0,
  appointments_total: 0,
  refused: [],
  rejected: 0,
};

/** What every screen shares. Made once and handed down; a test can make ten. */
export class App {
  readonly host: Host;
  readonly changes = new Changes();
  readonly keys = new Keys();
  readonly player: Player;
  readonly peaks: Peaks;
  readonly calls: CallsModel;
  readonly leads: LeadsModel;
  readonly doctor: Doctor;
  /** What a person wrote that is not at the CRM yet. */
  readonly outbox: Query<OutboxState>;
  /** Notes that are being typed, by lead: leaving the page loses none. */
  readonly typed = new Map<string, string>();
  /** How what is here is kept from others. */
  readonly security: Query<SecurityView>;
  /** What recordings take on this device. */
  readonly storage: Query<StorageView>;
  /** Views over the calls that a person saved. */
  readonly views: Query<SavedViews>;
  /** How many calls each of them shows. */
  readonly viewCounts: ViewCounts;
  /** The page begins anew, over another start of the app. Nothing of this one is kept. */
  reload: () => void = () => window.location.reload();
  #presentAtMs = Date.now();
  #desk = '';
  #deskTimer: ReturnType<typeof setTimeout> | undefined;

  boot = $state.raw<BootState>();
  bootError = $state.raw<HostError>();
  settings = $state.raw<Settings>(DEFAULTS);
  sync = $state.raw<SyncState>(NOT_SYNCED);
  /** Nothing is said about freshness before the app has said it. */
  syncKnown = $state(false);
  screen = $state.raw<Screen>({ at: 'calls' });
  listening = $state.raw<Listening>();
  /** The sign-in form stands over the library, because the session ended. */
  signingIn = $state(false);
  /** Somebody signed in for the first time: they are asked once what is kept here. */
  firstRun = $state(false);
  /** The doctor stands where the library would, because the start was refused. */
  doctorAlone = $state(false);
  /** What lies over the page, opened by a key: the palette, the list of keys. */
  over = $state.raw<'palette' | 'help'>();
  toast = $state.raw<Toast>();
  #toastTimer: ReturnType<typeof setTimeout> | undefined;
  /** Wall clock in milliseconds, every second; `minuteMs` moves once a minute, for lists. */
  nowMs = $state(Date.now());
  minuteMs = $state(Date.now());
  /** Read out by the screen reader when it changes. */
  said = $state('');

  readonly format = $derived(new Format(this.settings.language, this.settings.time_zone));

  constructor(host: Host) {
    this.host = host;
    this.player = new Player(host, this.changes);
    this.player.rewind = () => this.settings.rewind;
    this.player.onFallback = () => this.announce(this.say('sound_fallback'));
    this.peaks = new Peaks(host);
    this.calls = new CallsModel(host, this.changes, () => this.settings.time_zone);
    this.leads = new LeadsModel(host, this.changes);
    this.doctor = new Doctor(host);
    this.outbox = new Query<OutboxState>(this.changes, ['outbox', 'account']);
    this.security = new Query<SecurityView>(this.changes, ['settings', 'account']);
    this.storage = new Query<StorageView>(this.changes, ['recordings', 'listening']);
    this.views = new Query<SavedViews>(this.changes, ['settings', 'account']);
    this.viewCounts = new ViewCounts(this.changes, (view) =>
      host.call('calls_window', { filter: this.calls.filterOf(view), offset: 0, limit: 1 }),
    );
    this.changes.onLocked(() => this.#leave());
    this.changes.onOpen((place) => this.#open(place));
    this.changes.onSync((state) => {
      if (state.phase === 'fresh' && this.sync.phase !== 'fresh') this.security.refresh();
      this.sync = state;
      this.syncKnown = true;
    });
  }

  get language(): Language {
    return this.settings.language;
  }

  get dir(): 'ltr' | 'rtl' {
    return this.settings.language === 'he' ? 'rtl' : 'ltr';
  }

  /** The words of a key in the language of the moment; where it is shown, it follows a change of language. */
  readonly say = (word: Word, args?: MessageArgs): string => say(this.settings.language, word, args);

  async start(): Promise<void> {
    try {
      await this.changes.listen(this.host);
      this.#booted(await this.host.call('boot_state', {}));
    } catch (thrown) {
      this.bootError = HostError.from(thrown);
    }
  }

  #booted(boot: BootState): void {
    this.boot = boot;
    this.settings = boot.settings;
    this.keys.set(boot.settings.keys);
    if (boot.phase !== 'ready') return;
    if (boot.desk !== null) {
      for (const { lead_id, text } of boot.desk.typed) this.typed.set(lead_id, text);
      this.screen = screenOf(boot.desk.place) ?? this.screen;
    }
    void this.#openLibrary();
  }

  /** Nothing personal stays in the window: what is shown goes at once, and the page with all that it held after it. */
  #leave(): void {
    clearTimeout(this.#deskTimer);
    this.typed.clear();
    if (this.boot !== undefined) this.boot = { ...this.boot, phase: 'locked', account: null, desk: null };
    this.reload();
  }

  get canLock(): boolean {
    return this.security.data?.can_lock === true;
  }

  async lock(): Promise<void> {
    if (!this.canLock) return;
    await this.#keepDesk();
    try {
      await this.host.call('lock', {});
    } catch (thrown) {
      const { code } = HostError.from(thrown);
      if (code !== 'locked') return this.announce(this.say(`error_${code}`));
    }
    this.#leave();
  }

  /** A key or the pointer: somebody is here, and may be writing. */
  touched(): void {
    if (!this.canLock) return;
    const nowMs = Date.now();
    if (nowMs - this.#presentAtMs >= PRESENCE_EVERY_MS) {
      this.#presentAtMs = nowMs;
      this.host.call('presence', {}).catch(() => undefined);
    }
    clearTimeout(this.#deskTimer);
    this.#deskTimer = setTimeout(() => void this.#keepDesk(), DESK_AFTER_MS);
  }

  async #keepDesk(): Promise<void> {
    const typed = [...this.typed].map(([lead_id, text]) => ({ lead_id, text }));
    const desk = { place: JSON.stringify(this.screen), typed };
    const text = JSON.stringify(desk);
    if (text === this.#desk) return;
    this.#desk = text;
    await this.host.call('desk_keep', desk).catch(() => undefined);
  }

  async #openLibrary(): Promise<void> {
    this.calls.open();
    this.leads.open();
    this.outbox.ask(() => this.host.call('outbox_state', {}));
    this.security.ask(() => this.host.call('security_read', {}));
    this.storage.ask(() => this.host.call('storage_state', {}));
    this.views.ask(() => this.host.call('views_read', {}));
    this.syncKnown = false;
    const opened = this.player.open().then(() => this.player.use(this.settings.sound));
    const [sync] = await Promise.allSettled([this.host.call('sync_state', {}), opened]);
    // An event that came meanwhile is newer than this answer: a finished sync must not look like a running one.
    if (sync.status === 'fulfilled' && !this.syncKnown) {
      this.sync = sync.value;
      this.syncKnown = true;
    }
  }

  /** Rejects with the reason; the form shows it. */
  async signIn(url: string, email: string, password: string, staySignedIn: boolean): Promise<void> {
    await this.host.call('session_sign_in', { url, email, password, stay_signed_in: staySignedIn });
    const again = this.boot?.phase === 'ready';
    const boot = await this.host.call('boot_state', {});
    this.signingIn = false;
    if (again) {
      this.boot = boot;
      return;
    }
    const { last_success_at_ms: before } = await this.host.call('sync_state', {});
    this.firstRun = before === null && boot.phase === 'ready';
    this.#booted(boot);
  }

  /** Resolves with the reason where it did not come to it. After a wipe the page loads anew, over an empty library. */
  async signOut(wipe: boolean): Promise<string | undefined> {
    try {
      await this.host.call('session_sign_out', { wipe });
    } catch (thrown) {
      return this.say(`error_${HostError.from(thrown).code}`);
    }
    if (wipe) {
      this.reload();
      return undefined;
    }
    this.signingIn = false;
    this.boot = await this.host.call('boot_state', {});
    return undefined;
  }

  async syncNow(): Promise<void> {
    if (this.sync.phase === 'sign_in_again') {
      this.signingIn = true;
      return;
    }
    try {
      await this.host.call('sync_now', {});
    } catch (thrown) {
      if (HostError.from(thrown).code === 'login_expired') this.signingIn = true;
    }
  }

  /** The window came to the front, or the network came back. Costs nothing where it is fresh. */
  nudge(): void {
    if (this.boot?.phase !== 'ready') return;
    this.host.call('sync_nudge', {}).catch(() => undefined);
  }

  setLanguage(language: Language): void {
    void this.#keepSettings({ ...this.settings, language });
  }

  setSound(sound: Settings['sound']): void {
    void this.#keepSettings({ ...this.settings, sound });
    void this.player.use(sound);
  }

  setTheme(theme: Theme): void {
    void this.#keepSettings({ ...this.settings, theme });
  }

  /** Any other part of the settings. */
  keep(part: Partial<Settings>): void {
    void this.#keepSettings({ ...this.settings, ...part });
  }

  async #keepSettings(settings: Settings): Promise<void> {
    // Shown at once. Before the library is open the app may be unable to keep them: then they last for this window.
    this.settings = settings;
    this.keys.set(settings.keys);
    try {
      await this.host.call('settings_write', settings);
    } catch {
      return;
    }
  }

  async want(recordingId: string): Promise<void> {
    await this.#quietly(this.host.call('recording_want', { id: recordingId }));
  }

  async stopWanting(recordingId: string): Promise<void> {
    await this.#quietly(this.host.call('recording_cancel', { id: recordingId }));
  }

  /** Keeps it on this device, or lets it go when there is no room. */
  async pin({ id, pinned }: { id: string; pinned: boolean }): Promise<void> {
    await this.#quietly(this.host.call(pinned ? 'recording_unpin' : 'recording_pin', { id }));
    this.announce(this.say(pinned ? 'unpinned' : 'pinned'));
  }

  /** The recording's own state says what came of it; only a refusal has to be said here. */
  async #quietly(asked: Promise<unknown>): Promise<void> {
    try {
      await asked;
    } catch (thrown) {
      const { code } = HostError.from(thrown);
      if (code === 'login_expired') this.signingIn = true;
      else this.announce(this.say(`error_${code}`));
    }
  }

  /** Where Escape leads from a page of its own; nothing on a list. */
  get backTo(): Screen | undefined {
    const { screen } = this;
    if (!('from' in screen)) return undefined;
    if (screen.at === 'call' && screen.lead !== undefined) return { at: 'lead', id: screen.lead, from: screen.from };
    return { at: screen.from };
  }

  go(screen: Screen): void {
    this.screen = screen;
  }

  openSettings(part?: SettingsPart): void {
    this.go({ at: 'settings', from: sectionOf(this.screen), ...(part !== undefined && { part }) });
  }

  /** A link was followed: its place is shown, and nothing is done there. */
  #open({ sid, at_s, lead_id }: { sid: string | null; at_s: number | null; lead_id: string | null }): void {
    if (this.boot?.phase !== 'ready') return;
    this.over = undefined;
    if (lead_id !== null) this.go({ at: 'lead', id: lead_id, from: 'leads' });
    else if (sid !== null) {
      this.calls.selected = sid;
      this.go({ at: 'call', sid, from: 'calls', ...(at_s !== null && { atMs: at_s * 1000 }) });
    }
  }

  announce(text: string): void {
    this.said = text;
  }

  /** Shows it for a while, and says it; one at a time. */
  tell(toast: Toast): void {
    clearTimeout(this.#toastTimer);
    this.toast = toast;
    this.announce(toast.text);
    // What went wrong stays until somebody has read it.
    if (toast.bad !== true) this.#toastTimer = setTimeout(() => this.hush(), TOAST_MS);
  }

  hush(): void {
    clearTimeout(this.#toastTimer);
    this.toast = undefined;
  }

  async copy(text: string): Promise<void> {
    await navigator.clipboard.writeText(text);
    this.announce(this.say('copied'));
  }
}

export const [useApp, provideApp] = createContext<App>();
