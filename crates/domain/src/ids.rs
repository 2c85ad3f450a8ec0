//! Identities. A sid comes from a server, a link or an argument, so it is checked once, here, before it can
//! reach a query, a URL or a file name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The text is not an id: 1 to 64 of `A-Z a-z 0-9 _ -`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id is 1 to 64 letters, digits, hyphens or underscores")]
pub struct InvalidId;

fn is_sid(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// A call's id at its source (`CA…` at Twilio and in the CRM). Calls merge by it whatever their source.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CallSid(String);

impl CallSid {
    /// The checked text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CallSid {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if is_sid(text) { Ok(Self(text.to_owned())) } else { Err(InvalidId) }
    }
}

impl TryFrom<String> for CallSid {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        if is_sid(&text) { Ok(Self(text)) } else { Err(InvalidId) }
    }
}

impl From<CallSid> for String {
    fn from(sid: CallSid) -> Self {
        sid.0
    }
}

impl fmt::Display for CallSid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a record comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The company's CRM.
    Crm,
    /// Twilio's REST API, asked directly.
    Twilio,
}

impl Source {
    /// The word used in ids, rows and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Crm => "crm",
            Self::Twilio => "twilio",
        }
    }
}

impl FromStr for Source {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        match text {
            "crm" => Ok(Self::Crm),
            "twilio" => Ok(Self::Twilio),
            _ => Err(InvalidId),
        }
    }
}

/// A recording's id: `crm:<call sid>` where the CRM is the source, `twilio:<RE sid>` where Twilio is.
/// It names the file (through an HMAC), the download job and the cipher's associated data.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RecordingId(String);

impl RecordingId {
    /// The recording that the CRM keeps for a call.
    pub fn crm(call: &CallSid) -> Self {
        Self(format!("crm:{call}"))
    }

    /// The checked text, source included.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Who has it.
    pub fn source(&self) -> Source {
        if self.0.starts_with("crm:") { Source::Crm } else { Source::Twilio }
    }

    /// The id at that source: a call sid for the CRM, a recording sid for Twilio.
    pub fn sid(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, sid)| sid)
    }
}

impl FromStr for RecordingId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        match text.split_once(':') {
            Some((source, sid)) if source.parse::<Source>().is_ok() && is_sid(sid) => Ok(Self(text.to_owned())),
            _ => Err(InvalidId),
        }
    }
}

impl TryFrom<String> for RecordingId {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<RecordingId> for String {
    fn from(id: RecordingId) -> Self {
        id.0
    }
}

impl fmt::Display for RecordingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                text.parse().map(Self).map_err(|_| InvalidId)
            }
        }
    };
}

number_id!(
    /// A lead's id in the CRM.
    LeadId
);
number_id!(
    /// An appointment's id in the CRM.
    AppointmentId
);
number_id!(
    /// A business calendar's id in the CRM.
    CalendarId
);
number_id!(
    /// A note's id in the CRM.
    NoteId
);
number_id!(
    /// A draft's id on this device.
    DraftId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sid_is_refused_when_it_could_leave_its_folder() {
        for bad in ["", "../x", "a/b", "a\\b", "CON:", "a\0b", "א", &"x".repeat(65), "a b", "%2e"] {
            assert_eq!(bad.parse::<CallSid>(), Err(InvalidId), "{bad:?}");
            assert_eq!(format!("crm:{bad}").parse::<RecordingId>(), Err(InvalidId), "{bad:?}");
        }
        assert!("CA60acce5a807aaa68a1af7d781a723f6e".parse::<CallSid>().is_ok());
    }

    #[test]
    fn a_recording_id_names_its_source_and_sid() {
        let id: RecordingId = "twilio:RE1".parse().expect("valid");
        assert_eq!((id.source(), id.sid()), (Source::Twilio, "RE1"));
        let id = RecordingId::crm(&"CA1".parse().expect("valid"));
        assert_eq!((id.source(), id.sid(), id.as_str()), (Source::Crm, "CA1", "crm:CA1"));
        assert!("ftp:RE1".parse::<RecordingId>().is_err());
        assert!("RE1".parse::<RecordingId>().is_err());
    }
}
