//! The call log. A row is computed from its ordinal (0 = newest), so a million of them take no memory.
//!
//! Rows come in blocks of seventeen: sixteen calls and one parent leg, in one of four orders that all have the same
//! numbers of inbound, outbound and recorded rows. So a page of one direction, and the how-many-th recording a call
//! has, are arithmetic.

use super::leads::Leads;
use super::phrases::{SMALL_TALK, fill};
use super::times::{DAY_US, HOUR_US, MINUTE_US, SECOND_US};
use super::{BUSINESS_NUMBER, mix, pick};

/// `I` inbound with a recording, `i` inbound without, `m` missed inbound, `O` outbound with a recording, `P` the
/// same with a parent leg, `L` that leg, `o` outbound nobody answered, `u` direction "unknown", `n` direction null.
const BLOCKS: [&[u8; 17]; 4] = [b"IOmIPLIoImOIuomIi", b"OIImoIPLmInIoIOim", b"ImOIIomPLIiIuIomO", b"mIOIoIiIPLmInOImo"];
const ROWS: u64 = 17;
const CALLS: u64 = 16;
const RECORDED: u64 = 9;
/// The newest rows make up a working day; older ones fill ninety days.
const RECENT: u64 = 3 * ROWS;

/// The two lists by direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Inbound,
    Outbound,
}

impl Side {
    fn has(self, kind: u8) -> bool {
        match self {
            Self::Inbound => b"Iim".contains(&kind),
            Self::Outbound => b"OPLo".contains(&kind),
        }
    }

    /// The word in `direction`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        }
    }

    fn per_block(self) -> u64 {
        match self {
            Self::Inbound => 10,
            Self::Outbound => 6,
        }
    }
}

/// One row of `call_log`.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub sid: String,
    pub lead_id: Option<u64>,
    pub from: Option<String>,
    pub to: Option<String>,
    pub duration_s: u64,
    pub status: &'static str,
    /// The deprecated column, which disagrees.
    pub call_status: &'static str,
    pub direction: Option<&'static str>,
    pub twilio_direction: Option<&'static str>,
    pub parent_sid: Option<String>,
    pub created_us: i64,
    pub updated_us: i64,
    pub transcription: Option<String>,
    pub final_transcript: Option<String>,
    pub summary: Option<String>,
    /// The how-many-th newest recording this is.
    pub recording: Option<u64>,
}

impl Call {
    pub(crate) fn recording_sid(&self) -> Option<String> {
        self.recording.map(|_| format!("RE{}", &self.sid[2..]))
    }

    pub(crate) fn transcript(&self) -> Option<&String> {
        self.final_transcript.as_ref().or(self.transcription.as_ref())
    }
}

/// Every call of the business.
#[derive(Debug)]
pub(crate) struct CallLog {
    seed: u64,
    rows: u64,
    anchor_us: i64,
    recent_us: Vec<i64>,
    leads: Leads,
    /// Whole seconds of each file; the n-th newest recording is file n modulo their number.
    seconds: Vec<u64>,
}

impl CallLog {
    /// `calls` without parent legs; `seconds` must not be empty.
    pub(crate) fn new(seed: u64, calls: u64, leads: u64, anchor_us: i64, seconds: Vec<u64>) -> Self {
        let mut recent_us = Vec::new();
        let mut at = anchor_us - 4 * MINUTE_US;
        for row in 0..RECENT {
            let leg = BLOCKS[block_order(seed, row / ROWS)][(row % ROWS) as usize] == b'L';
            if row > 0 {
                at -= if leg { 2 * SECOND_US } else { 3 * MINUTE_US + (mix(seed, 1, row) % 700_000_000) as i64 };
            }
            recent_us.push(at);
        }
        let leads = Leads { seed, count: leads, recent_us: at, anchor_us };
        let rows = rows_of(seed, calls);
        Self { seed, rows, anchor_us, recent_us, leads, seconds }
    }

    pub(crate) fn leads(&self) -> &Leads {
        &self.leads
    }

    /// With parent legs.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// How many rows a direction has.
    pub(crate) fn rows_of_side(&self, side: Side) -> u64 {
        let full = self.rows / ROWS;
        let tail = self.kinds(full).iter().take((self.rows % ROWS) as usize).filter(|kind| side.has(**kind)).count();
        full * side.per_block() + tail as u64
    }

    /// The ordinal of the n-th newest row of a direction.
    pub(crate) fn nth_of_side(&self, side: Side, n: u64) -> Option<u64> {
        self.nth(n, side.per_block(), |kind| side.has(kind))
    }

