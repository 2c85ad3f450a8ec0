//! Which hosts are Twilio's API. An account's region is part of its host; only this computer may stand in its place.

use super::super::{Origin, UpstreamError};

const DEFAULT: &str = "https://api.twilio.com";
/// The edge of each data region. Hosts that name a region alone stopped on 28 April 2026, but for us1's.
const EDGES: &[(&str, &str)] = &[
    ("ie1", "dublin"),
    ("au1", "sydney"),
    ("jp1", "tokyo"),
    ("br1", "sao-paulo"),
    ("de1", "frankfurt"),
    ("sg1", "singapore"),
];

/// The API's origin: `https://api[.edge][.region].twilio.com`, or a stand-in on this computer. `None` is Twilio's default.
///
/// # Errors
/// [`UpstreamError::InvalidAddress`] for any other host: credentials would go to it.
pub fn twilio_origin(base_url: Option<&str>) -> Result<Origin, UpstreamError> {
    let origin: Origin = base_url.unwrap_or(DEFAULT).parse()?;
    if origin.is_loopback() {
        return Ok(origin);
    }
    let text = origin.to_string();
    let host = text.strip_prefix("https://").ok_or(UpstreamError::InvalidAddress)?;
    let labels: Vec<&str> = host.split('.').collect();
    let host = match labels.as_slice() {
        ["api", "twilio", "com"] | ["api", "us1", "twilio", "com"] => host.to_owned(),
        ["api", region, "twilio", "com"] if is_region(region) => {
            let (_, edge) = EDGES.iter().find(|(known, _)| known == region).ok_or(UpstreamError::InvalidAddress)?;
            format!("api.{edge}.{region}.twilio.com")
        }
        // An edge without a region leads to us1.
        ["api", edge, "twilio", "com"] if is_label(edge) => format!("api.{edge}.us1.twilio.com"),
        ["api", edge, region, "twilio", "com"] if is_label(edge) && is_region(region) => host.to_owned(),
        _ => return Err(UpstreamError::InvalidAddress),
    };
    format!("https://{host}").parse()
}

fn is_label(label: &str) -> bool {
    !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

fn is_region(label: &str) -> bool {
    matches!(label.as_bytes(), [a, b, c] if a.is_ascii_lowercase() && b.is_ascii_lowercase() && c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_api_with_an_edge_and_a_region_or_this_computer_and_nothing_else() {
        for (typed, origin) in [
            (None, Some("https://api.twilio.com")),
            (Some("https://api.twilio.com/2010-04-01"), Some("https://api.twilio.com")),
            (Some("api.dublin.ie1.twilio.com"), Some("https://api.dublin.ie1.twilio.com")),
            (Some("https://api.ie1.twilio.com"), Some("https://api.dublin.ie1.twilio.com")),
            (Some("https://api.au1.twilio.com"), Some("https://api.sydney.au1.twilio.com")),
            (Some("https://api.us1.twilio.com"), Some("https://api.us1.twilio.com")),
            (Some("https://api.ashburn.twilio.com"), Some("https://api.ashburn.us1.twilio.com")),
            (Some("http://127.0.0.1:4010"), Some("http://127.0.0.1:4010")),
            (Some("http://localhost:4010/x"), Some("http://localhost:4010")),
            (Some("http://api.twilio.com"), None),
            (Some("https://api.twilio.com:8443"), None),
            (Some("https://api.twilio.com."), None),
            (Some("https://api.twilio.com@evil.example"), None),
            (Some("https://evil.example#.twilio.com"), None),
            (Some("https://api.twilio.com.evil.example"), None),
            (Some("https://evilapi.twilio.com.example"), None),
            (Some("https://insights.twilio.com"), None),
            (Some("https://twilio.com"), None),
            (Some("https://api.tw\u{0456}lio.com"), None),
            (Some("https://127.0.0.1.twilio.example"), None),
        ] {
            let read = twilio_origin(typed).ok().map(|origin| origin.to_string());
            assert_eq!(read.as_deref(), origin, "{typed:?}");
        }
    }
}
