//! What is asked of the CRM about one lead, and what is written to it.

use aftercall_domain::ids::{LeadId, NoteId};
use aftercall_domain::lead_detail::LeadDetail;
use aftercall_domain::note::Note;
use aftercall_domain::status::LeadStatus;
use bytes::Bytes;
use http::Method;
use url::Url;

use super::http::Question;
use super::{Crm, Page, UpstreamError, lead_wire};

impl Crm {
    /// One lead's free text, reminders and newest activity.
    ///
    /// # Errors
    /// [`UpstreamError::NotFound`] for a lead that is gone or not for this account; else as any question.
    pub async fn lead_detail(&self, id: LeadId) -> Result<LeadDetail, UpstreamError> {
        // Never `/activities`: it fails as soon as there is one.
        lead_wire::detail(&self.list(&format!("/api/leads/{id}"), &[]).await?)
    }

    /// One lead's notes, all of them.
    ///
    /// # Errors
    /// As [`Crm::lead_detail`].
    pub async fn lead_notes(&self, id: LeadId) -> Result<Page<Note>, UpstreamError> {
        lead_wire::notes(&self.list(&format!("/api/leads/{id}/notes"), &[]).await?, id)
    }

    /// The company's lead statuses.
    ///
    /// # Errors
    /// As any question.
    pub async fn lead_statuses(&self) -> Result<Page<LeadStatus>, UpstreamError> {
        let body = match self.list("/api/statuses", &[]).await {
            // Older servers, and roles without the settings, have the short list only.
            Err(UpstreamError::NotFound | UpstreamError::Forbidden) => self.list("/api/lead-statuses", &[]).await?,
            body => body?,
        };
        lead_wire::statuses(&body)
    }

    /// Writes a note, once. The CRM knows no repeat when it sees one: after an error that leaves the outcome open
    /// ([`UpstreamError::may_be_done`]) look for it first.
    ///
    /// # Errors
    /// [`UpstreamError::Refused`] for what it will never take; else as any question.
    pub async fn add_note(&self, lead: LeadId, content: &str) -> Result<Note, UpstreamError> {
        let url = self.origin().at(&format!("/api/leads/{lead}/notes"));
        self.write_note(Method::POST, url, lead, content).await
    }

    /// Gives a note another text, whatever text it has.
    ///
    /// # Errors
    /// As [`Crm::add_note`].
    pub async fn replace_note(&self, lead: LeadId, note: NoteId, content: &str) -> Result<Note, UpstreamError> {
        let url = self.origin().at(&format!("/api/leads/{lead}/notes/{note}"));
        self.write_note(Method::PATCH, url, lead, content).await
    }

    async fn write_note(&self, method: Method, url: Url, lead: LeadId, content: &str) -> Result<Note, UpstreamError> {
        let body = Bytes::from(serde_json::json!({ "content": content }).to_string());
        let question = Question { method, body: Some(body), ..Question::get(url) };
        let answer = self.ask(&question).await?.taken()?;
        if answer.content_type() == "text/html" {
            return Err(UpstreamError::NotData);
        }
        lead_wire::written(&self.http.json_body(answer).await?, lead)
    }
}
