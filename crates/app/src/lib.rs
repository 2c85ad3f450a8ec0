//! The application without a window.
pub mod contract;
pub mod dto;
