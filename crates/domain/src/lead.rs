//! A person the company talks to.

use serde::{Deserialize, Serialize};

use crate::ids::LeadId;

/// One lead. The CRM's placeholder names ("ללא שם") are absent names here, never shown as one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lead {
    /// Its id in the CRM.
    pub id: LeadId,
    /// The whole name, where there is one.
    pub full_name: Option<String>,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// The number, usually E.164.
    pub phone_e164: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// Lower-case key of the CRM's status list.
    pub status: Option<String>,
    /// `phone` or `whatsapp`.
    pub source: Option<String>,
    /// The user who owns it; the CRM names no agent on a call.
    pub owner_user_id: Option<i64>,
    /// Labels.
    pub tags: Vec<String>,
    /// The CRM's words about the lead.
    pub summary: Option<String>,
    /// Free notes of the lead page.
    pub notes: Option<String>,
    /// Created, UTC.
    pub created_at_ms: Option<i64>,
    /// Last change, UTC: the change stamp of the lead list.
    pub updated_at_ms: Option<i64>,
    /// Last contact, UTC.
    pub last_contact_at_ms: Option<i64>,
}
