//! What a refusal means. Twilio words it in four ways, and none of them is in its own description of the API: JSON of
//! its own, XML where a path does not end in `.json`, RFC 9457, and whatever stands in between.

use http::StatusCode;
use serde::Deserialize;

use super::super::UpstreamError;
use super::super::http::failure as of_status;

/// An error's body is short; a longer one is not read.
pub(super) const BODY_BYTES_MAX: usize = 64 * 1024;

/// Not yet there: the recording is in processing.
pub(super) const NOT_READY: u32 = 21_501;
const BAD_CREDENTIALS: u32 = 20_003;
const LACKS_PERMISSION: u32 = 70_051;
const NOT_FOUND: u32 = 20_404;
const TOO_MANY: u32 = 20_429;
const BAD_PAGE: u32 = 21_481;

/// A refusal, read.
#[derive(Debug)]
pub(super) struct Refusal {
    /// Twilio's own number for it.
    pub code: Option<u32>,
    pub retry_after_ms: Option<i64>,
    pub error: UpstreamError,
}

#[derive(Deserialize)]
struct Worded {
    code: Option<Number>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Whole(u32),
    Text(String),
    Other(serde::de::IgnoredAny),
}

impl Refusal {
    pub(super) fn read(status: StatusCode, retry_after_ms: Option<i64>, body: &[u8]) -> Self {
        let code = code_of(body);
        let error = match (code, status.as_u16()) {
            (Some(BAD_CREDENTIALS), _) | (_, 401) => UpstreamError::BadCredentials,
            (Some(LACKS_PERMISSION), _) => UpstreamError::Forbidden,
            (Some(TOO_MANY), _) => UpstreamError::RateLimited { retry_after_ms },
            (Some(NOT_READY), status) => UpstreamError::Unavailable { status, retry_after_ms },
            (Some(BAD_PAGE), _) => UpstreamError::Changed,
            (Some(NOT_FOUND), _) => UpstreamError::NotFound,
            (_, status_word) => of_status(status, retry_after_ms)
                .unwrap_or(UpstreamError::Unavailable { status: status_word, retry_after_ms }),
        };
        Self { code, retry_after_ms, error }
    }
}

fn code_of(body: &[u8]) -> Option<u32> {
    if let Ok(worded) = serde_json::from_slice::<Worded>(body) {
        return match worded.code? {
            Number::Whole(code) => Some(code),
            Number::Text(code) => code.parse().ok(),
            Number::Other(_) => None,
        };
    }
    let text = std::str::from_utf8(body).ok()?;
    let (_, rest) = text.split_once("<Code>")?;
    rest.split_once("</Code>")?.0.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aftercall_domain::error::Code;
    use proptest::prelude::*;

    fn read(status: u16, body: &str) -> (Option<u32>, Code) {
        let refusal = Refusal::read(StatusCode::from_u16(status).expect("a status"), None, body.as_bytes());
        (refusal.code, refusal.error.code())
    }

    #[test]
    fn a_refusal_means_the_same_in_json_in_xml_as_a_problem_and_without_words() {
        let json = |code: u32, status: u16| {
            format!(
                r#"{{"code":{code},"message":"m","more_info":"https://www.twilio.com/docs/errors/{code}","status":{status}}}"#
            )
        };
        let xml = |code: u32, status: u16| {
            format!(
                "<?xml version='1.0' encoding='UTF-8'?>\n<TwilioResponse><RestException><Code>{code}</Code><Message>m</Message><Status>{status}</Status></RestException></TwilioResponse>"
            )
        };
        for (status, code, means) in [
            (401, 20_003, Code::WrongPassword),
            (403, 70_051, Code::Forbidden),
            (401, 70_051, Code::WrongPassword),
            (404, 20_404, Code::NotFound),
            (404, 21_501, Code::ServerUnavailable),
            (429, 20_429, Code::RateLimited),
            (400, 21_481, Code::Damaged),
            (500, 20_500, Code::ServerUnavailable),
            (503, 20_503, Code::ServerUnavailable),
        ] {
            assert_eq!(read(status, &json(code, status)), (Some(code), means));
            assert_eq!(read(status, &xml(code, status)), (Some(code), means));
            let problem =
                format!(r#"{{"type":"t","title":"t","status":{status},"code":"{code}","detail":"d","errors":[]}}"#);
            assert_eq!(read(status, &problem), (Some(code), means));
        }
        for (status, means) in [
            (401, Code::WrongPassword),
            (403, Code::Forbidden),
            (404, Code::NotFound),
            (429, Code::RateLimited),
            (502, Code::ServerUnavailable),
            (422, Code::ServerUnavailable),
        ] {
            for body in [
                "",
                "<html></html>",
                "null",
                "[]",
                r#"{"type":"https://stoplight.io/prism/errors#UNPROCESSABLE_ENTITY","status":422,"code":null}"#,
                r#"{"code":{"a":1}}"#,
            ] {
                assert_eq!(read(status, body), (None, means), "{body}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_body_makes_the_reader_panic(status in 300_u16..600, body in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Refusal::read(StatusCode::from_u16(status).expect("a status"), None, &body);
        }
    }
}
