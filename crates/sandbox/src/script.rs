//! The fault script of `cli.md`: which requests, the how-many-th of them, and what to do to the answer.

use crate::SandboxError;
use crate::data::mix;
use serde_json::Value;

/// A script may not ask for more in one answer.
const FILL_BYTES_MAX: usize = 1 << 30;

/// A parsed script. The default has no faults.
#[derive(Debug, Clone, Default)]
pub struct Script {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Rule {
    method: Option<String>,
    path: String,
    first: u64,
    last: u64,
    /// Of the requests whose turn it is, so many in a hundred; which ones is the seed's.
    percent: u64,
    /// Only so long after the first request that matched.
    for_ms: Option<i64>,
    /// One of these, by the seed; mostly there is one.
    choices: Vec<Vec<Step>>,
}

/// How far a rule has come.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Turn {
    count: u64,
    first_ms: Option<i64>,
}

/// A request as a rule sees it.
pub(crate) struct Asked<'a> {
    pub method: &'a str,
    pub path: &'a str,
    /// With the query.
    pub target: &'a str,
    /// The server's clock.
    pub now_ms: i64,
    pub seed: u64,
}

/// One thing to do to a matched request's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// 4xx and 5xx replace the answer; 200 answers the whole file to a Range request; others change the code only.
    Status(u16),
    Header(String, String),
    DelayMs(u64),
    DripBytesPerS(u64),
    StallAfter(u64),
    CutAfter(u64),
    /// A TCP reset instead of an answer, or where `cut_after` cuts.
    Reset,
    ContentLength(LengthLie),
    ContentRange(String),
    Body(Vec<u8>),
    Html,
    Redirect(String),
    /// Beside one of the same name that is there already.
    AddHeader(String, String),
    /// A page of the network's in the CRM's place: the CRM is never asked.
    Portal,
    Bomb(Coding, u64),
    /// The answer as it would be, packed.
    Gzip,
    /// Without Content-Length, in pieces.
    Chunked(Pieces),
    /// Every session so far ends, and this request is answered as without one.
    ExpireSession,
    /// Whoever changes something must send the token that was given last, and it is good once.
    NeedCsrf,
    /// Other words in place of the invented people's.
    Texts(Texts),
}

/// Words that take the place of others, in these fields of every object: all fields of an object have the same ones, and
/// an object has them in every answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Texts {
    pub fields: Vec<String>,
    pub with: Vec<String>,
}

/// How a body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Gzip,
    Zstd,
    Brotli,
}

/// Whether the pieces of a body are what they say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pieces {
    Good,
    /// The first piece's length is no number.
    NoLength,
    /// The last piece is shorter than it says, and the connection ends.
    TooShort,
    /// Whole pieces, and the connection ends without the last one.
    NoEnd,
}

/// What to say instead of the body's length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LengthLie {
    Off(i64),
    Exactly(u64),
}

impl Script {
    /// Reads a script.
    ///
    /// # Errors
    /// The text is not a script; the message names the rule and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, SandboxError> {
        let value: Value = serde_json::from_str(text).map_err(|error| fault(format!("not JSON: {error}")))?;
        let list = value.as_array().ok_or_else(|| fault("must be a JSON list of rules"))?;
        let rules = list
            .iter()
            .enumerate()
            .map(|(index, rule)| read_rule(rule).map_err(|why| fault(format!("rule {}: {why}", index + 1))));
        Ok(Self { rules: rules.collect::<Result<_, _>>()? })
    }

    /// How many rules there are: the caller keeps one counter for each.
    pub(crate) fn len(&self) -> usize {
        self.rules.len()
    }

    /// Counts the request for every rule it matches and gives the steps of the first rule whose turn it is.
    pub(crate) fn steps_for(&self, turns: &mut [Turn], asked: &Asked<'_>) -> Vec<Step> {
        let mut found = Vec::new();
        for (index, (rule, turn)) in self.rules.iter().zip(turns.iter_mut()).enumerate() {
            let subject = if rule.path.contains('?') { asked.target } else { asked.path };
            let method_fits = rule.method.as_deref().is_none_or(|wanted| wanted == asked.method);
            if !method_fits || !glob_fits(&rule.path, subject) {
                continue;
            }
            turn.count += 1;
            let first_ms = *turn.first_ms.get_or_insert(asked.now_ms);
            let roll = |salt| mix(asked.seed, salt + index as u64, turn.count);
            let is_due = (rule.first..=rule.last).contains(&turn.count)
                && rule.for_ms.is_none_or(|for_ms| asked.now_ms - first_ms < for_ms)
                && (rule.percent >= 100 || roll(7_000) % 100 < rule.percent);
            if is_due && found.is_empty() {
                let choices = rule.choices.len().max(1) as u64;
                let choice = usize::try_from(roll(9_000) % choices).unwrap_or(0);
                found = rule.choices.get(choice).cloned().unwrap_or_default();
            }
        }
        found
    }
}