    /// How many rows have a recording.
    pub(crate) fn recorded(&self) -> u64 {
        let full = self.rows / ROWS;
        let tail = self.kinds(full).iter().take((self.rows % ROWS) as usize).filter(|kind| is_recorded(**kind)).count();
        full * RECORDED + tail as u64
    }

    /// The ordinal of the n-th newest row with a recording.
    pub(crate) fn nth_recorded(&self, n: u64) -> Option<u64> {
        self.nth(n, RECORDED, is_recorded)
    }

    fn nth(&self, n: u64, per_block: u64, fits: impl Fn(u8) -> bool) -> Option<u64> {
        let block = n / per_block;
        let place = self
            .kinds(block)
            .iter()
            .enumerate()
            .filter(|(_, kind)| fits(**kind))
            .nth((n % per_block) as usize)
            .map(|(place, _)| place as u64)?;
        Some(block * ROWS + place).filter(|row| *row < self.rows)
    }

    /// The row of a call sid, if it is one of ours.
    pub(crate) fn find(&self, sid: &str) -> Option<u64> {
        let digits = sid.strip_prefix("CA").filter(|digits| digits.len() == 32)?;
        let scrambled = u64::from_str_radix(digits.get(..16)?, 16).ok()?;
        let row = (scrambled ^ mix(self.seed, 2, 0)).wrapping_mul(inverse(SCRAMBLE));
        (row < self.rows && self.sid(row) == sid).then_some(row)
    }

    fn sid(&self, row: u64) -> String {
        let scrambled = row.wrapping_mul(SCRAMBLE) ^ mix(self.seed, 2, 0);
        format!("CA{scrambled:016x}{:016x}", mix(self.seed, 3, row))
    }

