//! How far back a recording goes on after a pause: who comes back has lost the thread, the more the longer.

use serde::{Deserialize, Serialize};

/// How much of it a person wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rewind {
    /// It goes on where it stood.
    Off,
    /// A second after a moment, twenty after days.
    #[default]
    Gentle,
    /// Twice that.
    Strong,
}

const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Paused for less than this, it goes back so far.
const TABLE: [(i64, i64); 4] = [(2 * SECOND_MS, 0), (MINUTE_MS, 1_000), (HOUR_MS, 3_000), (DAY_MS, 10_000)];
/// After a day and more.
const LONGEST_MS: i64 = 20_000;

impl Rewind {
    /// Every choice.
    pub const ALL: [Self; 3] = [Self::Off, Self::Gentle, Self::Strong];

    /// Its word outside.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Gentle => "gentle",
            Self::Strong => "strong",
        }
    }

    /// How far it goes back after a pause of so long. A clock that was set back makes no pause.
    pub fn back_ms(self, paused_ms: i64) -> i64 {
        let back_ms = TABLE.iter().find(|(under, _)| paused_ms < *under).map_or(LONGEST_MS, |(_, back)| *back);
        match self {
            Self::Off => 0,
            Self::Gentle => back_ms,
            Self::Strong => 2 * back_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_the_pause_the_further_back() {
        let rows = [
            (-5_000, 0),
            (0, 0),
            (1_999, 0),
            (2_000, 1_000),
            (59_999, 1_000),
            (60_000, 3_000),
            (3_599_999, 3_000),
            (3_600_000, 10_000),
            (86_399_999, 10_000),
            (86_400_000, 20_000),
            (i64::MAX, 20_000),
        ];
        for (paused_ms, back_ms) in rows {
            assert_eq!(Rewind::Gentle.back_ms(paused_ms), back_ms, "{paused_ms}");
            assert_eq!(Rewind::Strong.back_ms(paused_ms), 2 * back_ms, "{paused_ms}");
            assert_eq!(Rewind::Off.back_ms(paused_ms), 0, "{paused_ms}");
        }
    }
}
