//! SQL's `ILIKE '%…%'` with what the CRM leaves in it: `%` and `_` of the search are wildcards.

/// Whether `text` contains something like `needle`, whatever the case.
pub(super) fn contains_like(text: &str, needle: &str) -> bool {
    let pattern: Vec<char> = format!("%{needle}%").to_lowercase().chars().collect();
    let text: Vec<char> = text.to_lowercase().chars().collect();
    let (mut at, mut in_pattern) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(in_pattern) {
            Some('%') => {
                retry = Some((in_pattern, at));
                in_pattern += 1;
            }
            Some(wanted) if *wanted == '_' || *wanted == text[at] => {
                in_pattern += 1;
                at += 1;
            }
            _ => {
                let Some((star, from)) = retry else { return false };
                in_pattern = star + 1;
                at = from + 1;
                retry = Some((star, at));
            }
        }
    }
    pattern[in_pattern..].iter().all(|left| *left == '%')
}

#[cfg(test)]
mod tests {
    use super::contains_like;

    #[test]
    fn percent_and_underscore_are_wildcards_and_case_does_not_count() {
        assert!(contains_like("+972505550111", "+97250"));
        assert!(contains_like("שיפוץ מטבח", "מטבח"));
        assert!(contains_like("Your Quote", "quote"));
        assert!(contains_like("", "%"));
        assert!(contains_like("a12b", "a__b"));
        assert!(!contains_like("a1b", "a__b"));
        assert!(!contains_like("abc", "abd"));
    }
}