    fn kinds(&self, block: u64) -> &'static [u8; 17] {
        BLOCKS[block_order(self.seed, block)]
    }

    fn kind(&self, row: u64) -> u8 {
        self.kinds(row / ROWS)[(row % ROWS) as usize]
    }

    /// Which lead a row belongs to, without computing the rest of it.
    pub(crate) fn lead_of(&self, row: u64) -> Option<u64> {
        let kind = self.kind(row);
        let row = if kind == b'L' { row - 1 } else { row };
        let roll = mix(self.seed, 4, row);
        let count = self.leads.count;
        if count == 0 || kind == b'n' || (kind == b'u' && roll & 1 == 0) || roll % 100 < 9 {
            return None;
        }
        if row < RECENT {
            // A day's people: nearly everybody once, somebody twice.
            let turn = if row % 9 == 8 { row - 5 } else { row };
            return Some(1 + (turn * 17 + self.seed) % count);
        }
        Some(1 + (roll >> 8) % (count - self.leads.fresh()))
    }

    /// Status and direction, without computing the rest: what the list filters by.
    pub(crate) fn status_and_direction(&self, row: u64) -> (&'static str, Option<&'static str>) {
        let kind = self.kind(row);
        (status_of(kind, mix(self.seed, 6, row)), direction_of(kind))
    }

    fn created_us(&self, row: u64) -> i64 {
        if let Some(at) = usize::try_from(row).ok().and_then(|row| self.recent_us.get(row)) {
            return *at;
        }
        let oldest_recent = self.recent_us.last().copied().unwrap_or(self.anchor_us);
        let midnight = oldest_recent - oldest_recent.rem_euclid(DAY_US);
        let older = (self.rows - RECENT).max(1) as i64;
        let step = (88 * DAY_US / older).max(2);
        if self.kind(row) == b'L' && step > 8 * SECOND_US {
            return self.created_us(row - 1) - 2 * SECOND_US;
        }
        let back = (row - RECENT) as i64 * step;
        // Each day's rows lie between about 05:00 and 18:30 UTC, newest last.
        let squeeze = |span: i64| span * 25 / 48;
        let within = DAY_US - back.rem_euclid(DAY_US);
        let jitter = (mix(self.seed, 5, row) % squeeze(step).max(2) as u64) as i64 / 3;
        midnight - (back / DAY_US + 1) * DAY_US + 6 * HOUR_US + squeeze(within) - jitter
    }

    /// The row at an ordinal below `rows`.
    pub(crate) fn row(&self, row: u64) -> Call {
        let kind = self.kind(row);
        let roll = mix(self.seed, 6, row);
        let lead_id = self.lead_of(row);
        let stranger = format!("+9725555501{:02}", roll % 100);
        let customer = match (kind, lead_id) {
            (b'u', None) if roll & 2 == 0 => "anonymous".to_owned(),
            (_, Some(id)) => super::leads::phone_of(id),
            (_, None) => stranger,
        };
        let outbound = Side::Outbound.has(kind);
        let (from, to) =
            if outbound { (BUSINESS_NUMBER.to_owned(), customer) } else { (customer, BUSINESS_NUMBER.to_owned()) };
        let recording = is_recorded(kind).then(|| self.recording_rank(row));
        let duration_s = match kind {
            b'L' => roll % 2,
            b'i' => 3 + roll % 9,
            b'u' => roll % 14,
            _ => recording.map_or(0, |rank| self.seconds[(rank % self.seconds.len() as u64) as usize]),
        };
        let created_us = match self.created_us(row) {
            // One in sixteen falls on a whole second: the fraction is then left out on the wire.
            at if roll % 16 == 5 => at - at.rem_euclid(SECOND_US),
            at => at,
        };
        let edited = recording.is_some() || kind == b'i';
        let processing_us = (duration_s as i64 + 35 + (roll >> 20) as i64 % 90) * SECOND_US + 123_457;
        let updated_us = if edited { (created_us + processing_us).min(self.anchor_us) } else { created_us };
        let (transcription, final_transcript, summary) = self.words(row, recording.is_some(), lead_id);
        Call {
            sid: self.sid(row),
            lead_id,
            from: (kind != b'n' || roll & 4 == 0).then_some(from),
            to: Some(to),
            duration_s,
            status: status_of(kind, roll),
            call_status: if kind == b'm' || kind == b'o' {
                pick(&["no-answer", "in-progress"], roll >> 3)
            } else {
                pick(&["completed", "completed", "in-progress"], roll >> 3)
            },
            direction: direction_of(kind),
            twilio_direction: match kind {
                b'n' => None,
                b'P' => Some("outbound-dial"),
                _ if outbound => Some("outbound-api"),
                _ => Some("inbound"),
            },
            parent_sid: (kind == b'P').then(|| self.sid(row + 1)),
            created_us,
            updated_us,
            transcription,
            final_transcript,
            summary,
            recording,
        }
    }

    fn recording_rank(&self, row: u64) -> u64 {
        let before = self.kinds(row / ROWS).iter().take((row % ROWS) as usize).filter(|kind| is_recorded(**kind));
        row / ROWS * RECORDED + before.count() as u64
    }

    /// Realtime transcript, final transcript, summary.
    fn words(
        &self,
        row: u64,
        recorded: bool,
        lead_id: Option<u64>,
    ) -> (Option<String>, Option<String>, Option<String>) {
        let roll = mix(self.seed, 7, row);
        // The newest call has everything: it is the one that is shown first.
        let newest = row == 0;
        if !recorded || (roll % 20 == 19 && !newest) {
            return (None, None, None);
        }
        let person = lead_id.or(Some(roll % 40 + 1)).and_then(|id| self.leads.get(id));
        let name = person.and_then(|lead| lead.first_name).unwrap_or_default();
        let subject = self.leads.subject(lead_id.unwrap_or(roll));
        let mut lines: Vec<&str> = subject.talks[(roll >> 5) as usize % subject.talks.len()].to_vec();
        if roll % 5 == 3 {
            let middle = lines.len() / 2;
            lines.splice(middle..middle, SMALL_TALK.iter().copied());
        }
        let filled: Vec<String> = lines.iter().map(|line| fill(line, &name, roll)).collect();
        let whole = filled.join("\n").replace(" ,", ",");
        let summary = Some(fill(pick(subject.summaries, roll >> 7), &name, roll));
        // The realtime transcript is what could be made out while people spoke: the first lines, no punctuation.
        let heard = filled.iter().take(3).cloned().collect::<Vec<_>>().join("\n").replace([',', '?', '.'], "");
        match roll % 10 {
            0 if !newest => (Some(heard), None, None),
            1 | 2 => (None, Some(whole), summary),
            _ => (Some(heard), Some(whole), summary),
        }
    }
}

const SCRAMBLE: u64 = 0x9E6C_63D0_876A_46D5;

/// The inverse of an odd number modulo 2^64, by Newton's iteration.
const fn inverse(odd: u64) -> u64 {
    let mut guess = odd;
    let mut round = 0;
    while round < 6 {
        guess = guess.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(guess)));
        round += 1;
    }
    guess
}

/// The newest block is always the one whose newest call has a recording.
fn block_order(seed: u64, block: u64) -> usize {
    if block == 0 { 0 } else { (mix(seed, 8, block) % 4) as usize }
}

fn is_recorded(kind: u8) -> bool {
    b"IOP".contains(&kind)
}

