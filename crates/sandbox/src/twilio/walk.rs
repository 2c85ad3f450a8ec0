//! The account's calls, newest first, without holding them: its own between the CRM's, which are computed.

use super::answer;
use super::own::{self, CASES, Case, Own};
use crate::data::BUSINESS_NUMBER;
use crate::data::calls::Call;
use crate::data::times::{DAY_US, SECOND_US};
use crate::message::{Request, Response};
use crate::world::World;

/// One call of the account.
#[derive(Debug, Clone)]
pub(super) enum Line {
    Own(Own),
    Crm(Box<Call>),
}

impl Line {
    pub(super) fn sid(&self) -> &str {
        match self {
            Self::Own(own) => &own.sid,
            Self::Crm(call) => &call.sid,
        }
    }

    pub(super) fn start_us(&self) -> i64 {
        match self {
            Self::Own(own) => own.start_us,
            Self::Crm(call) => call.created_us - call.created_us.rem_euclid(SECOND_US),
        }
    }

    /// When it ended; `None` where nobody picked up, or while it goes on.
    pub(super) fn end_us(&self, now_us: i64) -> Option<i64> {
        let end = match self {
            Self::Own(own) if own.case == Case::Unanswered => return None,
            Self::Own(own) => own.start_us + own.duration_s as i64 * SECOND_US,
            Self::Crm(call) if is_unanswered(call.status) => return None,
            Self::Crm(call) => self.start_us() + call.duration_s as i64 * SECOND_US,
        };
        (end <= now_us).then_some(end)
    }
}

pub(super) fn is_unanswered(status: &str) -> bool {
    matches!(status, "no-answer" | "busy" | "canceled" | "failed")
}

/// A number that the CRM left out: Twilio knows it.
pub(super) fn number_of(call: &Call) -> (String, String) {
    let stranger = || format!("+9725555502{:02}", call.created_us.unsigned_abs() / 7 % 100);
    (call.from.clone().unwrap_or_else(stranger), call.to.clone().unwrap_or_else(|| BUSINESS_NUMBER.to_owned()))
}

/// A place in the walk: the next of the account's own calls, and the next row of the CRM's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    own: u64,
    row: u64,
}

impl Place {
    pub(super) const START: Self = Self { own: 0, row: 0 };

    /// Opaque to clients.
    fn token(self) -> String {
        format!("PACA{:08x}{:024x}", self.own ^ 0x5a0d, self.row ^ 0x00b0_c5a0)
    }

    fn read(token: &str) -> Option<Self> {
        let digits = token.strip_prefix("PACA").filter(|digits| digits.len() == 32)?;
        let own = u64::from_str_radix(digits.get(..8)?, 16).ok()? ^ 0x5a0d;
        let row = u64::from_str_radix(digits.get(8..)?, 16).ok()? ^ 0x00b0_c5a0;
        Some(Self { own, row })
    }
}

pub(super) fn own_line(world: &World, index: usize) -> Own {
    let seconds = world.files[index % world.files.len()].seconds;
    own::own(world.seed(), world.anchor_us, index, seconds)
}

/// The next line from a place on.
pub(super) fn step(world: &World, place: &mut Place) -> Option<Line> {
    let own = usize::try_from(place.own).ok().filter(|index| *index < CASES.len()).map(|index| own_line(world, index));
    // What the CRM deleted, Twilio still has: the row is taken from the log itself.
    let crm = (place.row < world.calls.rows()).then(|| Line::Crm(Box::new(world.calls.row(place.row))));
    match (own.map(Line::Own), crm) {
        (Some(own), Some(crm)) if own.start_us() < crm.start_us() => {
            place.row += 1;
            Some(crm)
        }
        (Some(own), _) => {
            place.own += 1;
            Some(own)
        }
        (None, Some(crm)) => {
            place.row += 1;
            Some(crm)
        }
        (None, None) => None,
    }
}

pub(super) fn find(world: &World, sid: &str) -> Option<Line> {
    if let Some(row) = world.calls.find(sid) {
        return Some(Line::Crm(Box::new(world.calls.row(row))));
    }
    (0..CASES.len()).map(|index| own_line(world, index)).find(|own| own.sid == sid).map(Line::Own)
}

/// A span of time asked for by `Name`, `Name<` and `Name>`: on or after, before; a day alone is that day.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Span {
    from_us: Option<i64>,
    before_us: Option<i64>,
}

