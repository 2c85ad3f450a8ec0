import type { ComponentProps } from 'svelte';

import { SECTIONS, SETTINGS_PARTS, type App } from '../../app.svelte';
import type Icon from '../../elements/Icon.svelte';
import { MAC } from '../../keys/keys';
import { capsOf } from '../../keys/remap';
import type { Command } from '../../keys/table';
import type { Word } from '../../text/en';

/** Something that the palette can do or go to. */
export interface Action {
  readonly id: string;
  readonly icon: ComponentProps<typeof Icon>['name'];
  readonly label: string;
  /** Other words by which it is found. */
  readonly also?: string;
  readonly keys?: string | undefined;
  readonly run: () => void;
}

const ICONS: Record<(typeof SECTIONS)[number], Action['icon']> = {
  calls: 'phone',
  leads: 'users',
  offline: 'device',
  appointments: 'calendar',
};

/** Everything that the palette offers beside what is in the library. */
export function actionsOf(app: App): { places: Action[]; deeds: Action[] } {
  const table = app.keys.table(app.settings.keys);
  const keys = (command: Command) => {
    const binding = table.find((one) => one.command === command);
    return binding === undefined ? undefined : capsOf(binding, MAC);
  };
  const { say } = app;
  const other = app.language === 'he' ? 'en' : 'he';
  const places: Action[] = [
    ...SECTIONS.map((section) => ({
      id: `go-${section}`,
      icon: ICONS[section],
      label: say(`nav_${section}`),
      keys: keys(`go_${section}`),
      run: () => app.go({ at: section }),
    })),
    ...(app.views.data?.views ?? []).map((view) => ({
      id: `view-${view.id}`,
      icon: 'bookmark' as const,
      label: view.name,
      also: say('saved_views'),
      run: () => {
        app.calls.show(view);
        app.go({ at: 'calls' });
      },
    })),
    {
      id: 'doctor',
      icon: 'stethoscope',
      label: say('doctor'),
      run: () => app.go({ at: 'doctor', from: 'from' in app.screen ? app.screen.from : app.screen.at }),
    },
    ...SETTINGS_PARTS.map((part) => ({
      id: `settings-${part}`,
      icon: 'settings' as const,
      label: `${say('settings')} · ${say(`settings_${part}` as Word)}`,
      keys: part === 'account' ? keys('open_settings') : undefined,
      run: () => app.openSettings(part),
    })),
  ];
  const deeds: Action[] = [
    { id: 'sync', icon: 'refresh', label: say('sync_now'), keys: keys('sync_now'), run: () => void app.syncNow() },
    {
      id: 'help',
      icon: 'keyboard',
      label: say('keys'),
      keys: keys('help'),
      run: () => void (app.over = 'help'),
    },
    {
      id: 'language',
      icon: 'languages',
      label: `${say('language_other')} · ${say('language_switch')}`,
      also: 'language שפה english עברית',
      run: () => app.setLanguage(other),
    },
    ...(['light', 'dark', 'system'] as const)
      .filter((theme) => theme !== app.settings.theme)
      .map((theme) => ({
        id: `theme-${theme}`,
        icon: theme === 'light' ? ('sun' as const) : theme === 'dark' ? ('moon' as const) : ('monitor' as const),
        label: say(`theme_${theme}`),
        run: () => app.setTheme(theme),
      })),
    ...(app.canLock
      ? [{ id: 'lock', icon: 'lock' as const, label: say('lock'), keys: keys('lock'), run: () => void app.lock() }]
      : []),
  ];
  return { places, deeds };
}

/** Whether every typed word begins a word of the label. */
export function fits(action: Action, typed: string): boolean {
  const words = `${action.label} ${action.also ?? ''}`.toLowerCase().split(/[\s·:]+/);
  return typed
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '')
    .every((word) => words.some((of) => of.startsWith(word)));
}

/** A text cut where a typed word stands in it, so that it can be marked. */
export function marked(text: string, typed: string): { text: string; hit: boolean }[] {
  const words = typed
    .split(/\s+/)
    .filter((word) => word !== '')
    .map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  if (words.length === 0) return [{ text, hit: false }];
  const parts = text.split(new RegExp(`(${words.join('|')})`, 'giu'));
  return parts.map((part, n) => ({ text: part, hit: n % 2 === 1 })).filter((part) => part.text !== '');
}
