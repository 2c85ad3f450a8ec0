import js from '@eslint/js';
import globals from 'globals';
import svelte from 'eslint-plugin-svelte';
import ts from 'typescript-eslint';
import svelteConfig from './svelte.config.js';

// Everything that a name or a summary from the CRM could use to become markup.
const asMarkup = ['innerHTML', 'outerHTML', 'insertAdjacentHTML', 'srcdoc'].map((name) => ({
  selector: `MemberExpression[property.name='${name}']`,
  message: 'Data from the CRM is shown as text only.',
}));

export default ts.config(
  { ignores: ['dist', 'dist-fake', 'node_modules', 'src/bindings', 'e2e'] },
  js.configs.recommended,
  ...ts.configs.recommended,
  ...svelte.configs['flat/recommended'],
  {
    languageOptions: { globals: { ...globals.browser } },
    rules: {
      // The compiler knows the globals.
      'no-undef': 'off',
      'svelte/no-at-html-tags': 'error',
      // A Map that is not shown needs no signal; those that are shown say so by their type.
      'svelte/prefer-svelte-reactivity': 'off',
      'no-restricted-syntax': ['error', ...asMarkup],
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: ['@tauri-apps/*'], message: 'Only src/host knows the shell.' }] },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
    },
  },
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: { parserOptions: { parser: ts.parser, svelteConfig } },
  },
  { files: ['src/host/**'], rules: { 'no-restricted-imports': 'off' } },
  { files: ['*.config.{js,ts}'], languageOptions: { globals: { ...globals.node } } },
);