fn fault(why: impl Into<String>) -> SandboxError {
    SandboxError::Script(why.into())
}

fn read_rule(rule: &Value) -> Result<Rule, String> {
    let map = rule.as_object().ok_or("must be an object")?;
    if let Some(unknown) =
        map.keys().find(|key| !["match", "nth", "percent", "for_s", "do", "one_of"].contains(&key.as_str()))
    {
        return Err(format!("unknown key \"{unknown}\""));
    }
    let matching = map.get("match").and_then(Value::as_object).ok_or("\"match\" must be an object")?;
    if let Some(unknown) = matching.keys().find(|key| !["method", "path"].contains(&key.as_str())) {
        return Err(format!("unknown key \"{unknown}\" in \"match\""));
    }
    let text_of = |key: &str| match matching.get(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(format!("\"{key}\" must be text")),
    };
    let method = text_of("method")?.filter(|method| method != "*").map(|method| method.to_ascii_uppercase());
    let path = text_of("path")?.unwrap_or_else(|| "*".to_owned());
    let (first, last) = match map.get("nth") {
        None => (1, u64::MAX),
        Some(Value::Number(number)) => {
            let one = number.as_u64().ok_or("\"nth\" must be \"1\", \"2-5\" or \"*\"")?;
            (one, one)
        }
        Some(Value::String(text)) => read_nth(text)?,
        Some(_) => return Err("\"nth\" must be \"1\", \"2-5\" or \"*\"".to_owned()),
    };
    let number = |key: &str| match map.get(key) {
        None => Ok(None),
        Some(value) => value.as_u64().map(Some).ok_or_else(|| format!("\"{key}\" must be a whole number")),
    };
    let percent = match number("percent")? {
        Some(percent) if percent > 100 => return Err("\"percent\" is at most 100".to_owned()),
        percent => percent.unwrap_or(100),
    };
    let for_ms = number("for_s")?.map(|s| i64::try_from(s).unwrap_or(i64::MAX).saturating_mul(1000));
    let choices = match (map.get("do"), map.get("one_of").and_then(Value::as_array)) {
        (Some(steps), None) => vec![read_steps(steps)?],
        (None, Some(choices)) if !choices.is_empty() => choices.iter().map(read_steps).collect::<Result<_, _>>()?,
        _ => return Err("\"do\" must be a list of steps, or \"one_of\" a list of such lists".to_owned()),
    };
    Ok(Rule { method, path, first, last, percent, for_ms, choices })
}

fn read_steps(steps: &Value) -> Result<Vec<Step>, String> {
    steps.as_array().ok_or("\"do\" must be a list of steps")?.iter().map(read_step).collect()
}

