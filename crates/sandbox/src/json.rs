//! JSON as Flask writes it: keys sorted, ASCII only, no spaces, a newline at the end.

use serde_json::Value;

/// The bytes of `value` as the CRM would send them. Keys are sorted here, because whether `serde_json` sorts them
/// depends on a feature that any crate of the build can switch.
pub(crate) fn flask_bytes(value: &Value) -> Vec<u8> {
    let mut out = String::new();
    write_value(value, &mut out);
    out.push('\n');
    out.into_bytes()
}

fn write_value(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::String(text) => write_text(text, out),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_value(item, out);
            }
            out.push(']');
        }
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by(|left, right| left.0.cmp(right.0));
            out.push('{');
            for (index, (key, item)) in entries.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_text(key, out);
                out.push(':');
                write_value(item, out);
            }
            out.push('}');
        }
    }
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            ' '..='~' => out.push(character),
            _ => {
                let mut units = [0u16; 2];
                for unit in character.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::flask_bytes;
    use serde_json::json;

    #[test]
    fn hebrew_and_emoji_travel_as_ascii_escapes_with_sorted_keys() {
        let bytes = flask_bytes(&json!({"z": "א\u{1F60A}", "a": ["\"", null, 1]}));
        assert_eq!(bytes, b"{\"a\":[\"\\\"\",null,1],\"z\":\"\\u05d0\\ud83d\\ude0a\"}\n");
    }
}
