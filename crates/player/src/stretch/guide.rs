//! What the search looks at: the sound at 8 to 12 thousand frames a second, and where in it something happens that must
//! be heard exactly once.

/// The search needs no more than what a telephone line carries.
const RATE_LEAST_HZ: u32 = 8_000;
/// Energy is looked at in parts of this length.
const PART_MS: f32 = 1.0;
/// What stands out does so from this many parts before and behind: more than a period of the deepest voice, so that the
/// pulses of a voice are no clicks.
const NEAR_PARTS: usize = 12;
/// By how much, in energy of the differences of the second order.
const STANDS_OUT: f32 = 4.0;
/// Energy of a part below which nothing stands out.
const AUDIBLE: f32 = 1e-4;
/// A click has a length, and its echo in the line: parts before and behind it that belong to it.
const BEFORE_PARTS: usize = 2;
const BEHIND_PARTS: usize = 3;
/// What skipping, repeating or fading it costs. Higher than anything else a path can save.
const WEIGHT: f32 = 100.0;

/// How many frames make one of the guide's.
pub fn divisor(sample_rate_hz: u32) -> usize {
    ((sample_rate_hz + RATE_LEAST_HZ / 2) / RATE_LEAST_HZ).max(1) as usize
}

/// Beyond this a sample is damage.
const LOUDEST: f32 = 4.0;

/// A window of the guide. A position is counted from the first frame that was ever pushed.
pub struct Guide {
    /// Of each channel.
    lanes: Vec<Lane>,
    /// Position of the first one that is kept.
    base: usize,
    /// Frames in a part.
    part: usize,
    /// Number of the first part that is kept.
    base_part: usize,
    /// What it costs to skip a frame of each part.
    weights: Vec<f32>,
    /// Parts before it have their final weight.
    weighed: usize,
}

struct Lane {
    samples: Vec<f32>,
    /// Energy of each part, of the differences of the second order.
    energies: Vec<f32>,
    energy: f32,
    last: [f32; 2],
}

impl Guide {
    /// A guide that holds up to `room` frames.
    pub fn new(rate_hz: f32, channels: usize, room: usize) -> Self {
        let part = ((rate_hz * PART_MS / 1000.0).round() as usize).max(1);
        let parts = room / part + 2;
        let lane = || Lane {
            samples: Vec::with_capacity(room),
            energies: Vec::with_capacity(parts),
            energy: 0.0,
            last: [0.0; 2],
        };
        Self {
            lanes: (0..channels).map(|_| lane()).collect(),
            base: 0,
            part,
            base_part: 0,
            weights: Vec::with_capacity(parts),
            weighed: 0,
        }
    }

    /// Frames behind a position that have to be here before its weight is final.
    pub fn look_ahead(&self) -> usize {
        (BEFORE_PARTS + NEAR_PARTS + 2) * self.part
    }

    /// Frames before a position that its weight depends on.
    pub fn look_back(&self) -> usize {
        (BEHIND_PARTS + NEAR_PARTS + 1) * self.part
    }

    /// One past the last frame that is here.
    pub fn end(&self) -> usize {
        self.base + self.lanes.first().map_or(0, |lane| lane.samples.len())
    }

    /// One more frame: a sample for each channel.
    pub fn push(&mut self, frame: impl Iterator<Item = f32>) {
        for (lane, sample) in self.lanes.iter_mut().zip(frame) {
            // A file may hold any number, and no sum of these may be beyond numbers.
            let sample = if sample.is_finite() { sample.clamp(-LOUDEST, LOUDEST) } else { 0.0 };
            let second = sample - 2.0 * lane.last[0] + lane.last[1];
            lane.last = [sample, lane.last[0]];
            lane.energy += second * second;
            lane.samples.push(sample);
        }
        if self.end().is_multiple_of(self.part) {
            for lane in &mut self.lanes {
                lane.energies.push(lane.energy);
                lane.energy = 0.0;
            }
            self.weights.push(0.0);
            self.weigh();
        }
    }

    /// A part became complete: the one that now has all its neighbours is judged.
    fn weigh(&mut self) {
        let Some(at) = self.weights.len().checked_sub(NEAR_PARTS) else { return };
        if (self.base_part + at) < self.weighed {
            return;
        }
        let stands_out = self.lanes.iter().any(|lane| {
            let loudest = |parts: &[f32]| parts.iter().fold(AUDIBLE, |most, energy| energy.max(most));
            let energy = lane.energies[at];
            let before = loudest(&lane.energies[at.saturating_sub(NEAR_PARTS)..at]);
            // Its own tail may lie in the next two.
            let behind = loudest(&lane.energies[at + 3..]);
            energy > STANDS_OUT * before && energy > STANDS_OUT * behind
        });
        if stands_out {
            let all = BEFORE_PARTS + BEHIND_PARTS + 1;
            let around = at.saturating_sub(BEFORE_PARTS)..(at + BEHIND_PARTS + 1).min(self.weights.len());
            self.weights[around].fill(WEIGHT / (all * self.part) as f32);
        }
        self.weighed = self.base_part + at + 1;
    }

    /// The samples of each channel from `position` on, so many. They must be here.
    pub fn lanes(&self, position: usize, frames: usize) -> impl Iterator<Item = &[f32]> {
        let from = position - self.base;
        self.lanes.iter().map(move |lane| &lane.samples[from..from + frames])
    }

    /// Whether something that must be heard exactly once lies in so many frames from `position` on.
    pub fn has_weights(&self, position: usize, frames: usize) -> bool {
        let part = |position: usize| (position / self.part - self.base_part).min(self.weights.len());
        self.weights[part(position)..part(position + frames + self.part)].iter().any(|weight| *weight != 0.0)
    }

    /// What it costs to skip all frames from `position` up to each of the frames behind it, as many as fit.
    pub fn sum_weights(&self, position: usize, sums: &mut [f32]) {
        let mut sum = 0.0;
        for (frame, before) in sums.iter_mut().enumerate() {
            *before = sum;
            sum += self.weights.get((position + frame) / self.part - self.base_part).copied().unwrap_or(0.0);
        }
    }

    /// Nothing before this position is needed any more.
    pub fn forget(&mut self, position: usize) {
        let kept_part = (position.saturating_sub(self.look_back()) / self.part).max(self.base_part);
        let (frames, parts) = (kept_part * self.part - self.base, kept_part - self.base_part);
        for lane in &mut self.lanes {
            lane.samples.drain(..frames.min(lane.samples.len()));
            lane.energies.drain(..parts.min(lane.energies.len()));
        }
        self.weights.drain(..parts.min(self.weights.len()));
        self.base = kept_part * self.part;
        self.base_part = kept_part;
    }

    /// What is set aside, so that a test sees it stay.
    #[cfg(test)]
    pub fn capacity(&self) -> usize {
        let lanes = self.lanes.iter().map(|lane| lane.samples.capacity() + lane.energies.capacity());
        lanes.sum::<usize>() + self.weights.capacity()
    }
}
