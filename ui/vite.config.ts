import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

// The policy of the shipped window, so that what it would block is already blocked in the preview.
const csp = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "object-src 'none'",
].join('; ');

export default defineConfig(({ mode }) => ({
  plugins: [svelte()],
  clearScreen: false,
  server: { port: 1420, strictPort: true, watch: { ignored: ['**/e2e/**'] } },
  preview: { port: 1421, strictPort: true, headers: { 'Content-Security-Policy': csp } },
  build: {
    // WebKitGTK 2.40, WebView2 and Safari 15 all read this.
    target: ['safari15', 'chrome105'],
    // The policy allows no data: fonts, and one script needs no preload helper.
    assetsInlineLimit: 0,
    modulePreload: false,
    reportCompressedSize: false,
  },
  // Svelte's client build, also under vitest.
  resolve: mode === 'test' ? { conditions: ['browser'] } : {},
  // Whole screens, on machines that are busy with other things.
  test: { environment: 'jsdom', include: ['src/**/*.test.ts'], testTimeout: 30_000 },
}));
