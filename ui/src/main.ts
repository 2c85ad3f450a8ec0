import { mount } from 'svelte';
import './app.css';
import { App } from './app.svelte';
import Shell from './Shell.svelte';
import { openHost } from './host';

const target = document.getElementById('app');
if (target === null) throw new Error('index.html has no #app');

if (import.meta.env.DEV && new URLSearchParams(window.location.search).get('page') === 'elements') {
  // The design system alone; no part of what is shipped.
  const { default: showElements } = await import('./elements/gallery/show');
  await showElements(target);
} else {
  const host = await openHost();
  const app = new App(host);
  mount(Shell, { target, props: { app } });
  void app.start();
}
