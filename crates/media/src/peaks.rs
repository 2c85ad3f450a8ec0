//! The shape of a recording: least and greatest sample per stretch of time and channel.
//!
//! Kept at ten milliseconds a bucket, or at twice, four times … that for a long recording, so that a row never holds
//! more than [`BUCKETS_MAX`] pairs a channel; coarser views are folded from these when they are asked for.

/// Most stored buckets per channel: a quarter of a megabyte for two channels.
pub const BUCKETS_MAX: usize = 65_536;
const MAGIC: &[u8; 4] = b"PKS1";
const HEADER_BYTES: usize = 4 + 2 + 4 + 8 + 8;

/// Stored peaks do not make sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stored peaks do not make sense")]
pub struct PeaksError;

/// The shape of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peaks {
    sample_rate_hz: u32,
    frames: u64,
    frames_per_bucket: u64,
    /// Per channel, least and greatest of each bucket.
    lanes: Vec<Vec<(i8, i8)>>,
}

impl Peaks {
    /// How many channels.
    pub fn channels(&self) -> u16 {
        u16::try_from(self.lanes.len()).unwrap_or(u16::MAX)
    }

    /// Length in milliseconds, rounded.
    pub fn duration_ms(&self) -> i64 {
        let rate = u128::from(self.sample_rate_hz.max(1));
        i64::try_from((u128::from(self.frames) * 1000 + rate / 2) / rate).unwrap_or(i64::MAX)
    }

    /// Per channel, `count` pairs of least and greatest sample (-127 … 127), each of one `count`-th of the time.
    pub fn buckets(&self, count: usize) -> Vec<Vec<(i8, i8)>> {
        self.lanes.iter().map(|lane| (0..count).map(|k| self.fold(lane, k, count)).collect()).collect()
    }

    fn fold(&self, lane: &[(i8, i8)], k: usize, count: usize) -> (i8, i8) {
        let edge = |k: usize| u128::from(self.frames) * k as u128 / count as u128 / u128::from(self.frames_per_bucket);
        let first = usize::try_from(edge(k)).unwrap_or(usize::MAX).min(lane.len());
        let end = usize::try_from(edge(k + 1)).unwrap_or(usize::MAX).min(lane.len()).max(first + 1);
        // The last stretch owns the last, shorter bucket.
        let end = if k + 1 == count { lane.len() } else { end.min(lane.len()) };
        lane.get(first..end).unwrap_or_default().iter().copied().reduce(join).unwrap_or((0, 0))
    }

    /// As a row keeps it: `PKS1`, channels u16, sample rate u32, frames u64, frames per bucket u64, then per channel its
    /// pairs, all little-endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + self.lanes.iter().map(|lane| lane.len() * 2).sum::<usize>());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.channels().to_le_bytes());
        bytes.extend_from_slice(&self.sample_rate_hz.to_le_bytes());
        bytes.extend_from_slice(&self.frames.to_le_bytes());
        bytes.extend_from_slice(&self.frames_per_bucket.to_le_bytes());
        for (least, greatest) in self.lanes.iter().flatten() {
            bytes.extend_from_slice(&[least.to_le_bytes()[0], greatest.to_le_bytes()[0]]);
        }
        bytes
    }

    /// Reads back what a row kept; any bytes may be given.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PeaksError> {
        let (head, pairs) = bytes.split_at_checked(HEADER_BYTES).ok_or(PeaksError)?;
        let field = |from: usize, len: usize| {
            let mut wide = [0_u8; 8];
            wide[..len].copy_from_slice(&head[from..from + len]);
            u64::from_le_bytes(wide)
        };
        let channels = usize::try_from(field(4, 2)).map_err(|_| PeaksError)?;
        let sample_rate_hz = u32::try_from(field(6, 4)).map_err(|_| PeaksError)?;
        let (frames, frames_per_bucket) = (field(10, 8), field(18, 8));
        if &head[..4] != MAGIC || channels == 0 || sample_rate_hz == 0 || frames_per_bucket == 0 {
            return Err(PeaksError);
        }
        let buckets = usize::try_from(frames.div_ceil(frames_per_bucket)).map_err(|_| PeaksError)?;
        if buckets > BUCKETS_MAX || pairs.len() != buckets * channels * 2 {
            return Err(PeaksError);
        }
        let pair = |p: &[u8]| (i8::from_le_bytes([p[0]]), i8::from_le_bytes([p[1]]));
        // Upside down, or lower than anything that was ever written.
        if pairs.chunks_exact(2).map(pair).any(|(least, greatest)| least > greatest || least == i8::MIN) {
            return Err(PeaksError);
        }
        let lanes = if buckets == 0 {
            vec![Vec::new(); channels]
        } else {
            pairs.chunks_exact(buckets * 2).map(|lane| lane.chunks_exact(2).map(pair).collect()).collect()
        };
        Ok(Self { sample_rate_hz, frames, frames_per_bucket, lanes })
    }
}

fn join(a: (i8, i8), b: (i8, i8)) -> (i8, i8) {
    (a.0.min(b.0), a.1.max(b.1))
}

/// Builds [`Peaks`] from decoded sound.
#[derive(Debug, Clone)]
pub struct PeaksBuilder {
    sample_rate_hz: u32,
    frames_per_bucket: u64,
    lanes: Vec<Vec<(i8, i8)>>,
    /// The bucket that is being filled, per channel.
    open: Vec<(f32, f32)>,
    frames: u64,
    channel: usize,
}

impl PeaksBuilder {
    /// For sound of so many channels (at least 1) and samples per second and channel.
    pub fn new(channels: u16, sample_rate_hz: u32) -> Self {
        let channels = usize::from(channels.max(1));
        Self {
            sample_rate_hz: sample_rate_hz.max(1),
            frames_per_bucket: u64::from(sample_rate_hz / 100).max(1),
            lanes: vec![Vec::new(); channels],
            open: vec![EMPTY; channels],
            frames: 0,
            channel: 0,
        }
    }