fn moment(text: &str) -> Option<(i64, bool)> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some((at.as_microsecond(), false));
    }
    let day = text.parse::<jiff::civil::Date>().ok()?;
    let at = day.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some((at.timestamp().as_microsecond(), true))
}

impl Span {
    pub(super) fn read(request: &Request, name: &str) -> Result<Self, ()> {
        let asked = |name: &str| request.param(name).map(|text| moment(&text).ok_or(())).transpose();
        let mut span = Self::default();
        if let Some((at, is_day)) = asked(name)? {
            span = Self { from_us: Some(at), before_us: Some(at + if is_day { DAY_US } else { SECOND_US }) };
        }
        span.from_us = asked(&format!("{name}>"))?.map(|(at, _)| at).or(span.from_us);
        span.before_us = asked(&format!("{name}<"))?.map(|(at, _)| at).or(span.before_us);
        Ok(span)
    }

    pub(super) fn is_open(&self) -> bool {
        self.from_us.is_none() && self.before_us.is_none()
    }

    pub(super) fn has(&self, at_us: Option<i64>) -> bool {
        match at_us {
            None => self.is_open(),
            Some(at) => self.from_us.is_none_or(|from| at >= from) && self.before_us.is_none_or(|before| at < before),
        }
    }

    /// Nothing that begins so long ago can be in it: no call of this world lasts a day.
    pub(super) fn ends_at(&self, start_us: i64) -> bool {
        self.from_us.is_some_and(|from| start_us < from - DAY_US)
    }
}

/// How many rows a page has, and where it begins.
pub(super) struct Paging {
    pub size: usize,
    pub page: u64,
    pub place: Place,
}

impl Paging {
    pub(super) fn read(request: &Request) -> Result<Self, Response> {
        let refuse = |code, message: &str| answer::coded(&request.path, 400, code, message);
        let size = match request.param("PageSize").map(|text| text.parse::<usize>()) {
            None => 50,
            Some(Ok(size)) if (1..=1000).contains(&size) => size,
            Some(_) => return Err(refuse(20006, "Page size must be between 1 and 1000")),
        };
        let page = request.param("Page").and_then(|text| text.parse().ok()).unwrap_or(0);
        let place = match request.param("PageToken") {
            None => Place::START,
            Some(token) => Place::read(&token).ok_or_else(|| refuse(21481, "Invalid PageToken"))?,
        };
        Ok(Self { size, page, place })
    }

    /// The envelope's own fields; `next` is the place of the page after, where there is one.
    pub(super) fn envelope(&self, request: &Request, rows: usize, next: Option<Place>) -> serde_json::Value {
        let page_at = |page: u64, token: Option<String>| {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            for (key, value) in url::form_urlencoded::parse(request.query.as_bytes()) {
                if !matches!(&*key, "PageSize" | "Page" | "PageToken") {
                    query.append_pair(&key, &value);
                }
            }
            query.append_pair("PageSize", &self.size.to_string()).append_pair("Page", &page.to_string());
            if let Some(token) = token {
                query.append_pair("PageToken", &token);
            }
            format!("{}?{}", request.path, query.finish())
        };
        let start = self.page * self.size as u64;
        serde_json::json!({
            "first_page_uri": page_at(0, None),
            "next_page_uri": next.map(|place| page_at(self.page + 1, Some(place.token()))),
            "previous_page_uri": null,
            "uri": request.target(),
            "page": self.page,
            "page_size": self.size,
            "start": start,
            "end": start + (rows as u64).saturating_sub(1),
        })
    }
}

/// A page of what `row` makes of the lines; `is_over` ends the walk early.
pub(super) fn page(
    world: &World,
    request: &Request,
    name: &str,
    is_over: impl Fn(i64) -> bool,
    row: impl Fn(&Line) -> Vec<serde_json::Value>,
) -> Response {
    let paging = match Paging::read(request) {
        Ok(paging) => paging,
        Err(refusal) => return refusal,
    };
    let (mut rows, mut place) = (Vec::new(), paging.place);
    let mut next = None;
    loop {
        let before = place;
        let Some(line) = step(world, &mut place).filter(|line| !is_over(line.start_us())) else { break };
        let more = row(&line);
        if more.is_empty() {
            continue;
        }
        // A call with two recordings may make a page one longer than asked: it is put on the next one instead.
        if !rows.is_empty() && rows.len() + more.len() > paging.size {
            next = Some(before);
            break;
        }
        rows.extend(more);
    }
    let mut body = paging.envelope(request, rows.len(), next);
    body[name] = serde_json::Value::Array(rows);
    answer::json(&body)
}
