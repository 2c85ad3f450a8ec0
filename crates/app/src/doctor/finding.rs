//! Everything that the doctor can find, with its cause and one fix. The sentences here are the command line's and the
//! report's; the window has its own for the same words, in Hebrew and English.

use aftercall_domain::error::Code;

use crate::report::{Check, CheckStatus};

/// Declares the findings: which check finds it, how bad it is, its word, its cause, and what to do. A fix that begins
/// with `auto:` is one that the doctor can carry out itself.
macro_rules! findings {
    ($( $check:literal: $( $name:ident $word:literal $status:ident $cause:literal $fix:literal )+ ;)+) => {
        /// What a check found.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Finding {
            $($(
                #[doc = $cause]
                $name,
            )+)+
        }

        impl Finding {
            /// All of them.
            pub const ALL: &[Self] = &[$($(Self::$name),+),+];

            /// The word for the window.
            pub fn as_str(self) -> &'static str {
                match self { $($(Self::$name => $word,)+)+ }
            }

            /// The id of the check that finds it.
            pub fn check(self) -> &'static str {
                match self { $($(Self::$name => $check,)+)+ }
            }

            /// How bad it is.
            pub fn status(self) -> CheckStatus {
                match self { $($(Self::$name => CheckStatus::$status,)+)+ }
            }

            fn words(self) -> (&'static str, &'static str) {
                match self { $($(Self::$name => ($cause, $fix),)+)+ }
            }
        }

        /// The ids of all checks, in the order in which they are listed.
        pub const CHECKS: &[&str] = &[$($check),+];
    };
}

