import { mount } from 'svelte';
import { App } from '../../app.svelte';
import { fakeHost } from '../../host/fake';
import Gallery from './Gallery.svelte';

/** Shows every element in English and Hebrew, over two apps of their own. */
export default async function show(target: HTMLElement): Promise<void> {
  const [english, hebrew] = [
    new App(fakeHost(new URLSearchParams('lang=en'))),
    new App(fakeHost(new URLSearchParams('lang=he'))),
  ];
  await Promise.all([english.start(), hebrew.start()]);
  mount(Gallery, { target, props: { english, hebrew } });
}
