//! Where the CRM is. Credentials belong to an origin and go nowhere else.

use std::fmt;
use std::str::FromStr;

use aftercall_domain::ids::LeadId;
use url::{Host, Url};

use super::UpstreamError;

/// Scheme, host and port of a CRM. https, or plain http on this computer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(Url);

impl Origin {
    /// A page of this origin. `path` is written by us and begins with `/`.
    pub(super) fn at(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(path);
        url
    }

    /// Where the CRM's own pages show a lead.
    pub fn lead_page(&self, id: LeadId) -> String {
        self.at(&format!("/app/leads/{id}")).into()
    }

    /// Whether the name leads to an address: `None` where there is no name to look up.
    pub async fn resolves(&self) -> Option<bool> {
        let Some(Host::Domain(name)) = self.0.host() else { return None };
        let port = self.0.port_or_known_default().unwrap_or(443);
        let found = tokio::net::lookup_host((name, port)).await;
        Some(found.is_ok_and(|mut found| found.next().is_some()))
    }

    /// What is sent there is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// The server runs on this computer: no proxy stands in between.
    pub fn is_loopback(&self) -> bool {
        match self.0.host() {
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        }
    }
}

impl fmt::Display for Origin {
    /// `https://host[:port]`, without a slash.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl FromStr for Origin {
    type Err = UpstreamError;

    /// Reads what a person typed: a missing scheme is https, and a path is not part of an origin.
    fn from_str(text: &str) -> Result<Self, UpstreamError> {
        let text = text.trim();
        let text = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
        let mut url = Url::parse(&text).map_err(|_| UpstreamError::InvalidAddress)?;
        if !url.username().is_empty() || url.password().is_some() || url.host_str().is_none_or(str::is_empty) {
            return Err(UpstreamError::InvalidAddress);
        }
        url.set_path("");
        url.set_query(None);
        url.set_fragment(None);
        let origin = Self(url);
        match origin.0.scheme() {
            "https" => Ok(origin),
            "http" if origin.is_loopback() => Ok(origin),
            _ => Err(UpstreamError::InvalidAddress),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_https_or_plain_http_on_this_computer_and_carries_no_user() {
        for (typed, origin) in [
            ("https://crm.example.com", Some("https://crm.example.com")),
            (" crm.example.com/app/calls?x#y ", Some("https://crm.example.com")),
            ("https://crm.example.com:8443/", Some("https://crm.example.com:8443")),
            ("http://127.0.0.1:5055", Some("http://127.0.0.1:5055")),
            ("http://[::1]:5055/", Some("http://[::1]:5055")),
            ("http://localhost:1", Some("http://localhost:1")),
            ("http://crm.example.com", None),
            ("http://127.0.0.1.example.com", None),
            ("http://localhost.example.com", None),
            ("http://[::ffff:10.0.0.1]", None),
            ("https://crm.example.com@evil.example", None),
            ("https://user:word@crm.example.com", None),
            ("ftp://crm.example.com", None),
            ("file:///etc/passwd", None),
            ("https://", None),
            ("", None),
        ] {
            let read = typed.parse::<Origin>().ok().map(|origin| origin.to_string());
            assert_eq!(read.as_deref(), origin, "{typed:?}");
        }
    }

    #[test]
    fn a_page_of_the_origin_stays_at_the_origin() {
        let origin: Origin = "https://crm.example.com".parse().expect("valid");
        for path in ["/api/calls", "//evil.example/x", "/@evil.example", "/\\evil.example", "/../../x"] {
            assert_eq!(origin.at(path).host_str(), Some("crm.example.com"), "{path:?}");
        }
        assert_eq!(origin.lead_page(LeadId(7)), "https://crm.example.com/app/leads/7");
    }
}