fn direction_of(kind: u8) -> Option<&'static str> {
    match kind {
        b'n' => None,
        b'u' => Some("unknown"),
        _ if Side::Outbound.has(kind) => Some("outbound"),
        _ => Some("inbound"),
    }
}

fn status_of(kind: u8, roll: u64) -> &'static str {
    match kind {
        b'm' | b'o' => pick(&["no-answer", "no-answer", "busy", "canceled", "failed"], roll >> 5),
        b'L' | b'i' => "completed",
        b'u' => "received",
        b'n' => "initiated",
        _ => pick(&["completed", "completed", "processed", "completed", "recorded"], roll >> 5),
    }
}

/// Rows of so many calls: a leg comes with the call it is the parent of.
fn rows_of(seed: u64, calls: u64) -> u64 {
    let full = calls / CALLS;
    let mut left = calls % CALLS;
    let mut rows = full * ROWS;
    for kind in BLOCKS[block_order(seed, full)] {
        if *kind != b'L' {
            if left == 0 {
                break;
            }
            left -= 1;
        }
        rows += 1;
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_US: i64 = 1_795_358_170_000_000;

    fn log(calls: u64) -> CallLog {
        CallLog::new(3, calls, 60, NOW_US, vec![45, 90])
    }

    #[test]
    fn every_order_of_a_block_has_the_same_counts() {
        for block in BLOCKS {
            let count = |fits: &dyn Fn(u8) -> bool| block.iter().filter(|kind| fits(**kind)).count() as u64;
            assert_eq!(count(&|kind| Side::Inbound.has(kind)), Side::Inbound.per_block());
            assert_eq!(count(&|kind| Side::Outbound.has(kind)), Side::Outbound.per_block());
            assert_eq!(count(&is_recorded), RECORDED);
            assert_eq!(count(&|kind| kind == b'L'), 1);
            let leg = block.iter().position(|kind| *kind == b'L').unwrap();
            assert_eq!(block[leg - 1], b'P');
        }
    }

    #[test]
    fn rows_go_back_in_time_without_a_tie_for_any_number_of_calls() {
        for calls in [0, 1, 5, 40, 300, 5_000] {
            let log = log(calls);
            let legs = (0..log.rows()).filter(|row| log.kind(*row) == b'L').count() as u64;
            assert_eq!(log.rows() - legs, calls);
            for row in 1..log.rows() {
                assert!(log.created_us(row) < log.created_us(row - 1), "row {row} of {calls}");
            }
        }
    }

    #[test]
    fn a_million_calls_are_in_order_within_ninety_days_and_found_by_sid() {
        let log = log(1_000_000);
        for row in (1..log.rows()).step_by(997).chain([log.rows() - 1]) {
            assert!(log.created_us(row) < log.created_us(row - 1), "row {row}");
            assert!(log.created_us(row) > NOW_US - 91 * DAY_US);
            assert_eq!(log.find(&log.row(row).sid), Some(row));
        }
        assert_eq!(log.find("CAdoesnotexist"), None);
    }

    #[test]
    fn pages_of_a_direction_are_the_rows_of_that_direction() {
        let log = log(333);
        for (side, name) in [(Side::Inbound, "inbound"), (Side::Outbound, "outbound")] {
            let slow: Vec<u64> = (0..log.rows()).filter(|row| log.row(*row).direction == Some(name)).collect();
            let fast: Vec<u64> = (0..log.rows_of_side(side)).filter_map(|n| log.nth_of_side(side, n)).collect();
            assert_eq!(slow, fast);
            assert_eq!(log.nth_of_side(side, slow.len() as u64), None);
        }
    }

    #[test]
    fn recordings_go_round_and_a_call_lasts_as_long_as_its_own() {
        let log = log(100);
        let recorded: Vec<Call> =
            (0..log.rows()).map(|row| log.row(row)).filter(|call| call.recording.is_some()).collect();
        assert_eq!(recorded.len() as u64, log.recorded());
        for (rank, call) in recorded.iter().enumerate() {
            assert_eq!(call.recording, Some(rank as u64));
            assert_eq!(call.duration_s, [45, 90][rank % 2]);
            assert_eq!(log.find(&call.sid), log.nth_recorded(rank as u64));
        }
    }

    #[test]
    fn a_leads_first_call_is_not_before_the_lead() {
        let log = log(3_000);
        for row in 0..log.rows() {
            if let Some(id) = log.lead_of(row) {
                assert!(log.leads().created_us(id) < log.created_us(row), "row {row} lead {id}");
            }
        }
    }
}
