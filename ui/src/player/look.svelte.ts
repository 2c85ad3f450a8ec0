/** How a canvas must look changed: the theme, forced colours, the scale of the screen. Its colours are read again. */
export function look(): { readonly changes: number } {
  let changes = $state(0);
  $effect(() => {
    const queries = ['(forced-colors: active)', `(resolution: ${window.devicePixelRatio}dppx)`].map((query) =>
      window.matchMedia(query),
    );
    const changed = () => (changes += 1);
    for (const query of queries) query.addEventListener('change', changed);
    const theme = new MutationObserver(changed);
    theme.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
    return () => {
      for (const query of queries) query.removeEventListener('change', changed);
      theme.disconnect();
    };
  });
  return {
    get changes() {
      return changes;
    },
  };
}
