import { mount } from 'svelte';
import './app.css';
import { App } from './app.svelte';
import Shell from './Shell.svelte';
import { openHost } from './host';

const target = document.getElementById('app');
if (target === null) throw new Error('index.html has no #app');

const host = await openHost();
const app = new App(host);
mount(Shell, { target, props: { app } });
void app.start();
