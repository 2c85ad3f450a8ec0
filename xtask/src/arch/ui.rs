//! The user interface has one folder that knows its host.

use super::Violation;
use super::tree::Source;

const HOST: &str = "ui/src/host/";

/// Imports of the shell's packages outside `ui/src/host`.
pub fn violations(source: &Source) -> Vec<Violation> {
    if source.file.starts_with(HOST) {
        return Vec::new();
    }
    let imports =
        |line: &&str| ["'@tauri-apps/", "\"@tauri-apps/", "`@tauri-apps/"].iter().any(|quoted| line.contains(quoted));
    source
        .text
        .lines()
        .enumerate()
        .filter(|(_, line)| imports(line))
        .map(|(index, _)| Violation {
            file: source.file.clone(),
            line: index + 1,
            rule: format!("@tauri-apps is imported in {HOST} only"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_host_folder_imports_the_shells_packages() {
        let text = "<script lang=\"ts\">\n  import { invoke } from '@tauri-apps/api/core';\n</script>\n";
        let at = |file: &str| violations(&Source { file: file.into(), text: text.into() });
        let found = at("ui/src/features/calls/Calls.svelte");
        assert_eq!(found.iter().map(|v| v.line).collect::<Vec<_>>(), [2]);
        assert!(at("ui/src/host/tauri.ts").is_empty());
    }
}
