//! Who speaks on which channel of a recording with two.
//!
//! No source says it. Twilio records the leg that the recording was started on as channel 1: that is the customer's
//! where the customer called, and ours where we did. Its own documents contradict each other on anything more, and a
//! company may have set it up otherwise, so a person can swap the two, for each source by itself.

use serde::{Deserialize, Serialize};

use crate::call::Direction;
use crate::ids::Source;

/// One of the two who speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Somebody of ours.
    Agent,
    /// The other one.
    Customer,
}

impl Side {
    /// The word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Customer => "customer",
        }
    }
}

/// The sides of channels 1 and 2.
pub fn sides(source: Source, direction: Direction, swapped: bool) -> [Side; 2] {
    let customer_first = match (source, direction) {
        (Source::Twilio, Direction::Inbound) => true,
        (Source::Twilio, Direction::Outbound | Direction::Unknown) => false,
        // The CRM hands its files out with the agent first, whichever way the call went.
        (Source::Crm, _) => false,
    };
    if customer_first != swapped { [Side::Customer, Side::Agent] } else { [Side::Agent, Side::Customer] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caller_of_an_inbound_call_is_twilios_first_channel_and_a_swap_turns_any_order_around() {
        let first = |source, direction, swapped| sides(source, direction, swapped)[0];
        for (source, direction, customer_first) in [
            (Source::Twilio, Direction::Inbound, true),
            (Source::Twilio, Direction::Outbound, false),
            (Source::Twilio, Direction::Unknown, false),
            (Source::Crm, Direction::Inbound, false),
            (Source::Crm, Direction::Outbound, false),
        ] {
            let (usual, other) =
                if customer_first { (Side::Customer, Side::Agent) } else { (Side::Agent, Side::Customer) };
            assert_eq!(first(source, direction, false), usual);
            assert_eq!(first(source, direction, true), other);
            assert_ne!(sides(source, direction, false)[0], sides(source, direction, false)[1]);
        }
    }
}
