//! The paths (`a::b::c`) that a Rust file names, with their lines.
//!
//! Read from tokens: comments and strings are not code, and what a macro's argument names counts like any other code.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A path as the file writes it, groups taken apart: `use a::{b, c::d}` is `a`, `a::b` and `a::c::d`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    pub line: usize,
    pub segments: Vec<String>,
    /// Directly after `use` or `extern crate`: even a single segment is an import then.
    pub imported: bool,
    /// A string literal's text instead of a path (one segment).
    pub literal: bool,
}

impl Named {
    /// Whether this names something of the outside crate `name`.
    pub fn of_crate(&self, name: &str) -> bool {
        !self.literal
            && (self.imported || self.segments.len() > 1)
            && self.segments.first().is_some_and(|first| first == name)
    }
}

/// Every path and every string literal of a file. The error is where the file stops being Rust.
pub fn paths(source: &str) -> Result<Vec<Named>, String> {
    // A first line that begins with #! is no token.
    let source = if source.starts_with("#!/") { source.split_once('\n').map_or("", |(_, rest)| rest) } else { source };
    let stream: TokenStream = source.parse().map_err(|e: proc_macro2::LexError| {
        let at = e.span().start();
        format!("line {}: {e}", at.line)
    })?;
    let mut found = Vec::new();
    walk(stream, &[], false, &mut found);
    Ok(found)
}

/// Words after which `::a` is a path of its own.
const KEYWORDS: &[&str] =
    &["use", "pub", "as", "in", "impl", "for", "dyn", "mut", "return", "match", "if", "else", "where"];

fn walk(stream: TokenStream, prefix: &[String], imported: bool, found: &mut Vec<Named>) {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    let mut i = 0;
    let mut before = String::new();
    while i < tokens.len() {
        match &tokens[i] {
            TokenTree::Ident(ident) => {
                let word = ident.to_string();
                if word == "as" && !prefix.is_empty() {
                    i += 2; // the new name in a use group is no path
                    continue;
                }
                let line = ident.span().start().line;
                let imported = imported || before == "use" || before == "crate";
                let mut segments = prefix.to_vec();
                segments.push(word.clone());
                i += 1;
                let mut group = None;
                while !KEYWORDS.contains(&word.as_str()) && is_colons(&tokens, i) {
                    match tokens.get(i + 2) {
                        Some(TokenTree::Ident(next)) => segments.push(next.to_string()),
                        Some(TokenTree::Group(g)) if g.delimiter() == Delimiter::Brace => {
                            group = Some(g.stream());
                            i += 3;
                            break;
                        }
                        _ => {
                            i += 2;
                            break;
                        }
                    }
                    i += 3;
                }
                before = if segments.len() == prefix.len() + 1 { word } else { String::new() };
                found.push(Named { line, segments: segments.clone(), imported, literal: false });
                if let Some(group) = group {
                    walk(group, &segments, imported, found);
                }
            }
            TokenTree::Group(group) => {
                walk(group.stream(), &[], false, found);
                before.clear();
                i += 1;
            }
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                if text.contains('"') {
                    let line = literal.span().start().line;
                    found.push(Named { line, segments: vec![text], imported: false, literal: true });
                }
                before.clear();
                i += 1;
            }
            TokenTree::Punct(punct) => {
                // `use ::serde` keeps its `use`; anything else ends the word before it.
                if punct.as_char() != ':' {
                    before.clear();
                }
                i += 1;
            }
        }
    }
}

fn is_colons(tokens: &[TokenTree], i: usize) -> bool {
    let colon = |i: usize| matches!(tokens.get(i), Some(TokenTree::Punct(p)) if p.as_char() == ':');
    colon(i) && colon(i + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(source: &str) -> Vec<String> {
        paths(source).unwrap().iter().filter(|n| !n.literal).map(|n| n.segments.join("::")).collect()
    }

    #[test]
    fn a_group_is_taken_apart_with_its_prefix() {
        let found = named("use crate::{store::table, upstream::{self, crm::Crm as Far}};");
        for path in ["crate::store::table", "crate::upstream", "crate::upstream::self", "crate::upstream::crm::Crm"] {
            assert!(found.iter().any(|f| f == path), "{path} not in {found:?}");
        }
        assert!(!found.iter().any(|f| f.ends_with("Far")));
    }

    #[test]
    fn comments_and_strings_name_nothing() {
        let found = named("// reqwest::get\n/// see reqwest::Client\nfn f() { log(\"reqwest::get\"); }");
        assert!(!found.iter().any(|f| f.starts_with("reqwest")), "{found:?}");
    }

    #[test]
    fn a_path_inside_a_macro_counts() {
        let found = paths("fn f() {\n  vec![reqwest::Client::new()];\n}").unwrap();
        assert!(found.iter().any(|n| n.of_crate("reqwest") && n.line == 2), "{found:?}");
    }

    #[test]
    fn a_field_or_variable_with_a_crates_name_is_no_import() {
        let found = paths("fn f(s: S) { s.reqwest.go(); let reqwest = 1; reqwest + 1; }").unwrap();
        assert!(!found.iter().any(|n| n.of_crate("reqwest")), "{found:?}");
    }

    #[test]
    fn a_bare_use_is_an_import() {
        for source in ["use reqwest;", "use ::reqwest::Client;", "extern crate reqwest;"] {
            assert!(paths(source).unwrap().iter().any(|n| n.of_crate("reqwest")), "{source}");
        }
    }
}
