//! What the CRM says about one lead beyond its row: what happened, and what is to be done.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Something that happened with a lead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// Its id in the CRM.
    pub id: i64,
    /// `call`, `note`, `status_change`, `reminder_created` …, or a word that this version does not know.
    pub kind: String,
    /// When, UTC.
    pub at_ms: Option<i64>,
    /// What the CRM says about it, as text; lists and objects are left out.
    pub facts: BTreeMap<String, String>,
}

impl Activity {
    /// The facts in one line, as a script reads them; empty when there are none.
    pub fn text(&self) -> String {
        if let (Some(from), Some(to)) = (self.facts.get("from"), self.facts.get("to")) {
            return format!("{from} → {to}");
        }
        let said: Vec<String> = self.facts.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        said.join(", ")
    }
}

/// Something to be done about a lead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reminder {
    /// Its id in the CRM.
    pub id: i64,
    /// When it is due, UTC (the CRM sends Israel time with an offset).
    pub due_at_ms: i64,
    /// What is to be done.
    pub note: Option<String>,
    /// How the person is reminded.
    pub channel: Option<String>,
    /// When the person was reminded, UTC.
    pub delivered_at_ms: Option<i64>,
    /// When it was done, UTC.
    pub completed_at_ms: Option<i64>,
}

/// The detail of one lead. `None` where the CRM did not say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeadDetail {
    /// The lead's free text.
    pub notes: Option<String>,
    /// All of them, whatever their state.
    pub reminders: Vec<Reminder>,
    /// The newest fifty.
    pub activity: Vec<Activity>,
    /// Reminders and activities that could not be read.
    pub rejected: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_status_is_told_as_a_change_and_the_rest_by_name() {
        let activity = |facts: &[(&str, &str)]| Activity {
            id: 1,
            kind: "status_change".into(),
            at_ms: None,
            facts: facts.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        };
        assert_eq!(activity(&[("from", "new"), ("to", "won"), ("changed_by", "x")]).text(), "new → won");
        assert_eq!(activity(&[("b", "2"), ("a", "1")]).text(), "a: 1, b: 2");
        assert_eq!(activity(&[]).text(), "");
    }
}
