import type { App } from '../../app.svelte';
import type { LimitsView } from '../../bindings/contract';
import { HostError } from '../../host';

/** Sets the room; what does not fit any more goes at once. */
export async function setLimits(app: App, limits: LimitsView): Promise<void> {
  try {
    await app.host.call('storage_limits', limits);
  } catch (thrown) {
    app.tell({ text: app.say(`error_${HostError.from(thrown).code}`), bad: true });
  }
  app.storage.refresh();
}
