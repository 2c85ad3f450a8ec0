//! The other side of the wire: what is asked of the CRM and of Twilio, and what their answers mean.
//!
//! Wire shapes stay in here: what leaves are domain values, counts of rows that could not be read, and errors by
//! their cause. Nothing in here knows the database.

mod any_answer;
mod auth;
mod body;
mod calls_page;
mod crm;
mod error;
pub(crate) mod gate;
mod http;
mod lead_pages;
mod lead_wire;
#[cfg(test)]
mod mutated;
mod origin;
mod sound;
mod source;
mod sources;
mod split;
#[cfg(test)]
mod trap_tests;
mod twilio;
mod wire;

pub use any_answer::read_as_any_answer;
pub use auth::Credentials;
pub use body::Body;
pub use calls_page::CallsPage;
pub use crm::{CALLS_PAGE_MAX, Crm, LEADS_PAGE, RECENT_PAGE, Side, SignedIn};
pub use error::UpstreamError;
pub use http::Limits;
#[cfg(test)]
pub(crate) use http::failure;
pub use origin::Origin;
pub use source::{Piece, Presence, Ranged, RecordingSource, SameFile, Validator};
pub use sources::Sources;
pub use twilio::{
    CallsSpan, InvalidPrivateKey, NextPage, PrivateKey, RecordingStatus, Twilio, TwilioCall, TwilioCredentials,
    TwilioPage, TwilioRecording, check_private_key, twilio_origin,
};
pub use wire::{Context, Page, RecentCall};
