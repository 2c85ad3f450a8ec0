//! The way through the recording: at which frames to leave off and where to go on.
//!
//! Time is cut into steps, the length of a cross-fade. At each step the sound either plays on or is faded into another
//! place. A place is known by its lag: how far it is from where it should be at this speed. Over all lags and a look
//! ahead of [`LOOK_STEPS`] the cheapest way is found (Viterbi's algorithm). It costs
//! - to be away from the right place, with the square of the lag;
//! - to fade between two places that do not sound alike;
//! - to skip, repeat or fade what must be heard exactly once ([`crate::stretch::guide`]).
//!
//! A greedy search, as in WSOLA, takes the best match of the moment and finds itself before a click with no way round it.

use std::ops::Range;

use super::guide::Guide;

/// Length of a step and of a cross-fade: about a period of the deepest voice.
const STEP_MS: f32 = 8.0;
/// How far a place may be from the right one, at least.
const REACH_MS: f32 = 10.0;
/// So much of a step must lie anywhere in the recording without a fade, or a click finds no way through: wherever its
/// steps begin, one of them plays on over it. [`Path::reach_ms`] follows from that.
const CLEAR_MS: f32 = 6.0;
/// Steps that are looked ahead before the first of them is decided.
pub const LOOK_STEPS: usize = 20;
/// How many are decided then.
const DECIDED_STEPS: usize = 8;
/// What a step costs that lags by 10 ms.
const LAG_COST: f32 = 1.6;
/// What a fade costs, however well it fits.
const FADE_COST: f32 = 0.05;
/// Places that are so much dearer than the cheapest are not left from: half the work. Not so before a click, which may
/// make them the cheapest.
const HOPELESS: f32 = 0.35;
const HOPELESS_BEFORE_CLICK: f32 = 10.0;
/// A click is seen so many steps before it could be faded.
const WARNED_STEPS: usize = 2;
/// Mean energy of a frame in which any two places sound alike: silence.
const SILENT: f32 = 1e-5;
/// A lane with so little of the loudest one's energy has no say.
const UNHEARD: f32 = 1e-2;
const NO_WAY: f32 = 1e30;
/// Before this place lies the one that plays on, and the mark says that it was faded to.
const FADED: u32 = 1 << 31;

/// What happens in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// Plays on.
    On,
    /// Fades from where it is into what begins at this frame of the guide.
    To(usize),
}

/// Finds the way. Positions are the guide's.
pub struct Path {
    /// Frames in a step.
    step: usize,
    reach: usize,
    /// What is looked at begins so far before the first place, and has so many places.
    back: usize,
    width: usize,
    /// Frames behind that in which a click is seen coming.
    warned: usize,
    /// Where output 0 is.
    origin: usize,
    frames_per_step: f64,
    /// Steps that were looked at, and that were decided.
    looked: u64,
    decided: u64,
    lag_costs: Vec<f32>,
    costs: Vec<f32>,
    next: Vec<f32>,
    /// Of each step that is not decided, where each place came from.
    from: Vec<Vec<u32>>,
    row: Vec<f32>,
    next_row: Vec<f32>,
    energies: Vec<f32>,
    /// The energy of each lane in what is looked at.
    loud: Vec<f32>,
    weights: Vec<f32>,
}

impl Path {
    /// For a guide of so many frames a second, in which output 0 is at `origin`.
    pub fn new(rate_hz: f32, channels: usize, speed: f64, origin: usize) -> Self {
        let frames = |ms: f32| ((rate_hz * ms / 1000.0).round() as usize).max(2);
        let (step, reach) = (frames(STEP_MS), frames(Self::reach_ms(speed as f32)));
        let places = 2 * reach + 1;
        let frames_per_step = step as f64 * speed;
        // A fade ends within reach: it may begin before or behind.
        let back = (step as f64 - frames_per_step).max(0.0).ceil() as usize + 1;
        let ahead = (frames_per_step - step as f64).max(0.0).ceil() as usize + 1;
        let width = back + places + ahead;
        let lag_costs = (0..places).map(|place| {
            let lag_ms = (place as f32 - reach as f32) * 1000.0 / rate_hz;
            LAG_COST * (lag_ms / 10.0).powi(2)
        });
        let mut costs = vec![NO_WAY; places];
        costs[reach] = 0.0;
        Self {
            step,
            reach,
            back,
            width,
            warned: WARNED_STEPS * frames_per_step.ceil() as usize,
            origin,
            frames_per_step,
            looked: 0,
            decided: 0,
            lag_costs: lag_costs.collect(),
            costs,
            next: vec![NO_WAY; places],
            from: vec![vec![0; places]; LOOK_STEPS + 1],
            row: vec![0.0; width],
            next_row: vec![0.0; width],
            energies: vec![0.0; width],
            loud: vec![0.0; channels],
            weights: vec![0.0; width + step],
        }
    }

