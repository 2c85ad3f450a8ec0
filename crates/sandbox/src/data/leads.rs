//! Leads, each a function of its id.

use super::phrases::{PEOPLE, STATUSES, SUBJECTS, Subject, fill};
use super::times::{DAY_US, HOUR_US, MINUTE_US};
use super::{mix, pick};

/// Prefixes of the leads' numbers; 055 is left to callers that nobody knows.
const PREFIXES: &[&str] = &["50", "52", "53", "54", "58"];

/// One lead as the database has it.
#[derive(Debug, Clone)]
pub(crate) struct Lead {
    pub id: u64,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    /// The unified name, where a form gave only one.
    pub name: Option<String>,
    pub phone: Option<String>,
    pub email: Option<String>,
    pub gender: Option<&'static str>,
    pub summary: Option<String>,
    pub status: String,
    pub source: &'static str,
    pub owner_user_id: Option<u64>,
    pub tags: Vec<String>,
    pub notes: Option<String>,
    pub created_us: i64,
}

impl Lead {
    /// What a person is shown; never empty.
    pub(crate) fn full_name(&self) -> String {
        let parts: Vec<&str> = [&self.first_name, &self.last_name].into_iter().flatten().map(String::as_str).collect();
        match (&self.name, parts.is_empty()) {
            (_, false) => parts.join(" "),
            (Some(name), true) => name.clone(),
            (None, true) => "ללא שם".to_owned(),
        }
    }
}

/// All leads of the business.
#[derive(Debug, Clone)]
pub(crate) struct Leads {
    pub seed: u64,
    pub count: u64,
    /// Leads made after this moment's calls: see `fresh`.
    pub recent_us: i64,
    pub anchor_us: i64,
}

impl Leads {
    /// The newest leads: made in the last days, so older calls are not theirs.
    pub(crate) fn fresh(&self) -> u64 {
        (self.count / 6).min(10)
    }

    /// The subject a lead calls about.
    pub(crate) fn subject(&self, id: u64) -> &'static Subject {
        &SUBJECTS[(mix(self.seed, 20, id) % SUBJECTS.len() as u64) as usize]
    }

    /// `None` beyond the ids there are (1 to `count`).
    pub(crate) fn get(&self, id: u64) -> Option<Lead> {
        if id == 0 || id > self.count {
            return None;
        }
        let roll = mix(self.seed, 21, id);
        let nameless = id % 29 == 28;
        let (first, last) = self.names(id);
        let one_field = id % 17 == 16;
        let name = one_field
            .then(|| [Some(first.as_str()), last.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" "));
        let subject = self.subject(id);
        let status = if id + self.fresh() > self.count { "new" } else { STATUSES[(roll % 8) as usize].0 };
        let notes = match roll % 5 {
            0 => Some(fill(pick(subject.notes, roll >> 3), "", roll)),
            1 => Some("מבקש/ת לחזור בערב".to_owned()),
            2 if id % 7 == 3 => Some(LONG_NOTE.repeat(6)),
            _ => None,
        };
        Some(Lead {
            id,
            first_name: (!nameless && !one_field).then(|| first.clone()),
            last_name: if nameless || one_field { None } else { last },
            name: if nameless { None } else { name },
            phone: Some(phone_of(id)),
            email: (roll & 64 != 0).then(|| format!("lead{id}@example.com")),
            gender: [None, Some("female"), Some("male")][((roll >> 9) % 3) as usize],
            summary: (roll & 128 != 0).then(|| fill(pick(subject.summaries, roll >> 4), &first, roll)),
            status: status.to_owned(),
            source: if roll & 256 != 0 { "whatsapp" } else { "phone" },
            owner_user_id: [None, Some(1), Some(2)][((roll >> 11) % 3) as usize],
            tags: self.tags(id, roll),
            notes,
            created_us: self.created_us(id),
        })
    }

    /// First and last name: the list once round, then its parts in other pairs.
    fn names(&self, id: u64) -> (String, Option<String>) {
        let people = PEOPLE.len() as u64;
        let place = id.wrapping_add(self.seed.wrapping_mul(7)) % people;
        let round = (id - 1) / people;
        let last = PEOPLE[((place + round * 5) % people) as usize].1;
        (PEOPLE[place as usize].0.to_owned(), last.map(str::to_owned))
    }

    fn tags(&self, id: u64, roll: u64) -> Vec<String> {
        let own = pick(self.subject(id).tags, roll >> 13);
        match roll % 4 {
            0 => Vec::new(),
            1 => vec![own.to_owned(), "VIP".to_owned()],
            2 => vec![own.to_owned(), "חוזר".to_owned()],
            _ => vec![own.to_owned()],
        }
    }

    /// Newer ids are newer leads: the list by creation is the list by id, backwards.
    pub(crate) fn created_us(&self, id: u64) -> i64 {
        let fresh = self.fresh();
        let jitter = (mix(self.seed, 22, id) % (40 * 60 * 1_000_000)) as i64;
        if id + fresh > self.count {
            let steps = (self.count - id + 1) as i64;
            return self.recent_us - steps * 5 * HOUR_US - jitter;
        }
        let old = self.count - fresh;
        let back = (old - id + 1) as i64;
        // From just before the oldest call to 300 days earlier.
        let step = (300 * DAY_US / old.max(1) as i64).max(1);
        self.anchor_us - 92 * DAY_US - back * step - jitter % step.clamp(1, 40 * MINUTE_US)
    }
}

/// A lead's number: of the range kept for invention, 555-01xx.
pub(crate) fn phone_of(id: u64) -> String {
    let prefix = PREFIXES[(id % 5) as usize];
    let last = (id / 5 * 37 + id % 5 * 13 + 11) % 100;
    format!("+972{prefix}55501{last:02}")
}

/// `050-555-0111`, as the CRM shows an Israeli number.
pub(crate) fn display_phone(phone: &str) -> String {
    match phone.strip_prefix("+972") {
        Some(rest) if rest.len() == 9 => format!("0{}-{}-{}", &rest[..2], &rest[2..5], &rest[5..]),
        _ => phone.to_owned(),
    }
}

const LONG_NOTE: &str = "שיחה ארוכה עם בת הזוג: רוצים לחלק את העבודה לשני שלבים, קודם חדרי השינה ואחר כך הסלון. \
    ביקשו הצעה נפרדת לכל שלב (כולל \"הפתעות\" בקירות), ולא לשלוח SMS אלא מייל בלבד. Budget ~ ₪80K.\n";

#[cfg(test)]
mod tests {
    use super::*;

    fn leads(count: u64) -> Leads {
        Leads { seed: 1, count, recent_us: 1_795_000_000_000_000, anchor_us: 1_795_100_000_000_000 }
    }

    #[test]
    fn newer_ids_are_newer_leads() {
        let leads = leads(500);
        assert!((1..500).all(|id| leads.created_us(id) < leads.created_us(id + 1)));
    }

    #[test]
    fn every_number_is_of_the_invented_range_and_its_own() {
        let mut numbers: Vec<String> = (1..=400).map(phone_of).collect();
        assert!(numbers.iter().all(|number| number.len() == 13 && number[6..].starts_with("55501")));
        numbers.sort();
        numbers.dedup();
        assert_eq!(numbers.len(), 400);
    }
}