findings! {
    "start":
        StartOk "start_ok" Ok "the library opens" ""
        StartNoKeychain "start_no_keychain" Fail "there is no keychain to be asked, or it is locked"
            "unlock the keychain, or name a key file with AFTERCALL_KEY_FILE"
        StartKeyLost "start_key_lost" Fail "the key of this library is not where it was"
            "bring back the keychain or the key file that was used with it"
        StartTooNew "start_too_new" Fail "a newer version of the app wrote this library" "update the app"
        StartDamaged "start_damaged" Fail "the library is damaged"
            "auto:put back the newest copy of it, then sync (doctor --repair)"
        StartInUse "start_in_use" Fail "another Aftercall is using this profile" "close the other Aftercall"
        StartLocked "start_locked" Fail "Aftercall is locked" "give the passphrase with AFTERCALL_PASSPHRASE"
        StartWrongPassphrase "start_wrong_passphrase" Fail "that is not the passphrase of this profile"
            "give the profile's own passphrase"
        StartDiskFull "start_disk_full" Fail "the disk is full" "make room on the disk"
        StartReadOnly "start_read_only" Fail "the profile's folder may not be written"
            "let yourself write to the folder and its disk, or name another profile"
        StartOther "start_other" Fail "the library could not be opened ({what})"
            "look into the log in the profile's folder"
    ;
    "key":
        KeyInKeychain "key_in_keychain" Ok "the key is kept by the keychain" ""
        KeyInFile "key_in_file" Warn "the key lies in a file"
            "keep the file on a disk that is encrypted, or use the keychain"
        KeyFromPassphrase "key_from_passphrase" Ok "the key is sealed with a passphrase" ""
    ;
    "permissions":
        PermissionsOk "permissions_ok" Ok "only you may read the profile's files" ""
        PermissionsOpen "permissions_open" Fail "{n} files or folders of the profile may be read by others"
            "auto:shut them to others (doctor --repair)"
        PermissionsOfSystem "permissions_of_system" Ok "who may read the profile is kept by the system" ""
    ;
    "disk":
        DiskOk "disk_ok" Ok "{n} MiB are free" ""
        DiskLow "disk_low" Warn "only {n} MiB are free" "make room on the disk"
    ;
    "database":
        DatabaseOk "database_ok" Ok "the library is sound, schema version {n}" ""
        DatabaseBroken "database_broken" Fail "the library's pages do not fit together"
            "auto:put back the newest copy of it, then sync (doctor --repair)"
        DatabaseUnreadable "database_unreadable" Fail "the library cannot be read ({what})"
            "auto:put back the newest copy of it, then sync (doctor --repair)"
        IndexesMissing "indexes_missing" Fail "{n} indexes are missing" "auto:make them anew (doctor --repair)"
    ;
    "calendar_id":
        CalendarIdOk "calendar_id_ok" Ok "appointments.calendar_id and its index are there" ""
        CalendarIdNoIndex "calendar_id_no_index" Fail "the index of appointments.calendar_id is missing"
            "auto:make it anew (doctor --repair)"
        CalendarIdMissing "calendar_id_missing" Fail "appointments.calendar_id is missing"
            "auto:add it; the appointments stay (doctor --repair)"
    ;
    "foreign_keys":
        ForeignKeysOk "foreign_keys_ok" Ok "every row points at a row that is there" ""
        ForeignKeysDangling "foreign_keys_dangling" Fail "{n} rows point at nothing"
            "auto:give them something to point at; their values stay (doctor --repair)"
    ;
    "queue":
        QueueOk "queue_ok" Ok "{n} downloads wait" ""
        QueueFailing "queue_failing" Ok "{n} downloads failed and are tried again by themselves" ""
        QueueNeedsYou "queue_needs_you" Warn "{n} downloads wait for you" "sign in again and try them again"
    ;
    "stuck_jobs":
        StuckJobsNone "stuck_jobs_none" Ok "no download is stuck" ""
        StuckJobs "stuck_jobs" Warn "{n} downloads began more than ten minutes ago and did not end"
            "auto:queue them again (doctor --repair)"
    ;
    "recordings":
        RecordingsNone "recordings_none" Ok "no recording is on this device" ""
        RecordingsOk "recordings_ok" Ok "the files of all recordings are there, and {n} of them verify" ""
        RecordingsMissing "recordings_missing" Fail "recording not found: {n} files are not where they were written"
            "auto:fetch them again (doctor --repair)"
        RecordingsDamaged "recordings_damaged" Fail "{n} of the recordings looked at do not verify"
            "auto:fetch them again (doctor --repair)"
    ;
    "clock":
        ClockOk "clock_ok" Ok "the computer's clock fits the server's" ""
        ClockFits "clock_fits" Ok "the computer's clock fits what was read before" ""
        ClockBehind "clock_behind" Fail "the computer's clock is {n} minutes behind the server's"
            "let the system set the computer's clock"
        ClockAhead "clock_ahead" Fail "the computer's clock is {n} minutes ahead of the server's"
            "let the system set the computer's clock"
        ClockImpossible "clock_impossible" Fail "the computer's clock is behind what has already happened"
            "let the system set the computer's clock"
    ;
    "dns":
        DnsOk "dns_ok" Ok "the CRM's name leads to an address" ""
        DnsUnused "dns_unused" Ok "there is no name to look up" ""
        DnsFailed "dns_failed" Warn "the CRM's name leads nowhere"
            "look at the network; what is on this device can be heard without it"
    ;
    "tls":
        TlsOk "tls_ok" Ok "the CRM's certificate is trusted" ""
        TlsUnused "tls_unused" Ok "the connection needs no certificate" ""
        TlsUntrusted "tls_untrusted" Fail "the CRM's certificate is not trusted"
            "sign in to the network in a browser, and let the system set the computer's clock"
        TlsUnknown "tls_unknown" Warn "the certificate was not seen: there is no connection" "look at the network"
    ;
    "session":
        SessionOk "session_ok" Ok "the CRM knows the session" ""
        SessionNone "session_none" Warn "nobody is signed in" "sign in"
        SessionEnded "session_ended" Fail "the session has ended" "sign in again"
        SessionForbidden "session_forbidden" Fail "the account may not see calls" "ask for the right to see calls"
        SessionOffline "session_offline" Warn "there is no connection to the CRM"
            "look at the network; what is on this device can be heard without it"
        SessionCaptive "session_captive" Warn "a web page answers in the CRM's place"
            "open a browser and sign in to the network"
        SessionGateway "session_gateway" Warn "the CRM answers {n}: the server behind its address does not"
            "wait: downloads go on by themselves; tell whoever runs the server if it lasts"
        SessionUnavailable "session_unavailable" Warn "the CRM does not answer usefully ({what})"
            "wait, and tell whoever runs the server if it lasts"
        SessionRateLimited "session_rate_limited" Warn "the CRM asks for patience" "wait"
    ;
    "sync":
        SyncOk "sync_ok" Ok "the last sync ended {n} minutes ago" ""
        SyncNever "sync_never" Warn "this library was never synced" "sign in and sync"
    ;
    "twilio":
        TwilioOk "twilio_ok" Ok "Twilio takes the key; its last sync ended {n} minutes ago" ""
        TwilioNeverSynced "twilio_never_synced" Warn "Twilio takes the key, and was never synced" "sync"
        TwilioBadKey "twilio_bad_key" Fail "the account, the key or its secret is wrong, or belongs to another region"
            "sign in to Twilio again with a key of this account and region"
        TwilioForbidden "twilio_forbidden" Fail "the key may not read calls and recordings"
            "give the key the permissions to read calls and recordings"
        TwilioRateLimited "twilio_rate_limited" Warn "Twilio asks for patience" "wait"
        TwilioUnreachable "twilio_unreachable" Warn "Twilio could not be asked ({what})"
            "look at the network, or at Twilio's own page of disturbances"
    ;
    "upstream":
        UpstreamNone "upstream_none" Ok "no server was asked in the last day" ""
        UpstreamOk "upstream_ok" Ok "the servers' answers of the last day: {what}" ""
        UpstreamGateway "upstream_gateway" Warn "the servers answered 502, 503 or 504 {n} times in the last day: {what}"
            "nothing here: downloads wait and go on by themselves; tell whoever runs the server if it lasts"
    ;
    "gateway_shown":
        GatewayShownNone "gateway_shown_none" Ok "gateway errors shown to a listener in the last day: 0" ""
        GatewayShown "gateway_shown" Fail "gateway errors shown to a listener in the last day: {n}"
            "copy the report and send it to support"
    ;
    "audio_device":
        AudioOk "audio_ok" Ok "the device takes sound" ""
        AudioNone "audio_none" Warn "there is no device to play on"
            "plug in or switch on a device; exporting works without one"
        AudioSlow "audio_slow" Warn "the device did not take sound in time"
            "choose another device in the system's settings"
        AudioRefused "audio_refused" Fail "the device refuses sound ({what})" "restart the app"
    ;
    "doctor":
        TimedOut "timed_out" Warn "the check \"{what}\" did not end in ten seconds" "run the doctor again"
        Panicked "panicked" Fail "the check \"{what}\" stopped unexpectedly" "send the report to support"
    ;
}