    /// Steps begin `speed * STEP_MS` apart in the recording, and one that plays on loses `(speed - 1) * STEP_MS`: both have
    /// to fit into twice the reach, but for what a step has left over. 11 ms at 2x, 19 ms at 3x.
    fn reach_ms(speed: f32) -> f32 {
        REACH_MS.max(0.5 * ((2.0 * speed - 1.0) * STEP_MS - (STEP_MS - CLEAR_MS)))
    }

    /// Frames of the guide before output 0 that are looked at.
    pub fn lead(rate_hz: f32, speed: f64) -> usize {
        let path = Self::new(rate_hz, 0, speed, 0);
        path.reach + path.back
    }

    /// Frames in a step.
    pub fn step(&self) -> usize {
        self.step
    }

    /// The most frames between the first that is still needed and the last that is looked at.
    pub fn span(&self) -> usize {
        (LOOK_STEPS + 1) * (self.frames_per_step.ceil() as usize).max(self.step) + 2 * self.width + self.warned
    }

    fn right_place(&self, step: u64) -> usize {
        self.origin + (step as f64 * self.frames_per_step).round() as usize
    }

    /// The first frame that the next step looks at.
    fn first(&self) -> usize {
        self.right_place(self.looked) - self.reach - self.back
    }

    /// The first frame that is still needed, for the fades that are not laid yet.
    pub fn needs_from(&self) -> usize {
        self.right_place(self.decided).saturating_sub(self.reach + self.back)
    }

    /// Looks one step further, if the guide goes so far, and appends what is decided by it.
    pub fn look(&mut self, guide: &Guide, moves: &mut impl Extend<Move>) -> bool {
        let first = self.first();
        if guide.end() < first + self.width + self.step + self.warned + guide.look_ahead() {
            return false;
        }
        self.weigh_step(guide, first);
        self.looked += 1;
        if self.looked - self.decided >= LOOK_STEPS as u64 {
            self.decide(moves);
        }
        true
    }

    fn weigh_step(&mut self, guide: &Guide, first: usize) {
        let moved = self.right_place(self.looked + 1) - self.right_place(self.looked);
        self.next.fill(NO_WAY);
        let slot = ((self.looked + 1) % self.from.len() as u64) as usize;
        let mut from = std::mem::take(&mut self.from[slot]);
        self.play_on(&mut from, moved);
        self.fade(guide, first, &mut from, moved);
        let least = self.next.iter().copied().fold(NO_WAY, f32::min);
        for (cost, next) in self.costs.iter_mut().zip(&self.next) {
            *cost = if *next < NO_WAY { next - least } else { NO_WAY };
        }
        self.from[slot] = from;
    }

    /// Every place plays on to the one a step later.
    fn play_on(&mut self, from: &mut [u32], moved: usize) {
        for (place, cost) in self.costs.iter().enumerate() {
            if let Some(to) = (place + self.step).checked_sub(moved).filter(|to| *to < self.next.len()) {
                self.next[to] = cost + self.lag_costs[to];
                from[to] = place as u32;
            }
        }
    }

    /// Every place that is not hopeless fades into every other.
    fn fade(&mut self, guide: &Guide, first: usize, from: &mut [u32], moved: usize) {
        let places = self.costs.len();
        let is_before_click = guide.has_weights(first, self.width + self.step + self.warned);
        let hopeless = if is_before_click { HOPELESS_BEFORE_CLICK } else { HOPELESS };
        let is_live = |cost: &f32| *cost < hopeless;
        let (Some(one), Some(last)) = (self.costs.iter().position(is_live), self.costs.iter().rposition(is_live))
        else {
            return;
        };
        // Fades that end within reach: place `n` is frame `back + n`, and a step later the frames have moved on.
        let target = (self.back + moved).saturating_sub(self.step);
        let skipped = (self.step + target).saturating_sub(self.back + moved);
        let targets = target..(target + places - skipped).min(self.width);
        self.measure(guide, first);
        let is_click = guide.has_weights(first, self.width + self.step);
        if is_click {
            guide.sum_weights(first, &mut self.weights);
        }
        let silent = SILENT * self.step as f32;
        for place in one..=last {
            let at = self.back + place;
            self.correlate(guide, first, at, targets.clone(), place == one);
            let cost = self.costs[place];
            if !is_live(&cost) {
                continue;
            }
            let base = cost + FADE_COST + 1.0;
            let energy = self.energies[at] + silent;
            let (rows, energies) = (&self.row[targets.clone()], &self.energies[targets.clone()]);
            let ends = skipped..skipped + targets.len();
            let (next, lags) = (&mut self.next[ends.clone()], &self.lag_costs[ends.clone()]);
            let came = &mut from[ends];
            let mark = place as u32 | FADED;
            let alike = rows.iter().zip(energies).map(|(row, other)| (2.0 * row + silent) / (energy + other));
            if is_click {
                for (n, (alike, lag)) in alike.zip(lags).enumerate() {
                    let to = targets.start + n;
                    let passed = self.weights[at.max(to) + self.step - 1] - self.weights[at.min(to)];
                    let cost = base - alike + lag + passed;
                    if cost < next[n] {
                        (next[n], came[n]) = (cost, mark);
                    }
                }
            } else {
                for (((alike, lag), next), came) in alike.zip(lags).zip(next).zip(came) {
                    let cost = base - alike + lag;
                    // By masks, for a conditional store would keep the compiler from doing four at a time.
                    let is_better = u32::from(cost < *next).wrapping_neg();
                    *next = cost.min(*next);
                    *came = (mark & is_better) | (*came & !is_better);
                }
            }
        }
    }

