//! Other words in an answer than the invented people's: what a test wants to see on every screen.

use serde_json::Value;

use crate::data::mix;
use crate::script::Texts;

/// What tells an object from others, first of these that it has.
const IDS: [&str; 4] = ["id", "sid", "call_sid", "page_key"];

/// Puts `texts` into its fields, wherever they are text, a list of texts, or an object with texts.
pub(crate) fn put_into(value: &mut Value, texts: &Texts) {
    put(value, texts, 0);
}

fn put(value: &mut Value, texts: &Texts, of: u64) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(|one| put(one, texts, of)),
        Value::Object(map) => {
            let of = IDS.iter().find_map(|id| map.get(*id)).map_or(of, ordinal);
            let turn = usize::try_from(of % texts.with.len() as u64).unwrap_or(0);
            for (key, value) in map.iter_mut() {
                if texts.fields.contains(key) { say(value, &texts.with[turn]) } else { put(value, texts, of) }
            }
        }
        _ => {}
    }
}

/// A number is its own; for a word, one that its letters give.
fn ordinal(id: &Value) -> u64 {
    let of_word = |word: &str| word.bytes().fold(0, |sum, byte| mix(sum, u64::from(byte), 0));
    id.as_u64().unwrap_or_else(|| of_word(id.as_str().unwrap_or_default()))
}

fn say(value: &mut Value, text: &str) {
    match value {
        Value::String(words) => text.clone_into(words),
        Value::Array(list) => list.iter_mut().for_each(|one| say(one, text)),
        Value::Object(map) => map.values_mut().for_each(|one| say(one, text)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_object_has_its_own_words_in_every_answer_and_all_else_stays() {
        let texts = Texts { fields: vec!["name".into(), "tags".into()], with: vec!["a".into(), "b".into()] };
        let mut list = json!({"items": [
            {"id": 4, "name": "Noa", "phone": "+972", "tags": ["x", "y"], "note": null},
            {"id": 5, "name": null, "owner": {"name": "Dan"}, "sub": {"id": 6, "name": "Lee"}},
        ]});
        put_into(&mut list, &texts);
        assert_eq!(
            list,
            json!({"items": [
                {"id": 4, "name": "a", "phone": "+972", "tags": ["a", "a"], "note": null},
                {"id": 5, "name": null, "owner": {"name": "b"}, "sub": {"id": 6, "name": "a"}},
            ]})
        );
        let by_word = |sid: &str| {
            let mut call = json!({"sid": sid, "name": "x"});
            put_into(&mut call, &texts);
            call["name"].clone()
        };
        assert_eq!(by_word("CA1"), by_word("CA1"));
        assert!((0..20).any(|n| by_word(&format!("CA{n}")) != by_word("CA1")));
    }
}
