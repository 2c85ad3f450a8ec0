//! A request that was read and an answer to be written, as plain values: the handlers are functions between them.

use bytes::Bytes;
use serde_json::Value;

/// What was asked.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Upper case.
    pub method: String,
    /// Without the query, percent-decoded.
    pub path: String,
    /// As sent, without the question mark.
    pub query: String,
    /// Names in lower case, in the order sent.
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The first value of a query parameter.
    pub(crate) fn param(&self, name: &str) -> Option<String> {
        self.params(name).into_iter().next()
    }

    /// Every value of a repeated query parameter.
    pub(crate) fn params(&self, name: &str) -> Vec<String> {
        url::form_urlencoded::parse(self.query.as_bytes())
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
            .collect()
    }

    pub(crate) fn is_head(&self) -> bool {
        self.method == "HEAD"
    }

    /// The path with its query, as it stood in the request line.
    pub(crate) fn target(&self) -> String {
        if self.query.is_empty() { self.path.clone() } else { format!("{}?{}", self.path, self.query) }
    }
}

/// What to answer. `Content-Length` is added when written, unless a header of that name is here already.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub status: u16,
    /// Written in this order; names in lower case; a name may be there twice.
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    /// What Content-Length says when it is not the body's length (a HEAD answer, or a lie).
    pub declared_bytes: Option<u64>,
}

impl Response {
    pub(crate) fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new(), declared_bytes: None }
    }

    pub(crate) fn json(status: u16, value: &Value) -> Self {
        Self::new(status).with("content-type", "application/json").with_body(crate::json::flask_bytes(value))
    }

    pub(crate) fn html(status: u16, page: &str) -> Self {
        Self::new(status).with("content-type", "text/html; charset=utf-8").with_body(page.as_bytes().to_vec())
    }

    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    #[must_use]
    pub(crate) fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn reason(&self) -> &'static str {
        match self.status {
            200 => "OK",
            201 => "Created",
            202 => "Accepted",
            204 => "No Content",
            206 => "Partial Content",
            302 => "Found",
            304 => "Not Modified",
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Not Found",
            405 => "Method Not Allowed",
            409 => "Conflict",
            410 => "Gone",
            416 => "Requested Range Not Satisfiable",
            429 => "Too Many Requests",
            500 => "Internal Server Error",
            502 => "Bad Gateway",
            503 => "Service Unavailable",
            504 => "Gateway Timeout",
            _ => "Status",
        }
    }
}