    /// Takes interleaved samples (-1 … 1) in order; a block may end within a frame.
    pub fn push(&mut self, interleaved: &[f32]) {
        for &sample in interleaved {
            // A broken sample is silence, so that what is written is always a least and a greatest.
            let sample = if sample.is_finite() { sample } else { 0.0 };
            let (least, greatest) = &mut self.open[self.channel];
            *least = least.min(sample);
            *greatest = greatest.max(sample);
            self.channel += 1;
            if self.channel == self.open.len() {
                self.channel = 0;
                self.frames += 1;
                if self.frames.is_multiple_of(self.frames_per_bucket) {
                    self.close_bucket();
                }
            }
        }
    }

    fn close_bucket(&mut self) {
        for (lane, open) in self.lanes.iter_mut().zip(&mut self.open) {
            lane.push(quantise(std::mem::replace(open, EMPTY)));
        }
        if self.lanes[0].len() >= BUCKETS_MAX {
            self.frames_per_bucket *= 2;
            for lane in &mut self.lanes {
                *lane = lane.chunks(2).map(|pair| pair.iter().copied().reduce(join).unwrap_or((0, 0))).collect();
            }
        }
    }

    /// The shape of all that was pushed.
    pub fn finish(mut self) -> Peaks {
        if !self.frames.is_multiple_of(self.frames_per_bucket) {
            for (lane, open) in self.lanes.iter_mut().zip(&self.open) {
                lane.push(quantise(*open));
            }
        }
        Peaks {
            sample_rate_hz: self.sample_rate_hz,
            frames: self.frames,
            frames_per_bucket: self.frames_per_bucket,
            lanes: self.lanes,
        }
    }
}

const EMPTY: (f32, f32) = (f32::INFINITY, f32::NEG_INFINITY);

fn quantise((least, greatest): (f32, f32)) -> (i8, i8) {
    let step = |v: f32| (v * 127.0).round().clamp(-127.0, 127.0) as i8;
    (step(least), step(greatest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn built(channels: u16, rate: u32, samples: &[f32], block: usize) -> Peaks {
        let mut builder = PeaksBuilder::new(channels, rate);
        for part in samples.chunks(block.max(1)) {
            builder.push(part);
        }
        builder.finish()
    }

    #[test]
    fn each_channel_keeps_its_own_extremes() {
        let samples: Vec<f32> = (0..8000).flat_map(|n| [if n == 4000 { 1.0 } else { 0.0 }, -0.5]).collect();
        let peaks = built(2, 8000, &samples, 333);
        assert_eq!((peaks.channels(), peaks.duration_ms()), (2, 1000));
        let lanes = peaks.buckets(2);
        assert_eq!(lanes[0], vec![(0, 0), (0, 127)]);
        assert_eq!(lanes[1], vec![(-64, -64), (-64, -64)]);
    }

    #[test]
    fn a_long_recording_keeps_its_peak_within_bounded_space() {
        let mut builder = PeaksBuilder::new(1, 8000);
        let second = vec![0.0; 8000];
        for _ in 0..3000 {
            builder.push(&second);
        }
        builder.push(&[1.0]);
        let peaks = builder.finish();
        assert!(peaks.to_bytes().len() <= HEADER_BYTES + 2 * BUCKETS_MAX);
        assert_eq!(peaks.duration_ms(), 3_000_000);
        assert_eq!(peaks.buckets(10)[0][9], (0, 127));
    }

    #[test]
    fn nothing_pushed_draws_as_silence() {
        let peaks = PeaksBuilder::new(2, 8000).finish();
        assert_eq!(peaks.buckets(3), vec![vec![(0, 0); 3]; 2]);
        assert_eq!(Peaks::from_bytes(&peaks.to_bytes()), Ok(peaks));
    }

    #[test]
    fn a_broken_sample_draws_as_silence() {
        assert_eq!(built(1, 100, &[f32::NAN, f32::INFINITY], 1).buckets(1), vec![vec![(0, 0)]]);
    }

    #[test]
    fn samples_out_of_bounds_are_drawn_within_the_lane_and_read_back() {
        let mut builder = PeaksBuilder::new(1, 100);
        builder.push(&[f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 9.0]);
        let peaks = builder.finish();
        assert_eq!(peaks.buckets(4), [[(0, 0), (0, 0), (0, 0), (127, 127)]]);
        assert_eq!(Peaks::from_bytes(&peaks.to_bytes()), Ok(peaks));
    }

    proptest! {
        #[test]
        fn what_was_kept_reads_back(samples in proptest::collection::vec(-1.0_f32..1.0, 0..4000), channels in 1_u16..4) {
            let peaks = built(channels, 8000, &samples, 97);
            prop_assert_eq!(Peaks::from_bytes(&peaks.to_bytes()), Ok(peaks));
        }

        #[test]
        fn no_view_loses_the_greatest_sample(samples in proptest::collection::vec(-1.0_f32..1.0, 1..4000), count in 1_usize..300) {
            let peaks = built(1, 8000, &samples, 97);
            let seen = peaks.buckets(count)[0].iter().map(|p| p.1).max();
            let all = peaks.lanes[0].iter().map(|p| p.1).max();
            prop_assert_eq!(seen, all);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = Peaks::from_bytes(&bytes);
            let mut with_magic = MAGIC.to_vec();
            with_magic.extend(bytes);
            if let Ok(peaks) = Peaks::from_bytes(&with_magic) {
                prop_assert_eq!(peaks.buckets(7).len(), usize::from(peaks.channels()));
            }
        }
    }
}
