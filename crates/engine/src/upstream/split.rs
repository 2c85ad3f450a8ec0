//! Parts JSON into the raw text of its values, without reading them.
//!
//! Most of a page is text that was read before, and each Hebrew letter of it takes six bytes. Finding where a value ends
//! costs a tenth of reading it, and goes into no depth: a value nested a million times is skipped by a counter. What is
//! taken from here is judged by serde_json when it is read; what is not read is not judged.

use memchr::memchr;

/// Goes through the values of an array, or the names and values of an object.
struct Walk<'a> {
    json: &'a str,
    at: usize,
}

impl<'a> Walk<'a> {
    fn byte(&self) -> Option<u8> {
        self.json.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.byte(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Steps over one sign.
    fn sign(&mut self, wanted: u8) -> Option<()> {
        self.skip_space();
        (self.byte()? == wanted).then(|| self.at += 1)
    }

    /// Steps over a string whose opening quote was stepped over.
    fn string(&mut self) -> Option<()> {
        let bytes = self.json.as_bytes();
        let start = self.at;
        loop {
            let quote = self.at + memchr(b'"', bytes.get(self.at..)?)?;
            self.at = quote + 1;
            let escapes = bytes[start..quote].iter().rev().take_while(|byte| **byte == b'\\').count();
            if escapes.is_multiple_of(2) {
                return Some(());
            }
        }
    }

    /// Steps over one value and gives its text.
    fn value(&mut self) -> Option<&'a str> {
        self.skip_space();
        let start = self.at;
        let mut depth = 0_usize;
        loop {
            let byte = self.byte()?;
            match byte {
                b',' | b':' | b']' | b'}' if depth == 0 => break,
                b' ' | b'\t' | b'\n' | b'\r' if depth == 0 => break,
                _ => self.at += 1,
            }
            match byte {
                b'"' => self.string()?,
                b'[' | b'{' => depth += 1,
                b']' | b'}' => depth -= 1,
                _ => {}
            }
            // A string or a bracket that closes ends the value; a number or a word ends before the next sign.
            if depth == 0 && matches!(byte, b'"' | b']' | b'}') {
                break;
            }
        }
        let text = self.json.get(start..self.at)?;
        (!text.is_empty()).then_some(text)
    }

    /// After a value: whether there is another one before `end`.
    fn goes_on(&mut self, end: u8) -> Option<bool> {
        self.skip_space();
        let byte = self.byte()?;
        self.at += 1;
        if byte == end { Some(false) } else { (byte == b',').then_some(true) }
    }
}

/// Calls `visit` with the place of each value of an array, until it answers false. Returns the byte behind the array;
/// `None` for what is none.
pub(super) fn elements(json: &str, mut visit: impl FnMut(usize, usize) -> bool) -> Option<usize> {
    let mut walk = Walk { json, at: 0 };
    walk.sign(b'[')?;
    walk.skip_space();
    if walk.byte()? == b']' {
        return Some(walk.at + 1);
    }
    let mut wanted = true;
    loop {
        let value = walk.value()?;
        wanted = wanted && visit(walk.at - value.len(), walk.at);
        if !walk.goes_on(b']')? {
            return Some(walk.at);
        }
    }
}

/// Calls `visit` with the raw name (without its quotes) and the raw value of each member of an object, until it answers
/// false. `None` for what is no object, as far as it was looked at.
pub(super) fn members<'a>(json: &'a str, mut visit: impl FnMut(&'a str, &'a str) -> bool) -> Option<()> {
    let mut walk = Walk { json, at: 0 };
    walk.sign(b'{')?;
    walk.skip_space();
    if walk.byte()? != b'}' {
        loop {
            walk.sign(b'"')?;
            let start = walk.at;
            walk.string()?;
            let name = json.get(start..walk.at - 1)?;
            walk.sign(b':')?;
            if !visit(name, walk.value()?) {
                return Some(());
            }
            if !walk.goes_on(b'}')? {
                break;
            }
        }
    } else {
        walk.at += 1;
    }
    walk.skip_space();
    walk.byte().is_none().then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn parted(json: &str) -> Option<Vec<&str>> {
        let mut parts = Vec::new();
        let end = elements(json, |from, to| {
            parts.push((from, to));
            true
        })?;
        json[end..].trim().is_empty().then(|| parts.into_iter().map(|(from, to)| &json[from..to]).collect())
    }

    fn named(json: &str) -> Option<Vec<(&str, &str)>> {
        let mut parts = Vec::new();
        members(json, |name, value| {
            parts.push((name, value));
            true
        })?;
        Some(parts)
    }

    #[test]
    fn values_are_parted_whatever_signs_their_texts_hold() {
        let json = r#" [ 1 , "a,]\"}\\" ,[[],{"x":"]"}],null,{ "k" : [1,2] } ] "#;
        assert_eq!(parted(json), Some(vec!["1", r#""a,]\"}\\""#, r#"[[],{"x":"]"}]"#, "null", r#"{ "k" : [1,2] }"#]));
        assert_eq!((parted("[]"), parted(" [ ] ")), (Some(vec![]), Some(vec![])));
        assert_eq!(named(r#"{"a": "b\\", "c":{"d":1} }"#), Some(vec![("a", r#""b\\""#), ("c", r#"{"d":1}"#)]));
        assert_eq!(named("{ }"), Some(vec![]));
    }

    #[test]
    fn what_is_cut_or_crooked_is_nothing() {
        for json in ["", "[", "[1", "[1,", "[1,]", "[,]", "[1 2]", "[\"a]", "[\"a\\\"]", "{}", "[[1]", "7", "null"] {
            assert_eq!(parted(json), None, "{json}");
        }
        for json in ["", "{", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{\"a\":1", "[]", "{\"a\":1}}", "{} x"] {
            assert_eq!(named(json), None, "{json}");
        }
    }

    #[test]
    fn depth_costs_no_stack() {
        let deep = format!("[{}{}]", "[".repeat(1_000_000), "]".repeat(1_000_000));
        assert_eq!(parted(&deep).map(|parts| parts.len()), Some(1));
        assert_eq!(parted(&"[".repeat(1_000_000)), None);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[\\PC\"\\\\\\[\\]{},:]{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::btree_map("[a-z\"\\\\]{0,4}", inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_serde_json_writes_is_parted_as_it_reads_it(values in proptest::collection::vec(any_json(), 0..6), pretty: bool) {
            let list = Value::from(values.clone());
            let json = if pretty { serde_json::to_string_pretty(&list) } else { serde_json::to_string(&list) }.unwrap();
            let parts: Vec<Value> = parted(&json).unwrap().into_iter().map(|raw| serde_json::from_str(raw).unwrap()).collect();
            prop_assert_eq!(parts, values);
            for value in list.as_array().unwrap() {
                if let Value::Object(map) = value {
                    let json = serde_json::to_string(value).unwrap();
                    let read = named(&json).unwrap().into_iter().map(|(name, raw)| {
                        (serde_json::from_str(&format!("\"{name}\"")).unwrap(), serde_json::from_str(raw).unwrap())
                    });
                    prop_assert_eq!(&read.collect::<serde_json::Map<String, Value>>(), map);
                }
            }
        }

        #[test]
        fn no_text_makes_it_panic(json in "[\\[\\]{}\",:\\\\ a1]{0,40}") {
            let _ = (parted(&json), named(&json));
        }
    }
}