fn read_nth(text: &str) -> Result<(u64, u64), String> {
    let wrong = || format!("\"nth\" must be \"1\", \"2-5\" or \"*\", not \"{text}\"");
    if text == "*" {
        return Ok((1, u64::MAX));
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let first: u64 = first.trim().parse().map_err(|_| wrong())?;
    let last: u64 = last.trim().parse().map_err(|_| wrong())?;
    if first == 0 || last < first { Err(wrong()) } else { Ok((first, last)) }
}

fn read_step(step: &Value) -> Result<Step, String> {
    let map = step.as_object().filter(|map| map.len() == 1).ok_or("a step must be an object with one key")?;
    let Some((name, value)) = map.iter().next() else { return Err("an empty step".to_owned()) };
    let number = || value.as_u64().ok_or_else(|| format!("\"{name}\" must be a whole number"));
    let text = || value.as_str().map(str::to_owned).ok_or_else(|| format!("\"{name}\" must be text"));
    let yes = |step| if value == &Value::Bool(true) { Ok(step) } else { Err(format!("\"{name}\" must be true")) };
    match name.as_str() {
        "status" => match number()? {
            code @ 200..=599 => Ok(Step::Status(u16::try_from(code).unwrap_or(500))),
            code => Err(format!("\"status\" {code} is not between 200 and 599")),
        },
        "header" => read_header(name, value).map(|(key, content)| Step::Header(key, content)),
        "add_header" => read_header(name, value).map(|(key, content)| Step::AddHeader(key, content)),
        "delay_ms" => Ok(Step::DelayMs(number()?)),
        "drip_bytes_per_s" => match number()? {
            0 => Err("\"drip_bytes_per_s\" must be more than 0".to_owned()),
            rate => Ok(Step::DripBytesPerS(rate)),
        },
        "stall_after" => Ok(Step::StallAfter(number()?)),
        "cut_after" => Ok(Step::CutAfter(number()?)),
        "reset" => yes(Step::Reset),
        "content_length" => {
            let said = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            read_length(&said).map(Step::ContentLength)
        }
        "content_range" => Ok(Step::ContentRange(text()?)),
        "body" => Ok(Step::Body(text()?.into_bytes())),
        "body_hex" => hex::decode(text()?).map(Step::Body).map_err(|_| "\"body_hex\" must be hex".to_owned()),
        "fill" => read_fill(value).map(Step::Body),
        "gzip" => yes(Step::Gzip),
        "chunked" => match value {
            Value::Bool(true) => Ok(Step::Chunked(Pieces::Good)),
            Value::String(how) if how == "no_length" => Ok(Step::Chunked(Pieces::NoLength)),
            Value::String(how) if how == "too_short" => Ok(Step::Chunked(Pieces::TooShort)),
            Value::String(how) if how == "no_end" => Ok(Step::Chunked(Pieces::NoEnd)),
            _ => Err("\"chunked\" must be true, \"no_length\", \"too_short\" or \"no_end\"".to_owned()),
        },
        "html" => yes(Step::Html),
        "redirect" => Ok(Step::Redirect(text()?)),
        "gzip_bomb_bytes" => Ok(Step::Bomb(Coding::Gzip, number()?)),
        "zstd_bomb_bytes" => Ok(Step::Bomb(Coding::Zstd, number()?)),
        "br_bomb_bytes" => Ok(Step::Bomb(Coding::Brotli, number()?)),
        "portal" => yes(Step::Portal),
        "need_csrf" => yes(Step::NeedCsrf),
        "expire_session" => yes(Step::ExpireSession),
        "texts" => read_texts(value).map(Step::Texts),
        _ => Err(format!("unknown step \"{name}\"")),
    }
}

/// `{"fields": ["summary"], "with": ["one", "two"]}`
fn read_texts(value: &Value) -> Result<Texts, String> {
    let list = |key: &str| -> Option<Vec<String>> {
        let list = value.get(key)?.as_array()?.iter().map(|one| one.as_str().map(str::to_owned));
        list.collect::<Option<Vec<_>>>().filter(|list| !list.is_empty())
    };
    match (list("fields"), list("with")) {
        (Some(fields), Some(with)) => Ok(Texts { fields, with }),
        _ => Err("\"texts\" needs lists of texts \"fields\" and \"with\"".to_owned()),
    }
}

/// `{"head", "unit", "times", "tail"}`: a body too long to be written down.
fn read_fill(value: &Value) -> Result<Vec<u8>, String> {
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().as_bytes();
    let unit = text("unit");
    let times = value.get("times").and_then(Value::as_u64).and_then(|times| usize::try_from(times).ok());
    let times = times.filter(|times| times.saturating_mul(unit.len()) <= FILL_BYTES_MAX);
    let times = times.ok_or("\"fill\" needs \"times\", and makes at most 1 GiB")?;
    Ok([text("head"), &unit.repeat(times), text("tail")].concat())
}

fn read_header(step: &str, value: &Value) -> Result<(String, String), String> {
    match value.as_array().map(Vec::as_slice) {
        Some([Value::String(key), Value::String(content)]) if is_header(key, content) => {
            Ok((key.to_ascii_lowercase(), content.clone()))
        }
        _ => Err(format!("\"{step}\" must be [\"Name\", \"value\"]")),
    }
}

fn is_header(name: &str, value: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!#$%&'*+^`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(token) && !value.contains(['\r', '\n'])
}

fn read_length(said: &str) -> Result<LengthLie, String> {
    let wrong = || format!("\"content_length\" must be like \"+1\", \"-10\" or \"500\", not \"{said}\"");
    if said.starts_with(['+', '-']) {
        said.parse().map(LengthLie::Off).map_err(|_| wrong())
    } else {
        said.parse().map(LengthLie::Exactly).map_err(|_| wrong())
    }
}

/// `*` stands for any text, slashes too; everything else for itself.
fn glob_fits(glob: &str, text: &str) -> bool {
    let mut parts = glob.split('*');
    let Some(rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let parts: Vec<_> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    let mut rest = rest;
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text_and_the_rest_for_itself() {
        assert!(glob_fits("/api/recordings/file/*", "/api/recordings/file/CA1"));
        assert!(glob_fits("*", "/"));
        assert!(glob_fits("/api/*/CA1/*", "/api/calls/CA1/details"));
        assert!(!glob_fits("/api/calls", "/api/calls/CA1/details"));
        assert!(!glob_fits("/api/calls/*/x", "/api/calls/x"));
        assert!(!glob_fits("/a*a", "/a"));
    }

    #[test]
    fn nth_counts_the_requests_that_match_and_nothing_else() {
        let script =
            Script::parse(r#"[{"match": {"method": "GET", "path": "/a"}, "nth": "2-3", "do": [{"status": 502}]}]"#)
                .unwrap();
        let mut turns = vec![Turn::default(); script.len()];
        let hits: Vec<bool> = ["GET", "POST", "GET", "GET", "GET"]
            .iter()
            .map(|method| !script.steps_for(&mut turns, &asked(method, 0, 1)).is_empty())
            .collect();
        assert_eq!(hits, [false, false, true, true, false]);
    }

    fn asked(method: &str, now_ms: i64, seed: u64) -> Asked<'_> {
        Asked { method, path: "/a", target: "/a", now_ms, seed }
    }

    #[test]
    fn a_share_of_the_requests_is_the_seeds_choice_and_the_same_every_time() {
        let script = Script::parse(
            r#"[{"match": {}, "percent": 20, "one_of": [[{"status": 502}], [{"reset": true}], [{"cut_after": 1}]]}]"#,
        )
        .unwrap();
        let hits = |seed| {
            let mut turns = vec![Turn::default(); 1];
            (0..1_000).map(|_| script.steps_for(&mut turns, &asked("GET", 0, seed))).collect::<Vec<_>>()
        };
        let (one, again, other) = (hits(1), hits(1), hits(2));
        assert_eq!(one, again);
        assert_ne!(one, other);
        let hit = one.iter().filter(|steps| !steps.is_empty()).count();
        assert!((150..250).contains(&hit), "{hit} of 1000");
        for step in [Step::Status(502), Step::Reset, Step::CutAfter(1)] {
            assert!(one.iter().filter(|steps| steps.contains(&step)).count() > 30, "{step:?}");
        }
    }

    #[test]
    fn a_storm_is_over_so_long_after_its_first_request() {
        let script = Script::parse(r#"[{"match": {}, "for_s": 3600, "do": [{"status": 502}]}]"#).unwrap();
        let mut turns = vec![Turn::default(); 1];
        let mut is_hit = |now_ms| !script.steps_for(&mut turns, &asked("GET", now_ms, 1)).is_empty();
        assert_eq!([5_000, 3_604_999, 3_605_000, 9_000_000].map(&mut is_hit), [true, true, false, false]);
    }

    #[test]
    fn a_wrong_script_says_which_rule_and_why() {
        for (text, expected) in [
            ("{}", "must be a JSON list"),
            (r#"[{"match": {}, "do": [{"explode": 1}]}]"#, "rule 1: unknown step \"explode\""),
            (r#"[{"match": {}, "nth": "0", "do": []}]"#, "\"nth\" must be"),
            (r#"[{"match": {}, "do": [{"content_length": "more"}]}]"#, "\"content_length\" must be like"),
            (r#"[{"match": {}, "do": [{"status": 1000}]}]"#, "not between"),
            (r#"[{"match": {"url": "x"}, "do": []}]"#, "unknown key \"url\""),
            (r#"[{"match": {}, "percent": 101, "do": []}]"#, "\"percent\" is at most 100"),
            (r#"[{"match": {}, "do": [], "one_of": [[]]}]"#, "\"do\" must be"),
            (r#"[{"match": {}, "do": [{"chunked": "badly"}]}]"#, "\"chunked\" must be"),
            (r#"[{"match": {}, "do": [{"texts": {"fields": ["a"], "with": []}}]}]"#, "\"texts\" needs"),
        ] {
            let error = Script::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn every_step_of_the_documentation_is_read() {
        let text = r#"[{"match": {"path": "*"}, "nth": "*", "do": [
            {"status": 502}, {"header": ["Retry-After", "7"]}, {"delay_ms": 1}, {"drip_bytes_per_s": 1},
            {"stall_after": 1}, {"cut_after": 1}, {"reset": true}, {"content_length": "+1"},
            {"content_range": "bytes 0-1/2"}, {"body": "x"}, {"html": true}, {"redirect": "http://127.0.0.1/"},
            {"gzip_bomb_bytes": 10}, {"expire_session": true}, {"body_hex": "00ff"}, {"gzip": true}, {"chunked": true},
            {"fill": {"head": "[", "unit": "1,", "times": 3, "tail": "1]"}}, {"add_header": ["X-A", "b"]},
            {"portal": true}, {"zstd_bomb_bytes": 9}, {"br_bomb_bytes": 9}, {"need_csrf": true}, {"chunked": "no_end"},
            {"texts": {"fields": ["name"], "with": ["x"]}}]}]"#;
        let script = Script::parse(text).unwrap();
        assert_eq!(script.steps_for(&mut [Turn::default()], &asked("GET", 0, 1)).len(), 25);
    }
}