/// A finding with what is counted in it. `what` holds statuses, codes and ids of checks: words of ours, nobody's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What.
    pub finding: Finding,
    /// How many, or which status.
    pub n: Option<i64>,
    /// Counts by status, a code, or a check's id.
    pub what: Option<String>,
}

impl From<Finding> for Found {
    fn from(finding: Finding) -> Self {
        Self { finding, n: None, what: None }
    }
}

impl Finding {
    /// With how many.
    pub fn with(self, n: impl TryInto<i64>) -> Found {
        Found { n: Some(n.try_into().unwrap_or(i64::MAX)), ..self.into() }
    }

    /// With a word of ours.
    pub fn because(self, what: impl Into<String>) -> Found {
        Found { what: Some(what.into()), ..self.into() }
    }

    /// The word for scripts, where a check failed by it.
    pub fn code(self) -> Code {
        match self {
            Self::StartNoKeychain => Code::NoKeychain,
            Self::StartKeyLost => Code::KeyLost,
            Self::StartTooNew => Code::StoreTooNew,
            Self::StartInUse => Code::ProfileInUse,
            Self::StartLocked => Code::Locked,
            Self::StartWrongPassphrase | Self::TwilioBadKey => Code::WrongPassword,
            Self::StartDiskFull => Code::DiskFull,
            Self::StartReadOnly
            | Self::PermissionsOpen
            | Self::ClockBehind
            | Self::ClockAhead
            | Self::ClockImpossible => Code::InvalidInput,
            Self::StartDamaged
            | Self::DatabaseBroken
            | Self::DatabaseUnreadable
            | Self::IndexesMissing
            | Self::CalendarIdNoIndex
            | Self::CalendarIdMissing
            | Self::ForeignKeysDangling => Code::StoreDamaged,
            Self::RecordingsMissing | Self::RecordingsDamaged => Code::Damaged,
            Self::TlsUntrusted | Self::GatewayShown => Code::ServerUnavailable,
            Self::SessionEnded => Code::LoginExpired,
            Self::SessionForbidden | Self::TwilioForbidden => Code::Forbidden,
            Self::AudioRefused => Code::NoOutputDevice,
            // What is well or only a warning is nobody's failure; what else there is, is ours.
            _ => Code::Internal,
        }
    }

    /// There is something to do about it.
    pub fn has_fix(self) -> bool {
        !self.words().1.is_empty()
    }

    /// The doctor can do it.
    pub fn is_mendable(self) -> bool {
        self.words().1.starts_with("auto:")
    }
}

impl Found {
    /// The row for the command line.
    pub fn to_check(&self) -> Check {
        let (cause, fix) = self.finding.words();
        let filled = |text: &str| {
            let n = self.n.map(|n| n.to_string()).unwrap_or_default();
            text.replace("{n}", &n).replace("{what}", self.what.as_deref().unwrap_or_default())
        };
        Check {
            id: self.finding.check(),
            status: self.finding.status(),
            cause: filled(cause),
            fix: Some(filled(fix.trim_start_matches("auto:"))).filter(|fix| !fix.is_empty()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn what_is_well_needs_no_fix_and_everything_else_has_exactly_one() {
        for finding in Finding::ALL {
            let check = finding.with(3).to_check();
            assert_eq!(check.status == CheckStatus::Ok, check.fix.is_none(), "{}", finding.as_str());
            assert_eq!(finding.has_fix(), check.fix.is_some());
            for text in [Some(&check.cause), check.fix.as_ref()].into_iter().flatten() {
                assert!(!text.is_empty() && !text.contains("{n}") && !text.contains("auto:"), "{text}");
            }
        }
    }

    #[test]
    fn a_failed_check_has_a_word_of_its_own() {
        let internal: Vec<_> = Finding::ALL
            .iter()
            .filter(|finding| finding.status() == CheckStatus::Fail && finding.code() == Code::Internal)
            .map(|finding| finding.as_str())
            .collect();
        assert_eq!(internal, ["start_other", "panicked"]);
    }

    #[test]
    fn no_two_findings_have_one_word() {
        let words: HashSet<_> = Finding::ALL.iter().map(|finding| finding.as_str()).collect();
        assert_eq!(words.len(), Finding::ALL.len());
    }
}
