import type { PeaksView } from '../bindings/contract';
import type { Host } from '../host';

const KEPT = 200;

/** Waveforms that were asked for already: they never change while a recording is on this device. */
export class Peaks {
  readonly #host: Host;
  readonly #known = new Map<string, Promise<PeaksView>>();

  constructor(host: Host) {
    this.#host = host;
  }

  read(recordingId: string, buckets: number): Promise<PeaksView> {
    const key = `${recordingId} ${buckets}`;
    const before = this.#known.get(key);
    if (before !== undefined) return before;
    const asked = this.#host.call('recording_peaks', { id: recordingId, buckets });
    // A failure is not kept: the file may have come by the next time.
    asked.catch(() => this.#known.delete(key));
    this.#known.set(key, asked);
    const oldest = this.#known.keys().next().value;
    if (this.#known.size > KEPT && oldest !== undefined) this.#known.delete(oldest);
    return asked;
  }
}
