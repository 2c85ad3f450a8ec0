//! The company's own list of lead statuses.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A status that a lead can have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeadStatus {
    /// Lower-case key, as in a lead's row.
    pub key: String,
    /// What people call it.
    pub label: String,
    /// The CRM's colour for it, as one of ours.
    pub colour: StatusColour,
    /// Its place in the list.
    pub order: i64,
    /// New leads get it.
    pub is_default: bool,
    /// It came with the CRM.
    pub is_system: bool,
}

/// The few hues that a status is told apart by. A hue stands beside the label, never for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusColour {
    /// Also for everything that has no hue.
    Gray,
    /// Red.
    Red,
    /// Orange.
    Orange,
    /// Yellow.
    Yellow,
    /// Green.
    Green,
    /// Blue.
    Blue,
    /// Purple.
    Purple,
    /// Pink.
    Pink,
}

impl StatusColour {
    /// Every hue.
    pub const ALL: [Self; 8] =
        [Self::Gray, Self::Red, Self::Orange, Self::Yellow, Self::Green, Self::Blue, Self::Purple, Self::Pink];

    /// The word in rows and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gray => "gray",
            Self::Red => "red",
            Self::Orange => "orange",
            Self::Yellow => "yellow",
            Self::Green => "green",
            Self::Blue => "blue",
            Self::Purple => "purple",
            Self::Pink => "pink",
        }
    }

    /// The hue in Tailwind's class names (`bg-blue-100 text-blue-800`), or in a bare colour's name.
    pub fn of_classes(classes: &str) -> Self {
        classes.split(|letter: char| !letter.is_ascii_alphabetic()).find_map(Self::of_hue).unwrap_or(Self::Gray)
    }

    fn of_hue(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "gray" | "grey" | "slate" | "zinc" | "neutral" | "stone" => Self::Gray,
            "red" => Self::Red,
            "orange" => Self::Orange,
            "yellow" | "amber" => Self::Yellow,
            "green" | "emerald" | "lime" | "teal" => Self::Green,
            "blue" | "sky" | "cyan" | "indigo" => Self::Blue,
            "purple" | "violet" => Self::Purple,
            "pink" | "rose" | "fuchsia" => Self::Pink,
            _ => return None,
        })
    }
}

impl FromStr for StatusColour {
    type Err = std::convert::Infallible;
    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Ok(Self::of_hue(word).unwrap_or(Self::Gray))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_is_the_hue_of_its_classes_and_gray_without_one() {
        for (classes, colour) in [
            ("bg-blue-100 text-blue-800", StatusColour::Blue),
            ("bg-emerald-100 text-emerald-800", StatusColour::Green),
            ("bg-rose-100 text-rose-800", StatusColour::Pink),
            ("rounded px-2 bg-amber-50", StatusColour::Yellow),
            ("indigo", StatusColour::Blue),
            ("", StatusColour::Gray),
            ("#ff0000", StatusColour::Gray),
        ] {
            assert_eq!(StatusColour::of_classes(classes), colour, "{classes}");
        }
        for colour in StatusColour::ALL {
            assert_eq!(colour.as_str().parse(), Ok(colour));
        }
    }
}
