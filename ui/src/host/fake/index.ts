import { STANDINGS } from '../../bindings/contract';
import type {
  AppEvent,
  BootState,
  CallPage,
  CallRow,
  CallsAsk,
  Code,
  Commands,
  Desk,
  LeadPage,
  LimitsView,
  QueueView,
  RecordingView,
  SecuritySettings,
  SecurityView,
  Settings,
  StorageView,
  SyncPhase,
  SyncState,
} from '../../bindings/contract';
import { HostError, type Args, type Command, type Host, type Reply } from '../port';
import { FakeDoctor } from './doctor';
import { FakeLibrary } from './library';
import { FakeNotes, activityOf, remindersOf } from './notes';
import { appointmentsOf, callOf, leadOf } from './people';
import { FakeMarks, pageOf, wordsOf } from './call';
import { FakePlayer } from './player';
import { inventedPeaks, inventedTurns } from './sound';

type Handlers = { [C in Command]: (args: Args<C>) => Commands[C]['reply'] | Promise<Commands[C]['reply']> };

const CAP = 10_000;
const DAY_MS = 86_400_000;

function fail(code: Code): never {
  throw new HostError({ code, retry_after_ms: null, ref: 'f-01' });
}

/**
 * A host with invented people, for `npm run dev` and for tests: every state of a recording, a server that prepares,
 * a player that moves. The address bar sets the scene: `?boot=sign_in|store_damaged…&lang=en&theme=dark&sync=offline
 * &calls=1000000&notes=offline&doctor=ill&key_file=1&error=calls&wait=2000&player=…`.
 */
