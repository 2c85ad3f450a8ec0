//! The names that a person would give the files: `2026-11-22 14.02 Yael Cohen.mp3`.

use aftercall_domain::phone;
use aftercall_domain::zone;
use aftercall_engine::store::table::calls::CallListing;

/// Letters of a name; file systems take more, people do not read more.
const LETTERS_MAX: usize = 80;

/// The name of a call's file, without its ending: when, by the shown zone, and who.
pub fn of_call(listing: &CallListing, time_zone: &str) -> String {
    let who = listing
        .lead_name
        .clone()
        .or_else(|| listing.customer_number().map(phone::display))
        .unwrap_or_else(|| listing.call.sid.to_string());
    let when = listing.call.started_at_ms.and_then(|ms| zone::wall_clock(ms, time_zone).ok());
    match when {
        // No colon: Windows takes none in a name.
        Some(when) => {
            clean(&format!("{} {}", when.get(..16).unwrap_or(&when).replace('T', " ").replace(':', "."), who))
        }
        None => clean(&who),
    }
}

/// What every file system takes, and what reads as what it is: no separators, nothing that turns the text around.
pub fn clean(name: &str) -> String {
    let kept: String = name
        .chars()
        .map(|letter| if matches!(letter, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|') { '-' } else { letter })
        .filter(|letter| !letter.is_control() && !is_turning(*letter))
        .take(LETTERS_MAX)
        .collect();
    // A dot in front hides a file, one at the end is dropped by Windows.
    let kept = kept.trim_matches(|letter: char| letter == '.' || letter.is_whitespace());
    match kept {
        "" => "Aftercall".to_owned(),
        // Windows keeps these for devices, whatever their ending.
        name if RESERVED.iter().any(|word| name.eq_ignore_ascii_case(word)) => format!("{name} -"),
        name => name.to_owned(),
    }
}

const RESERVED: [&str; 8] = ["con", "prn", "aux", "nul", "com1", "com2", "lpt1", "lpt2"];

fn is_turning(letter: char) -> bool {
    matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_that_every_file_system_takes() {
        assert_eq!(clean("כהן/יעל: \"דחוף\""), "כהן-יעל- -דחוף-");
        assert_eq!(clean("..\u{202e}gpj.exe\n"), "gpj.exe");
        assert_eq!(clean(" .. "), "Aftercall");
        assert_eq!(clean("CON"), "CON -");
        assert_eq!(clean(&"א".repeat(200)).chars().count(), LETTERS_MAX);
    }
}
