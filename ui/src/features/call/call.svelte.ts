import { untrack } from 'svelte';
import type { App } from '../../app.svelte';
import type { CallPage, MarksView, TurnsView } from '../../bindings/contract';
import { Query } from '../../data/query.svelte';
import { isHere } from '../../elements/recording';
import { HostError } from '../../host';
import { COARSE_BUCKETS, FINE_BUCKETS, shapeOf, type Shape } from './lanes';
import { entriesOf, type MarkEntry } from './marks';
import { following, openedAt, within, wholeOf, type View } from './view';

/** What the call page knows and shows; one for each page that is opened. */
export class CallModel {
  readonly sid: string;
  readonly page: Query<CallPage>;
  readonly turns: Query<TurnsView>;
  readonly marks: Query<MarksView>;
  shape = $state.raw<Shape>();
  /** The part of the recording that the lanes show. */
  view = $state.raw<View>({ fromMs: 0, toMs: 1 });
  /** The lanes and the transcript go with the sound until the person looks elsewhere. */
  follows = $state(true);
  readonly #app: App;
  /** Where a link points at, until the person goes somewhere by themselves. */
  linkMs = $state<number>();
  #shapeOf = '';
  #isFine = false;

  constructor(app: App, sid: string, linkMs?: number) {
    this.linkMs = linkMs;
    // What plays here goes on; the page stays at the link's place.
    this.follows = linkMs === undefined;
    this.#app = app;
    this.sid = sid;
    const tags = ['calls', 'leads', 'recordings', 'listening', 'appointments', 'calendars', 'settings'] as const;
    this.page = new Query<CallPage>(app.changes, [...tags, 'outbox']);
    this.turns = new Query<TurnsView>(app.changes, ['settings']);
    this.marks = new Query<MarksView>(app.changes, ['marks', 'calls']);
    this.page.ask(() => app.host.call('call_page', { sid }));
    this.marks.ask(() => app.host.call('marks_read', { sid }));
  }

  stop(): void {
    this.page.stop();
    this.turns.stop();
    this.marks.stop();
  }

