//! Where a redirect of a recording's sound may lead: https only, few hops, known hosts, and no credentials but to the
//! configured origin itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use super::super::{Origin, UpstreamError};

/// A longer chain is a loop, or somebody's game.
pub(super) const HOPS_MAX: u32 = 3;

/// Where the next question goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The configured origin: with credentials.
    Own(Url),
    /// A host that keeps sound for Twilio: without.
    Signed(Url),
}

/// Reads a `Location`. `from` is the address that answered with it.
///
/// # Errors
/// [`UpstreamError::ForeignRedirect`] for everything that is not clearly one of the two.
pub(super) fn target(origin: &Origin, from: &Url, location: &str) -> Result<Target, UpstreamError> {
    let mut to = from.join(location).map_err(|_| UpstreamError::ForeignRedirect)?;
    to.set_fragment(None);
    if !to.username().is_empty() || to.password().is_some() {
        return Err(UpstreamError::ForeignRedirect);
    }
    if to.origin() == origin.at("/").origin() {
        return Ok(Target::Own(to));
    }
    let allowed = match to.host() {
        // A stand-in on this computer may send us to another one there; Twilio may not.
        _ if origin.is_loopback() && is_loopback(&to) => matches!(to.scheme(), "http" | "https"),
        Some(Host::Domain(name)) => to.scheme() == "https" && to.port().is_none() && keeps_sound(name),
        Some(Host::Ipv4(_) | Host::Ipv6(_)) | None => false,
    };
    if allowed { Ok(Target::Signed(to)) } else { Err(UpstreamError::ForeignRedirect) }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Twilio's own hosts, its CDN, and buckets of S3.
fn keeps_sound(host: &str) -> bool {
    let below = |parent: &str| host.strip_suffix(parent).is_some_and(|rest| rest.ends_with('.') && rest.len() > 1);
    if below("twilio.com") || below("twiliocdn.com") {
        return true;
    }
    let Some(service) = host.strip_suffix(".amazonaws.com") else { return false };
    // `bucket.s3`, `s3-external-1`, `s3.eu-west-1`, `bucket.s3.eu-west-1`, `bucket.s3-eu-west-1`.
    let labels: Vec<&str> = service.split('.').collect();
    let is_s3 = |label: &&str| *label == "s3" || label.starts_with("s3-");
    labels.iter().rev().take(2).any(is_s3)
}

/// Whether an address is one of the public network: a name may be made to lead into a private one.
pub(in super::super) fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => match ip.to_ipv4_mapped().or_else(|| nat64(ip)) {
            Some(inner) => is_public_v4(inner),
            None => is_public_v6(ip),
        },
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let protocol = a == 192 && b == 0 && c == 0;
    let benchmark = a == 198 && (18..20).contains(&b);
    !(a == 0
        || a >= 224
        || ip.is_loopback()
        || ip.is_private()
        || ip.is_link_local()
        || ip.is_documentation()
        || shared
        || protocol
        || benchmark)
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let first = ip.segments()[0];
    let documentation = first == 0x2001 && ip.segments()[1] == 0x0DB8;
    // Only 2000::/3 is given out: loopback, unique local, link local and multicast lie outside it.
    (0x2000..0x4000).contains(&first) && !documentation && first != 0x2002
}