    /// The energy of the step that begins at each frame, and which lanes are heard there.
    fn measure(&mut self, guide: &Guide, first: usize) {
        let frames = self.width + self.step;
        let mut loudest: f32 = 0.0;
        for (loud, lane) in self.loud.iter_mut().zip(guide.lanes(first, frames)) {
            *loud = product(lane, lane);
            loudest = loudest.max(*loud);
        }
        self.energies.fill(0.0);
        for (lane, _) in guide.lanes(first, frames).zip(&self.loud).filter(|(_, loud)| **loud > UNHEARD * loudest) {
            let mut energy: f64 = lane[..self.step].iter().map(|s| f64::from(s * s)).sum();
            for (sum, (goes, comes)) in self.energies.iter_mut().zip(lane.iter().zip(&lane[self.step..])) {
                *sum += energy.max(0.0) as f32;
                energy += f64::from(comes * comes) - f64::from(goes * goes);
            }
        }
    }

    /// The product of the step at frame `at` with that at each of the targets; from the one for `at - 1`, unless it is
    /// the first.
    fn correlate(&mut self, guide: &Guide, first: usize, at: usize, targets: Range<usize>, is_first: bool) {
        let step = self.step;
        let loudest = self.loud.iter().copied().fold(0.0, f32::max);
        let lanes = guide.lanes(first, self.width + step).zip(&self.loud);
        let lanes = lanes.filter(|(_, loud)| **loud > UNHEARD * loudest).map(|(lane, _)| lane);
        let (start, end) = (targets.start, targets.end);
        self.next_row[if is_first { start..end } else { start..start + 1 }].fill(0.0);
        for (n, lane) in lanes.enumerate() {
            let goes_on = &lane[at..at + step];
            if is_first {
                for (sum, target) in self.next_row[start..end].iter_mut().zip(targets.clone()) {
                    *sum += product(goes_on, &lane[target..target + step]);
                }
                continue;
            }
            self.next_row[start] += product(goes_on, &lane[start..start + step]);
            let (comes, goes) = (lane[at + step - 1], lane[at - 1]);
            let changes = lane[start + step..end + step - 1].iter().zip(&lane[start..end - 1]);
            let changes = changes.map(|(came, gone)| comes * came - goes * gone);
            let rows = self.next_row[start + 1..end].iter_mut();
            if n == 0 {
                rows.zip(&self.row[start..end - 1]).zip(changes).for_each(|((next, row), change)| *next = row + change);
            } else {
                rows.zip(changes).for_each(|(next, change)| *next += change);
            }
        }
        std::mem::swap(&mut self.row, &mut self.next_row);
    }

    /// Decides the oldest steps by the cheapest way to where the look ends, and closes all ways that part from it.
    fn decide(&mut self, moves: &mut impl Extend<Move>) {
        let cheapest =
            (0..self.costs.len()).min_by(|a, b| self.costs[*a].total_cmp(&self.costs[*b])).unwrap_or(self.reach);
        let until = self.decided + DECIDED_STEPS as u64;
        let place = self.back_to(until, cheapest);
        for one in 0..self.costs.len() {
            if self.costs[one] < NO_WAY && self.back_to(until, one) != place {
                self.costs[one] = NO_WAY;
            }
        }
        let mut way = [Move::On; DECIDED_STEPS];
        let mut place = place;
        for (found, step) in way.iter_mut().rev().zip((self.decided + 1..=until).rev()) {
            let from = self.came(step, place);
            if from & FADED != 0 {
                *found = Move::To(self.right_place(step) + place - self.reach - self.step);
            }
            place = (from & !FADED) as usize;
        }
        moves.extend(way);
        self.decided = until;
    }

    fn came(&self, step: u64, place: usize) -> u32 {
        self.from[(step % self.from.len() as u64) as usize][place]
    }

    /// The place at `step` on the way to `place`.
    fn back_to(&self, step: u64, place: usize) -> usize {
        (step + 1..=self.looked).rev().fold(place, |place, at| (self.came(at, place) & !FADED) as usize)
    }
}

/// The sum of the products, in eight sums of which the compiler does four at a time.
fn product(one: &[f32], other: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 8];
    let (ones, others) = (one.chunks_exact(8), other.chunks_exact(8));
    let rest: f32 = ones.remainder().iter().zip(others.remainder()).map(|(a, b)| a * b).sum();
    for (one, other) in ones.zip(others) {
        for (sum, (a, b)) in sums.iter_mut().zip(one.iter().zip(other)) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f32>() + rest
}