  /** It is in the player, and can be moved in. */
  readonly live = $derived.by(() => this.#app.player.state.call?.sid === this.sid && this.#app.player.ready);

  readonly durationMs = $derived.by(() => {
    const call = this.page.data?.call;
    const playing = this.live ? this.#app.player.state.duration_ms : 0;
    return playing || call?.recording.duration_ms || (call?.duration_s ?? 0) * 1000;
  });

  /** Where the head stands: in the player, or where it would begin. */
  readonly headMs = $derived.by(() => (this.live ? this.#app.player.shownMs : (this.linkMs ?? 0)));

  /** The place that the page is about. */
  readonly placeMs = $derived.by(() => this.linkMs ?? this.headMs);

  /** Stretches that are here, in media time; null where all of it is, empty where nothing is. */
  readonly here = $derived.by<readonly (readonly [number, number])[] | null>(() => {
    const recording = this.page.data?.call.recording;
    const arriving = this.live ? this.#app.player.state.here : null;
    if (arriving !== null) return arriving.map(([from, to]) => [from * this.durationMs, to * this.durationMs] as const);
    return recording !== undefined && isHere(recording) ? null : [];
  });

  readonly entries = $derived.by<MarkEntry[]>(() =>
    entriesOf(this.marks.data?.marks ?? [], this.page.data?.notes ?? []),
  );

  /** Whose channel is whose; empty where the speakers cannot be split. */
  readonly sides = $derived.by(() => this.turns.data?.sides ?? []);

  /** The recording came, went, or its sides were swapped: what belongs to it is asked for anew. */
  recordingChanged(id: string, known: boolean): void {
    this.turns.ask(known ? () => this.#app.host.call('recording_turns', { id }) : undefined, true);
    this.#shapeOf = known ? id : '';
    this.#isFine = false;
    if (known) void this.#readShape(id, COARSE_BUCKETS);
    else this.shape = undefined;
  }

  /** More of it is here than before: what is known of its shape is drawn, the former shape stays until then. */
  arrivedMore(id: string): void {
    if (this.#shapeOf === '') void this.#readShape(id, COARSE_BUCKETS);
  }

  /** The lanes are looked at from nearer than the coarse shape can show. */
  wantFine(): void {
    if (this.#isFine || this.#shapeOf === '') return;
    this.#isFine = true;
    void this.#readShape(this.#shapeOf, FINE_BUCKETS);
  }

  async #readShape(id: string, buckets: number): Promise<void> {
    try {
      const peaks = await this.#app.host.call('recording_peaks', { id, buckets });
      const whole = peaks.known_ms >= peaks.duration_ms;
      if (this.#shapeOf === id || (this.#shapeOf === '' && !whole)) this.shape = shapeOf(peaks);
    } catch {
      // Without its waveform a recording still plays and seeks: the hatch says what is missing.
      if (this.#shapeOf === id && buckets === COARSE_BUCKETS) this.shape = undefined;
    }
  }

  /** The length became known, or the page was opened. */
  fit(): void {
    untrack(() => {
      this.view = openedAt(this.placeMs, Math.max(1, this.durationMs));
    });
  }

  show(view: View): void {
    this.view = within(view, Math.max(1, this.durationMs));
  }

  showWhole(): void {
    this.view = wholeOf(this.durationMs);
  }

  /** The sound went on: the page is turned where the head leaves it. */
  goWith(headMs: number): void {
    if (this.follows) this.view = following(this.view, headMs, Math.max(1, this.durationMs));
  }

  /** Goes to a place: in the player where it is, else it is put there first. */
  async jump(toMs: number): Promise<void> {
    this.follows = true;
    this.linkMs = undefined;
    const { player } = this.#app;
    if (!this.live) {
      const recording = this.page.data?.call.recording;
      if (recording === undefined) return;
      await player.load(recording.id, false);
    }
    await player.seek(toMs);
    this.goWith(toMs);
  }

  async play(): Promise<void> {
    const { player } = this.#app;
    const recording = this.page.data?.call.recording;
    if (this.live) return player.playPause();
    if (recording === undefined) return;
    const fromMs = this.linkMs;
    this.follows = true;
    await player.load(recording.id, fromMs === undefined);
    if (fromMs === undefined || !this.live) return;
    this.linkMs = undefined;
    await player.seek(fromMs);
    await player.playPause();
  }

  /** Resolves with whether it was done; a refusal is said. */
  async #do(asked: Promise<unknown>): Promise<boolean> {
    try {
      await asked;
      return true;
    } catch (thrown) {
      const { code } = HostError.from(thrown);
      if (code === 'login_expired') this.#app.signingIn = true;
      else this.#app.announce(this.#app.say(`error_${code}`));
      return false;
    }
  }

  async bookmark(): Promise<void> {
    const at_ms = Math.round(this.headMs);
    if (await this.#do(this.#app.host.call('mark_add', { sid: this.sid, at_ms, text: '' })))
      this.#app.announce(this.#app.say('call_bookmarked', { time: this.#app.format.spokenLength(at_ms) }));
  }

  note(text: string, atMs: number): Promise<boolean> {
    const call = { sid: this.sid, at_ms: Math.round(atMs) };
    return this.#do(this.#app.host.call('note_add', { lead_id: null, call, text }));
  }

  rename(entry: MarkEntry, text: string): Promise<boolean> {
    const { note, markId } = entry;
    if (entry.kind === 'bookmark' && markId !== null)
      return this.#do(this.#app.host.call('mark_rename', { id: markId, text }));
    return note === null
      ? Promise.resolve(false)
      : this.#do(this.#app.host.call('note_edit', { id: note.pending?.id ?? note.id, text }));
  }

  async remove(entry: MarkEntry): Promise<void> {
    const { markId, note } = entry;
    // What is not sent yet goes with its mark; what was sent stays on the lead.
    if (note?.pending != null && note.id === note.pending.id)
      await this.#do(this.#app.host.call('note_discard', { id: note.pending.id }));
    if (markId !== null && (await this.#do(this.#app.host.call('mark_delete', { id: markId }))))
      this.#app.announce(this.#app.say('call_mark_removed'));
  }

  async swapSides(): Promise<void> {
    const recording = this.page.data?.call.recording;
    if (recording === undefined) return;
    if (await this.#do(this.#app.host.call('recording_swap_sides', { id: recording.id }))) {
      this.recordingChanged(recording.id, true);
      this.#app.announce(this.#app.say('call_sides_swapped'));
    }
  }
}
