//! Bytes read as every kind of answer there is: what tests and the fuzzer ask of the readers of the wire.

use aftercall_domain::ids::LeadId;
use bytes::Bytes;

use super::calls_page::CallsPage;
use super::{lead_wire, twilio, wire};

/// Reads `body` as each answer of the CRM and of Twilio, and drops what comes of it. For tests.
///
/// # Panics
/// Where a reader holds more than it was sent, or counts other rows than it gave. A reader never panics by itself.
pub fn read_as_any_answer(body: &[u8]) {
    if let Ok(page) = CallsPage::of(Bytes::copy_from_slice(body)) {
        assert!(page.sent() <= body.len(), "more rows than bytes");
        for index in 0..page.sent() {
            let text = |text: Option<String>| text.map_or(0, |text| text.len());
            // `\u05d0` is six bytes on the wire and two here: no text grows.
            let held = page.read(index).map_or(0, |call| text(call.summary) + text(call.transcript));
            assert!(held <= page.raw(index).len(), "a text that grew");
            let _ = page.started_at_ms(index);
        }
    }
    if let Ok(page) = wire::leads(body) {
        assert_eq!(page.rows.len() + page.rejected.len(), usize::try_from(page.sent).unwrap_or(0), "rows are lost");
    }
    let _ = (wire::appointments(body), wire::calendars(body), wire::recent_calls(body), wire::call_details(body));
    let _ = (wire::context(body), wire::csrf_token(body), wire::session(body), wire::is_refusal_of_role(body));
    let _ = (lead_wire::detail(body), lead_wire::notes(body, LeadId(1)), lead_wire::statuses(body));
    twilio::read_as_any_answer(body);
}
