//! The application without a window: the only place where the vault meets the player.

pub mod contract;
pub mod database;
mod deck;
pub mod doctor;
mod downloads;
pub mod dto;
pub mod errors;
pub mod events;
pub mod fetch;
mod handlers;
mod lead_page;
pub mod leaving;
mod library;
mod log;
mod notes;
pub mod profile;
pub mod report;
pub mod reports;
mod respond;
mod rows;
mod session;
mod settings;
mod sides;
mod sound;
pub mod start;
mod syncing;
pub mod twilio;
