import { Channel, convertFileSrc, invoke } from '@tauri-apps/api/core';
import type { AppEvent } from '../bindings/contract';
import { HostError, type Args, type Command, type Host, type Reply } from './port';

/** The shell: one command for every question, one channel for everything it tells by itself. */
export const tauri: Host = {
  async call<C extends Command>(command: C, args: Args<C>): Promise<Reply<C>> {
    try {
      return await invoke<Reply<C>>('rpc', { cmd: command, args });
    } catch (thrown) {
      throw HostError.from(thrown);
    }
  },

  recordingUrl: (id) => convertFileSrc(id, 'rec'),

  async events(listener) {
    const channel = new Channel<AppEvent>();
    channel.onmessage = listener;
    await invoke('events', { channel });
  },
};
