//! A body of sound on its way: read at full speed, given up when it is too slow, whole or an error.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::UpstreamError;
use super::http::{Limits, cause};

enum From {
    Network { response: reqwest::Response, low_speed: Duration, low_speed_bytes: u64 },
    Memory(Option<Bytes>),
}

/// The bytes of one answer. Ends with an error unless exactly the announced length came.
pub struct Body {
    from: From,
    left: u64,
    is_length_known: bool,
    since: Instant,
    got: u64,
}

impl Body {
    pub(super) fn new(response: reqwest::Response, length: u64, limits: &Limits) -> Self {
        let from = From::Network { response, low_speed: limits.low_speed, low_speed_bytes: limits.low_speed_bytes };
        Self { from, left: length, is_length_known: true, since: Instant::now(), got: 0 }
    }

    /// A body that does not say how long it is, of at most so many bytes.
    pub(super) fn of_unknown_length(response: reqwest::Response, bytes_max: u64, limits: &Limits) -> Self {
        Self { is_length_known: false, ..Self::new(response, bytes_max, limits) }
    }

    /// A body that is here already.
    pub fn of(bytes: Bytes) -> Self {
        let left = bytes.len() as u64;
        Self { left, is_length_known: true, from: From::Memory(Some(bytes)), since: Instant::now(), got: 0 }
    }

    /// Bytes that are still to come.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// The next bytes; `None` after the last.
    ///
    /// # Errors
    /// [`UpstreamError::Truncated`] when the body is shorter or longer than announced, [`UpstreamError::TimedOut`]
    /// when it stands still or drips; [`UpstreamError::TooLarge`] when one of unknown length does not end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, UpstreamError> {
        let chunk = match &mut self.from {
            From::Memory(bytes) => bytes.take(),
            From::Network { response, low_speed, low_speed_bytes } => {
                let chunk = response.chunk().await.map_err(|error| match cause(&error) {
                    // A connection that breaks in the middle of a body is a body that did not arrive whole.
                    UpstreamError::Unavailable { .. } | UpstreamError::NotData => UpstreamError::Truncated,
                    other => other,
                })?;
                self.got += chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
                if self.since.elapsed() >= *low_speed {
                    if self.got < *low_speed_bytes && chunk.is_some() {
                        return Err(UpstreamError::TimedOut);
                    }
                    self.since = Instant::now();
                    self.got = 0;
                }
                chunk
            }
        };
        match chunk {
            Some(chunk) if chunk.len() as u64 > self.left && !self.is_length_known => Err(UpstreamError::TooLarge),
            Some(chunk) if chunk.len() as u64 > self.left => Err(UpstreamError::Truncated),
            Some(chunk) => {
                self.left -= chunk.len() as u64;
                Ok(Some(chunk))
            }
            None if self.left > 0 && self.is_length_known => Err(UpstreamError::Truncated),
            None => Ok(None),
        }
    }
}
