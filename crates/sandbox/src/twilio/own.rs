//! Calls of the account that the CRM never saw, one for each thing that happens to calls and recordings at Twilio.

use crate::data::BUSINESS_NUMBER;
use crate::data::mix;
use crate::data::times::{MINUTE_US, SECOND_US};

/// What is so about one of the account's own calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    /// Goes on for a minute after the sandbox started; its recording is processed for half a minute after that.
    Live,
    /// A recording of two channels, nothing else.
    Plain,
    /// Two recordings of one call.
    Two,
    /// A recording of one channel: dual is refused.
    Mono,
    /// 404 for the first requests, though the row says completed.
    Late,
    /// The sound is told by a redirect to a signed address at another origin.
    Redirected,
    /// Encrypted; the details as Twilio's OpenAPI example spells them.
    SealedAsExample,
    /// The same as the tutorial's REST example spells them.
    SealedAsTutorial,
    /// The same as the status callback spells them.
    SealedAsCallback,
    /// Not kept: too short.
    TooShort,
    /// Not kept: nobody spoke.
    Silent,
    /// Deleted; the row stays for 40 days.
    Deleted,
    /// Kept in the customer's own bucket: not to be had from Twilio.
    External,
    /// Nobody picked up: no end, no duration.
    Unanswered,
    /// Between two SIP addresses.
    Sip,
}

impl Case {
    /// Its recording is encrypted.
    pub(super) fn is_sealed(self) -> bool {
        matches!(self, Self::SealedAsExample | Self::SealedAsTutorial | Self::SealedAsCallback)
    }
}

pub(super) const CASES: &[Case] = &[
    Case::Live,
    Case::Plain,
    Case::Two,
    Case::Mono,
    Case::Late,
    Case::Redirected,
    Case::SealedAsExample,
    Case::SealedAsTutorial,
    Case::SealedAsCallback,
    Case::TooShort,
    Case::Silent,
    Case::Deleted,
    Case::External,
    Case::Unanswered,
    Case::Sip,
];

/// One of them.
#[derive(Debug, Clone)]
pub(super) struct Own {
    pub case: Case,
    pub sid: String,
    pub from: String,
    pub to: String,
    pub direction: &'static str,
    pub start_us: i64,
    pub duration_s: u64,
}

/// How long the live call lasts, and its recording is processed.
pub(super) const LIVE_S: u64 = 90;
pub(super) const PROCESSING_US: i64 = 30 * SECOND_US;

pub(super) fn own(seed: u64, anchor_us: i64, index: usize, file_seconds: u64) -> Own {
    let case = CASES[index];
    let n = index as u64;
    let customer = format!("+9725555503{:02}", mix(seed, 70, n) % 100);
    let start_us = match case {
        Case::Live => anchor_us - 30 * SECOND_US,
        _ => anchor_us - 20 * MINUTE_US - (index as i64 - 1) * 47 * MINUTE_US,
    };
    let (from, to, direction) = match case {
        Case::Sip => (
            "sip:agent7@pbx.sandbox.example".to_owned(),
            "sip:door@pbx.sandbox.example".to_owned(),
            "trunking-originating",
        ),
        _ if n.is_multiple_of(2) => (customer, BUSINESS_NUMBER.to_owned(), "inbound"),
        _ => (BUSINESS_NUMBER.to_owned(), customer, "outbound-api"),
    };
    let duration_s = match case {
        Case::Live => LIVE_S,
        Case::TooShort => 1,
        _ => file_seconds,
    };
    Own {
        case,
        sid: format!("CA{:016x}{:016x}", mix(seed, 71, n), mix(seed, 72, n)),
        from,
        to,
        direction,
        // Twilio's times are whole seconds.
        start_us: start_us - start_us.rem_euclid(SECOND_US),
        duration_s,
    }
}
