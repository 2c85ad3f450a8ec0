//! What each failure of a fetch means for its job.

use aftercall_domain::download::{Event, Failure, Interruption};
use aftercall_domain::error::Code;
use aftercall_domain::recording::{Fact, Reason};

use crate::upstream::UpstreamError;

/// What the source's answer, or its silence, means for the job.
pub(super) fn event(error: &UpstreamError, call_age_ms: Option<i64>) -> Event {
    match error {
        UpstreamError::Paused { wait_ms, asked, .. } => Event::Postponed { wait_ms: *wait_ms, asked: *asked },
        error => Event::Failed(of_source(error, call_age_ms)),
    }
}

/// A failure of the source.
fn of_source(error: &UpstreamError, call_age_ms: Option<i64>) -> Failure {
    match error {
        UpstreamError::Offline
        | UpstreamError::TimedOut
        | UpstreamError::Unavailable { .. }
        | UpstreamError::Paused { .. }
        | UpstreamError::NotData
        | UpstreamError::Captive { .. }
        | UpstreamError::RateLimited { .. }
        | UpstreamError::Truncated
        | UpstreamError::Unverified
        | UpstreamError::Changed => Failure::Passing { code: error.code(), retry_after_ms: error.retry_after_ms() },
        UpstreamError::SessionEnded | UpstreamError::WrongPassword | UpstreamError::BadCredentials => {
            Failure::NeedsYou(Code::LoginExpired)
        }
        // The clock, a portal's page, a certificate: the same question has the same answer until somebody acts.
        UpstreamError::Certificate
        | UpstreamError::NotAudio
        | UpstreamError::InvalidAddress
        | UpstreamError::Refused { .. }
        | UpstreamError::InvalidAccount
        | UpstreamError::ForeignRedirect
        | UpstreamError::KeyMissing => Failure::NeedsYou(error.code()),
        UpstreamError::Forbidden | UpstreamError::NoBusiness => Failure::Forbidden,
        UpstreamError::NotFound => Failure::Missing { call_age_ms },
        UpstreamError::Gone => Failure::Permanent(Reason::Fact(Fact::DeletedAtSource)),
        UpstreamError::NeverKept(fact) => Failure::Permanent(Reason::Fact(*fact)),
        UpstreamError::TooLarge => Failure::Permanent(Reason::Code(Code::UnsupportedAudio)),
    }
}

/// A failure of this computer while the file was written.
pub(super) fn of_disk(code: Code) -> Event {
    match code {
        Code::DiskFull => Event::NoRoom { asked: true },
        // Nothing is written until somebody unlocks, and nobody is to blame: it waits.
        Code::Locked => Event::Interrupted(Interruption::Stopped),
        Code::KeyLost => Event::Failed(Failure::NeedsYou(code)),
        code => Event::Failed(Failure::Passing { code, retry_after_ms: None }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_a_person_can_mend_is_not_tried_again_by_itself() {
        for (error, wanted) in [
            (UpstreamError::SessionEnded, Failure::NeedsYou(Code::LoginExpired)),
            (UpstreamError::NotAudio, Failure::NeedsYou(Code::NotAudio)),
            (UpstreamError::Forbidden, Failure::Forbidden),
            (UpstreamError::NotFound, Failure::Missing { call_age_ms: Some(7) }),
            (
                UpstreamError::Unavailable { status: 503, retry_after_ms: Some(7_000) },
                Failure::Passing { code: Code::ServerUnavailable, retry_after_ms: Some(7_000) },
            ),
            (UpstreamError::Truncated, Failure::Passing { code: Code::Damaged, retry_after_ms: None }),
        ] {
            assert_eq!(of_source(&error, Some(7)), wanted, "{error:?}");
        }
        assert_eq!(of_disk(Code::DiskFull), Event::NoRoom { asked: true });
        assert_eq!(of_disk(Code::Locked), Event::Interrupted(Interruption::Stopped));
    }
}