export function fakeHost(scene: URLSearchParams): Host {
  const nowMs = () => Date.now();
  const startedAt = nowMs();
  const total = Number(scene.get('calls') ?? 412);
  const leads = 240;
  let emit: (event: AppEvent) => void = () => {};
  let settings: Settings = {
    language: scene.get('lang') === 'en' ? 'en' : 'he',
    theme: scene.get('theme') === 'dark' ? 'dark' : scene.get('theme') === 'light' ? 'light' : 'system',
    time_zone: scene.get('zone') ?? 'Asia/Jerusalem',
    keys: { singles: scene.get('keys') !== 'off', remapped: [] },
    notifications: true,
    now_playing_names: false,
    rewind: 'gentle',
    sound: scene.get('sound') === 'page' ? 'page' : 'device',
  };
  let locked = scene.get('boot') === 'locked';
  let chosen = false;
  let words = scene.get('passphrase');
  let wrong = 0;
  let kept: Desk | undefined;
  const desks: Desk[] = [];
  let security: SecuritySettings = { lock_after_minutes: 15, lock_on_suspend: true, offline_days: 30 };
  const securityView = (): SecurityView => ({
    key: words !== null ? 'passphrase' : scene.get('key_file') === '1' ? 'file' : 'keychain',
    can_lock: words !== null,
    has_leftovers: false,
    settings: security,
    recordings_until_ms: startedAt + Number(scene.get('offline_days') ?? security.offline_days) * DAY_MS,
    recordings_locked: Number(scene.get('offline_days') ?? 1) <= 0,
  });
  const knows = (current: string | null) => {
    if (words !== null && current !== words) fail('wrong_password');
  };
  let limits: LimitsView = {
    cap_bytes: Number(scene.get('cap') ?? 20_000_000_000),
    keep_free_bytes: null,
    deleted_after_days: 7,
  };
  let signedIn = scene.get('boot') !== 'sign_in';
  const changed = new Map<string, Partial<CallRow>>();
  const notes = new FakeNotes(scene.get('notes') ?? '', (tags) => emit({ kind: 'changed', tags }));
  const doctor = new FakeDoctor(
    scene.get('doctor'),
    ['sign_in', null].includes(scene.get('boot')) ? null : scene.get('boot'),
  );
  const timers = new Map<string, ReturnType<typeof setTimeout>>();

  const sync: SyncState = {
    phase: (scene.get('sync') as SyncPhase | null) ?? 'fresh',
    last_success_at_ms: scene.get('sync') === 'first_sync' ? null : startedAt - 120_000,
    next_try_at_ms: ['server_unavailable', 'rate_limited'].includes(scene.get('sync') ?? '')
      ? startedAt + 400_000
      : null,
    calls_seen: scene.get('sync') === 'first_sync' ? 1_250 : 0,
    calls_total: scene.get('sync') === 'first_sync' ? 4_120 : 0,
    leads_seen: 0,
    leads_total: 0,
    appointments_seen: 0,
    appointments_total: 0,
    refused: scene.get('refused')?.split(',') ?? ['calendars'],
    rejected: 0,
  };

  const ordinalOf = (sid: string) => Number(sid.replace(/^(crm:)?CA/, ''));
  const call = (ordinal: number): CallRow => {
    const row = callOf(ordinal, startedAt);
    return { ...row, ...changed.get(row.sid) };
  };

  const library = new FakeLibrary(scene, startedAt, total, call);

  function setRecording(ordinal: number, part: Partial<RecordingView>): RecordingView {
    const row = call(ordinal);
    const standing = part.state === undefined ? {} : STANDINGS[part.state];
    const recording = { ...row.recording, ...standing, ...part };
    changed.set(row.sid, { ...changed.get(row.sid), recording });
    emit({ kind: 'changed', tags: ['recordings'] });
    return recording;
  }

  function storage(): StorageView {
    const rows = library.shown();
    const here = rows.filter((row) => ['on_device', 'pinned', 'unsupported'].includes(row.recording.state));
    const bytes = here.reduce((sum, row) => sum + (row.duration_s ?? 0) * 8000, 0);
    const count = (...states: string[]) => rows.filter((row) => states.includes(row.recording.state)).length;
    return {
      used_bytes: bytes,
      free_bytes: 48_000_000_000,
      limits,
      is_full: scene.get('disk') === 'full',
      on_device: here.length,
      pinned: count('pinned'),
      pinned_bytes: here
        .filter((row) => row.recording.pinned)
        .reduce((sum, row) => sum + (row.duration_s ?? 0) * 8000, 0),
      goes_first: here.filter((row) => row.heard && !row.recording.pinned).length,
      goes_first_bytes: here
        .filter((row) => row.heard && !row.recording.pinned)
        .reduce((sum, row) => sum + (row.duration_s ?? 0) * 8000, 0),
      waiting: count('queued', 'preparing', 'still_preparing', 'downloading', 'partial'),
      failed: count('failed_retrying', 'failed_needs_you', 'damaged'),
      next_out: here.filter((row) => row.recording.state === 'on_device').reverse(),
      deleted: [],
    };
  }

  function later(id: string, ms: number, run: () => void) {
    clearTimeout(timers.get(id));
    timers.set(id, setTimeout(run, ms));
  }

  /** The server's ladder: prepared a few times, then it comes in pieces. */
  function want(id: string): RecordingView {
    const ordinal = ordinalOf(id);
    if (ordinal === 14) return setRecording(ordinal, {});
    const bytes = call(ordinal).duration_s ?? 60;
    const download = (here: number) => {
      if (here >= 100) {
        setRecording(ordinal, {
          state: call(ordinal).recording.pinned ? 'pinned' : 'on_device',
          duration_ms: bytes * 1000,
          channels: 2,
          codec: 'mp3',
          next_try_at_ms: null,
        });
        player.arrived(id);
        return;
      }
      setRecording(ordinal, {
        state: 'downloading',
        bytes_here: here * bytes * 20,
        bytes_total: bytes * 2000,
        next_try_at_ms: null,
      });
      later(id, 150, () => download(here + 5));
    };
    const poll = (n: number) => {
      if (n > 2) return download(0);
      const wait = n === 1 ? 3000 : 5000;
      setRecording(ordinal, { state: 'preparing', polls: n, reason: null, next_try_at_ms: nowMs() + wait });
      later(id, wait, () => poll(n + 1));
    };
    later(id, 400, () => poll(1));
    return setRecording(ordinal, { state: 'queued', place: 1, reason: null, next_try_at_ms: null });
  }

  const seedOf = (id: string) => ordinalOf(id) + 3;
  const lengthOf = (id: string) => {
    const { recording, duration_s } = call(ordinalOf(id));
    return recording.duration_ms ?? (duration_s ?? 1) * 1000;
  };
  const channelsOf = (id: string) => call(ordinalOf(id)).recording.channels ?? 2;
  const turns = (id: string) => inventedTurns(seedOf(id), lengthOf(id), channelsOf(id), swapped);
  let swapped = false;
  let queue: string[] = [];
  const queueView = (): QueueView => ({ calls: queue.map((id) => call(ordinalOf(id))) });
  const queueTold = (): QueueView => {
    emit({ kind: 'changed', tags: ['queue'] });
    player.touch();
    return queueView();
  };
  const player = new FakePlayer(
    {
      call: (id) => call(ordinalOf(id)),
      turns,
      want: (id) => void want(id),
      tell: (state) => emit({ kind: 'player', state }),
      nextQueued: () => {
        const id = queue.shift();
        if (id !== undefined) emit({ kind: 'changed', tags: ['queue'] });
        return id === undefined ? undefined : call(ordinalOf(id));
      },
      queued: () => queue.length,
    },
    scene,
  );
  const listened = new Map<string, number>();
  const marks = new FakeMarks(() => emit({ kind: 'changed', tags: ['marks'] }));

  function callPage(sid: string): CallPage {
    const row = call(ordinalOf(sid));
    const whole = row.recording.play === 'sounds' || row.recording.state === 'evicted';
    const known = whole ? turns(row.recording.id) : undefined;
    const index = row.lead_id === null ? undefined : Number(row.lead_id) - 1;
    const upcoming = index === undefined ? [] : appointmentsOf(index, startedAt);
    const words = scene.get('transcript');
    return pageOf(
      row,
      index === undefined ? null : leadOf(index, startedAt),
      upcoming.find((appointment) => appointment.starts_at_ms > startedAt) ?? null,
      words === 'none'
        ? []
        : wordsOf(turns(row.recording.id), settings.language, words !== 'untimed', Number(words) || 10_000),
      known,
      row.lead_id === null ? [] : marks.notesOf(sid, startedAt),
    );
  }

  function matches(row: CallRow, { filter }: CallsAsk): boolean {
    const text = filter.search.trim().toLowerCase();
    if (filter.direction !== null && row.direction !== filter.direction) return false;
    if (filter.outcome !== null && row.outcome !== filter.outcome) return false;
    if (filter.lead_id !== null && row.lead_id !== filter.lead_id) return false;
    if (filter.from_ms !== null && (row.started_at_ms ?? 0) < filter.from_ms) return false;
    if (filter.to_ms !== null && (row.started_at_ms ?? 0) >= filter.to_ms) return false;
    const recorded = row.recording.state !== 'none_expected';
    if (filter.has_recording !== null && recorded !== filter.has_recording) return false;
    if (filter.view === 'missed' && row.outcome !== 'missed') return false;
    if (filter.view === 'unheard' && (row.heard || row.recording.state === 'none_expected')) return false;
    if (filter.view === 'recorded' && row.recording.state === 'none_expected') return false;
    return text === '' || `${row.lead_name} ${row.number} ${row.summary}`.toLowerCase().includes(text);
  }

  function leadPage(id: string): LeadPage {
    const index = Number(id) - 1;
    if (!(index >= 0 && index < leads)) fail('not_found');
    const appointments = appointmentsOf(index, startedAt);
    const at = [index, index + 15, index + 30, 12 + index, 19, 45 + index, 60 + index];
    const calls = [...new Set(at)].map((ordinal) => ({
      ...call(ordinal),
      lead_id: id,
      lead_name: leadOf(index, startedAt).name,
    }));
    return {
      lead: leadOf(index, startedAt),
      summary: 'מתלבטת בין שתי הצעות. לוח זמנים ברור חשוב לה יותר מהמחיר.',
      free_text: index % 2 === 0 ? 'לשלוח לה דוגמה של לוח זמנים מהתקנה קודמת.\nPrefers e-mail.' : null,
      owner_user_id: index % 3 === 0 ? '3' : null,
      notes: scene.get('notes') === 'none' ? [] : notes.of(id, startedAt, calls[0]?.sid ?? ''),
      activity: activityOf(index, startedAt, calls[0]?.sid ?? ''),
      reminders: remindersOf(index, startedAt),
      read_at_ms: scene.get('notes') === 'none' ? null : startedAt - 40 * 60_000,
      created_at_ms: startedAt - 20 * DAY_MS,
      calls: calls.sort((a, b) => (b.started_at_ms ?? 0) - (a.started_at_ms ?? 0)),
      calls_in_all: calls.length,
      heard: calls.filter((row) => row.heard).length,
      talk_s: calls.reduce((sum, row) => sum + (row.duration_s ?? 0), 0),
      talk: { calls: calls.length, agent_ms: 540_000, customer_ms: 460_000 },
      appointments,
      next_appointment: appointments.find((row) => row.starts_at_ms > startedAt) ?? null,
      // As in the one call that has some.
      marks: calls
        .slice(0, 1)
        .flatMap(({ sid }) => marks.of('CA00000003', startedAt).marks.map((mark) => ({ sid, mark }))),
    };
  }

  /** `&call=3`, `&lead=1` or `&place={"at":"leads"}`: where the window stands first. */
  const placed = (): Desk | null => {
    const [sid, id] = [scene.get('call'), scene.get('lead')];
    const page =
      sid !== null ? { at: 'call', sid: `CA${sid.padStart(8, '0')}` } : id !== null ? { at: 'lead', id } : undefined;
    const place = page === undefined ? scene.get('place') : JSON.stringify(page);
    return place === null ? null : { place, typed: [] };
  };

  const boot = (): BootState => {
    const refused = scene.get('boot');
    const account = {
      email: 'dana@example.com',
      name: 'דנה לוי',
      role: 'owner',
      business: 'שמש הצפון',
      url: 'https://crm.example.com',
    };
    const state = {
      settings,
      key_in_file: scene.get('key_file') === '1',
      key_file: null,
      desk: null,
      version: '0.1.0',
      error: null,
    };
    if (locked) return { ...state, settings: { ...settings }, phase: 'locked', account: null };
    if (refused !== null && !['sign_in', 'locked'].includes(refused) && !chosen) {
      return {
        ...state,
        phase: 'refused',
        account: null,
        key_file:
          refused === 'no_keychain' && scene.get('fresh') === '1' ? '/home/dana/.config/aftercall/0f.key' : null,
        error: { code: refused as Code, retry_after_ms: null, ref: 'b-7f21' },
      };
    }
    return signedIn && !chosen
      ? { ...state, phase: 'ready', account, desk: desks.splice(0)[0] ?? placed() }
      : { ...state, phase: 'sign_in', account: null };
  };

  const handlers: Handlers = {
    boot_state: boot,
    session_sign_in: ({ url, password }) => {
      if (!/^https:\/\/|^http:\/\/(127\.0\.0\.1|localhost)/.test(url)) fail('invalid_input');
      if (url.includes('offline')) fail('offline');
      if (password === 'wrong') fail('wrong_password');
      signedIn = true;
      sync.phase = 'fresh';
      emit({ kind: 'sync', state: { ...sync } });
      const { account } = boot();
      return account ?? fail('internal');
    },
    session_sign_out: () => {
      signedIn = false;
      return {};
    },
    settings_write: (next) => (settings = next),
    security_read: securityView,
    security_write: (next) => {
      security = next;
      return securityView();
    },
    lock: () => {
      locked = true;
      if (kept !== undefined) desks.push(kept);
      return {};
    },
    unlock: ({ passphrase }) => {
      if (passphrase !== (words ?? 'open sesame')) {
        wrong += 1;
        throw new HostError({ code: 'wrong_password', retry_after_ms: 500 * 2 ** wrong, ref: 'f-02' });
      }
      locked = false;
      return {};
    },
    start_again: () => ({}),
    start_anew: () => {
      locked = false;
      chosen = true;
      return {};
    },
    key_choose: () => {
      chosen = true;
      return {};
    },
    key_move: ({ place, current, passphrase }) => {
      knows(current);
      if (place === 'keychain' && scene.get('keychain') === 'none') fail('no_keychain');
      words = place === 'passphrase' ? passphrase : null;
      return {};
    },
    key_rotate: ({ current }) => {
      knows(current);
      return {};
    },
    presence: () => ({}),
    desk_keep: (desk) => {
      kept = desk;
      return {};
    },
    sync_now: () => {
      emit({ kind: 'sync', state: { ...sync, phase: 'syncing' } });
      setTimeout(() => emit({ kind: 'sync', state: { ...sync, phase: 'fresh', last_success_at_ms: nowMs() } }), 900);
      return {};
    },
    sync_nudge: () => ({}),
    sync_state: () => ({ ...sync, ...(scene.get('boot') === 'sign_in' && { last_success_at_ms: null }) }),
    calls_window: (ask) => {
      if (scene.get('error') === 'calls') fail('internal');
      const { search, view, ...rest } = ask.filter;
      const all = scene.get('calls') === '0' ? 0 : total;
      const counts = { all, unheard: all === 0 ? 0 : 14, offset: ask.offset };
      if (search.trim() === '' && view === 'all' && Object.values(rest).every((one) => one === null)) {
        const rows = Array.from({ length: Math.max(0, Math.min(ask.limit, all - ask.offset)) }, (_, i) =>
          call(ask.offset + i),
        );
        return { ...counts, matched: all, matched_capped: false, rows };
      }
      const found = Array.from({ length: Math.min(all, CAP) }, (_, i) => call(i)).filter((row) => matches(row, ask));
      return {
        ...counts,
        matched: found.length,
        matched_capped: false,
        rows: found.slice(ask.offset, ask.offset + ask.limit),
      };
    },
    calls_mark: ({ sids, heard }) => {
      for (const sid of sids) {
        const { sid: own } = call(ordinalOf(sid));
        changed.set(own, { ...changed.get(own), heard });
      }
      emit({ kind: 'changed', tags: ['listening'] });
      return {};
    },
    calls_csv: ({ sids, name }) => library.saved(1, `${name}.csv`, sids?.length ?? total),
    views_read: () => library.views,
    views_write: (views) => {
      library.views = views;
      emit({ kind: 'changed', tags: ['settings'] });
      return views;
    },
    agenda_read: (ask) => library.agenda(ask),
    recordings_export: ({ ids }) => library.saved(ids.length, '2026-11-22 14.02 יעל כהן־ארד.mp3', null),
    rules_read: () => library.rules,
    rules_write: (rules) => (library.rules = rules),
    kept_window: (ask) => library.kept(ask),
    desktop_show: () => ({}),
    desktop_notify: () => ({}),
    about_read: () => ({
      version: '0.1.0',
      folder: '/home/dana/.local/share/aftercall',
      library_bytes: 48_200_000,
      recordings_bytes: storage().used_bytes,
    }),
    call_read: ({ sid }) => call(ordinalOf(sid)),
    leads_window: ({ search, offset, limit }) => {
      const found = Array.from({ length: leads }, (_, i) => leadOf(i, startedAt)).filter((row) =>
        `${row.name} ${row.phone} ${row.email}`.includes(search.trim()),
      );
      return {
        matched: found.length,
        matched_capped: false,
        all: leads,
        offset,
        rows: found.slice(offset, offset + limit),
      };
    },
    lead_read: ({ id }) => leadPage(id),
    lead_in_crm: () => (scene.get('browser') === 'none' ? fail('not_found') : {}),
    lead_open: () => {
      if (sync.phase === 'offline') fail('offline');
      if (sync.phase === 'server_unavailable') fail('server_unavailable');
      return { read_at_ms: nowMs() };
    },
    note_add: ({ lead_id, call, text }) => {
      if (text.length > 20_000) fail('invalid_input');
      const lead = lead_id ?? (call === null ? null : callOf(ordinalOf(call.sid), startedAt).lead_id);
      if (call !== null) marks.add(call.sid, call.at_ms, text, 'note', nowMs());
      if (lead === null) return { id: null };
      return { id: notes.add(lead, text, call) };
    },
    note_edit: ({ id, text }) => {
      notes.edit(id, text);
      return {};
    },
    note_retry: ({ id }) => {
      notes.retry(id);
      return {};
    },
    note_discard: ({ id }) => {
      notes.discard(id);
      return {};
    },
    outbox_state: () => notes.state(),
    recording_want: ({ id }) => want(id),
    recording_cancel: ({ id }) => {
      clearTimeout(timers.get(id));
      player.giveUp();
      return setRecording(ordinalOf(id), {
        state: 'ready_online',
        polls: 0,
        place: null,
        next_try_at_ms: null,
        reason: null,
      });
    },
    recording_pin: ({ id }) => {
      const ordinal = ordinalOf(id);
      if (call(ordinal).recording.state === 'on_device')
        return setRecording(ordinal, { state: 'pinned', pinned: true });
      setRecording(ordinal, { pinned: true });
      return want(id);
    },
    recording_unpin: ({ id }) => {
      const ordinal = ordinalOf(id);
      const { state } = call(ordinal).recording;
      return setRecording(ordinal, { state: state === 'pinned' ? 'on_device' : state, pinned: false });
    },
    recording_evict: ({ id }) => {
      const ordinal = ordinalOf(id);
      if (call(ordinal).recording.pinned) fail('invalid_input');
      return setRecording(ordinal, { state: 'evicted' });
    },
    recording_keep: ({ id }) => call(ordinalOf(id)).recording,
    storage_state: storage,
    storage_limits: (next) => {
      limits = next;
      return storage();
    },
    storage_evict: storage,
    recording_swap_sides: () => {
      swapped = !swapped;
      emit({ kind: 'changed', tags: ['settings'] });
      return {};
    },
    recording_peaks: ({ id, buckets }) => {
      const { recording } = call(ordinalOf(id));
      const part = recording.state === 'downloading' ? recording.bytes_here / (recording.bytes_total ?? Infinity) : 1;
      if (part === 1 && recording.play !== 'sounds' && recording.state !== 'evicted') fail('not_ready');
      return inventedPeaks(seedOf(id), lengthOf(id), channelsOf(id), buckets, swapped, part);
    },
    recording_turns: ({ id }) => (call(ordinalOf(id)).recording.play === 'sounds' ? turns(id) : fail('not_ready')),
    listening_read: ({ sid }) => ({ position_ms: listened.get(sid) ?? 0, heard: call(ordinalOf(sid)).heard }),
    listening_keep: ({ sid, position_ms }) => {
      listened.set(sid, position_ms);
      const length = call(ordinalOf(sid)).recording.duration_ms ?? Infinity;
      if (position_ms >= length * 0.9) changed.set(sid, { ...changed.get(sid), heard: true });
      emit({ kind: 'changed', tags: ['listening'] });
      return {};
    },
    call_page: ({ sid }) => callPage(sid),
    marks_read: ({ sid }) => marks.of(sid, startedAt),
    mark_add: ({ sid, at_ms, text }) => marks.add(sid, at_ms, text, 'bookmark', nowMs()),
    mark_rename: ({ id, text }) => {
      marks.rename(id, text);
      return {};
    },
    mark_delete: ({ id }) => {
      marks.remove(id);
      return {};
    },
    queue_read: queueView,
    queue_add: ({ ids, first }) => {
      const rest = queue.filter((id) => !ids.includes(id));
      queue = first ? [...ids, ...rest] : [...rest, ...ids];
      return queueTold();
    },
    queue_remove: ({ id }) => {
      queue = queue.filter((known) => known !== id);
      return queueTold();
    },
    queue_move: ({ id, to }) => {
      queue = queue.filter((known) => known !== id);
      queue.splice(to, 0, id);
      return queueTold();
    },
    queue_clear: () => {
      queue = [];
      return queueTold();
    },
    ...player.handlers,
    doctor_steps: () => (scene.get('doctor') === 'failed' ? fail('internal') : doctor.steps()),
    doctor_look: async ({ step }) => {
      await new Promise((done) => setTimeout(done, Number(scene.get('doctor_ms') ?? 0)));
      return doctor.look(step);
    },
    doctor_mend: () => (scene.get('doctor') === 'stuck' ? fail('profile_in_use') : doctor.mend()),
  };

  const loaded = scene.get('player');
  if (loaded !== null)
    setTimeout(() => player.load(`crm:CA${loaded.padStart(8, '0')}`, scene.get('paused') === null), 50);

  return {
    async call<C extends Command>(command: C, args: Args<C>): Promise<Reply<C>> {
      const wait = Number(scene.get('wait') ?? 5);
      await new Promise((done) => setTimeout(done, command === 'boot_state' ? 0 : wait));
      try {
        return await (handlers[command] as (args: Args<C>) => Reply<C> | Promise<Reply<C>>)(args);
      } catch (thrown) {
        throw HostError.from(thrown);
      }
    },
    recordingUrl: (id) => `rec://localhost/${encodeURIComponent(id)}`,
    async events(listener) {
      emit = listener;
    },
  };
}