/// 64:ff9b::/96, by which IPv6-only networks reach IPv4.
fn nat64(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, high, low] = ip.segments();
    ([a, b, c, d, e, f] == [0x64, 0xFF9B, 0, 0, 0, 0]).then(|| {
        let [[a, b], [c, d]] = [high.to_be_bytes(), low.to_be_bytes()];
        Ipv4Addr::new(a, b, c, d)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEDIA: &str = "https://api.twilio.com/2010-04-01/Accounts/AC1/Recordings/RE1.mp3";

    fn from_twilio(location: &str) -> Result<Target, UpstreamError> {
        let origin: Origin = "https://api.twilio.com".parse().expect("an origin");
        target(&origin, &Url::parse(MEDIA).expect("a url"), location)
    }

    #[test]
    fn only_the_configured_origin_is_followed_with_credentials() {
        for location in ["/x", "?y=1", "https://api.twilio.com/x", "https://API.twilio.com:443/x", "//api.twilio.com/x"]
        {
            assert!(matches!(from_twilio(location), Ok(Target::Own(_))), "{location}");
        }
        for location in [
            "https://media.twiliocdn.com/RE1?sig=1",
            "https://mms.twiliocdn.com/RE1",
            "https://com-twilio-recordings.s3.amazonaws.com/RE1?X-Amz-Signature=1",
            "https://s3-external-1.amazonaws.com/bucket/RE1",
            "https://bucket.s3.eu-west-1.amazonaws.com/RE1",
            "https://s3.eu-west-1.amazonaws.com/bucket/RE1",
            "https://bucket.s3-eu-west-1.amazonaws.com/RE1",
            "https://api.dublin.ie1.twilio.com/x",
            "https://API2.TWILIO.com/x#fragment",
        ] {
            assert!(matches!(from_twilio(location), Ok(Target::Signed(_))), "{location}");
        }
    }

    #[test]
    fn every_other_place_is_refused() {
        for location in [
            "http://api.twilio.com/x",
            "http://media.twiliocdn.com/x",
            "https://api.twilio.com@evil.example/x",
            "https://api.twilio.com:pw@evil.example/x",
            "https://user@media.twiliocdn.com/x",
            "https://user:pw@api.twilio.com/x",
            "https://evil.example#.twilio.com",
            "https://evil.example/?.twilio.com",
            "https://evil.example/.twilio.com",
            "https://evil.example\\.twilio.com",
            "https://twilio.com.evil.example/x",
            "https://eviltwilio.com/x",
            "https://eviltwiliocdn.com/x",
            "https://twilio.com/x",
            "https://.twilio.com/x",
            "https://media.twiliocdn.com./x",
            "https://api.twilio.com./x",
            "https://api.twilio.com:8443/x",
            "https://media.twiliocdn.com:444/x",
            "https://amazonaws.com/x",
            "https://ec2.amazonaws.com/x",
            "https://s3.evil.amazonaws.com.evil.example/x",
            "https://evils3.amazonaws.com/x",
            "https://s3.a.b.c.amazonaws.com/x",
            "https://127.0.0.1/x",
            "http://127.0.0.1/x",
            "http://localhost/x",
            "https://localhost/x",
            "https://2130706433/x",
            "https://0x7f.1/x",
            "https://0177.0.0.1/x",
            "https://[::1]/x",
            "https://[::ffff:127.0.0.1]/x",
            "https://[::ffff:7f00:1]/x",
            "https://10.0.0.1/x",
            "https://169.254.169.254/latest/meta-data",
            "https://metadata.google.internal/x",
            "https://192.168.1.1/x",
            "https://m\u{0435}dia.twiliocdn.com.example/x",
            "https://api.tw\u{0456}lio.com/x",
            "https://api.twilio.com%00.evil.example/x",
            "https://api.twilio.com%2eevil.example/x",
            "https:///x",
            "https://",
            "ftp://media.twiliocdn.com/x",
            "file:///etc/passwd",
            "data:audio/mpeg;base64,AAAA",
            "javascript:alert(1)",
            "about:blank",
            "//evil.example/x",
            "\\\\evil.example\\x",
            "/\\evil.example/x",
            "https:\\\\evil.example\\x",
            "http://[::]/x",
            "https://0.0.0.0/x",
            "https://[fe80::1]/x",
            "https://[fc00::1]/x",
            "https://100.64.0.1/x",
            "https://[64:ff9b::7f00:1]/x",
            "gopher://media.twiliocdn.com/x",
            "ws://media.twiliocdn.com/x",
        ] {
            assert!(from_twilio(location).is_err(), "{location}: {:?}", from_twilio(location));
        }
    }

    #[test]
    fn a_stand_in_on_this_computer_may_lead_to_another_one_there_and_to_nothing_else_that_is_private() {
        let origin: Origin = "http://127.0.0.1:4010".parse().expect("an origin");
        let from = Url::parse("http://127.0.0.1:4010/x").expect("a url");
        for (location, allowed) in [
            ("http://127.0.0.1:4011/x", true),
            ("http://localhost:4010/x", true),
            ("http://[::1]:4010/x", true),
            ("http://10.0.0.1/x", false),
            ("http://evil.example/x", false),
            ("http://media.twiliocdn.com/x", false),
        ] {
            assert_eq!(matches!(target(&origin, &from, location), Ok(Target::Signed(_))), allowed, "{location}");
        }
        assert!(matches!(target(&origin, &from, "/y"), Ok(Target::Own(_))));
    }

    #[test]
    fn an_address_is_public_only_outside_every_reserved_range() {
        for (ip, public) in [
            ("127.0.0.1", false),
            ("10.1.2.3", false),
            ("172.16.0.1", false),
            ("172.31.255.255", false),
            ("172.32.0.1", true),
            ("192.168.0.1", false),
            ("169.254.169.254", false),
            ("100.64.0.1", false),
            ("100.128.0.1", true),
            ("0.0.0.0", false),
            ("192.0.2.1", false),
            ("198.18.0.1", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("52.95.110.1", true),
            ("::1", false),
            ("::", false),
            ("fc00::1", false),
            ("fd12::1", false),
            ("fe80::1", false),
            ("ff02::1", false),
            ("::ffff:10.0.0.1", false),
            ("::ffff:52.95.110.1", true),
            ("64:ff9b::7f00:1", false),
            ("64:ff9b::345f:6e01", true),
            ("2002:7f00:1::", false),
            ("2001:db8::1", false),
            ("2600:1f18::1", true),
        ] {
            assert_eq!(is_public(ip.parse().expect("an address")), public, "{ip}");
        }
    }
}
