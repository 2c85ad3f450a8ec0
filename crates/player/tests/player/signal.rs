//! Measuring sound.

/// One channel of interleaved samples.
pub fn channel(interleaved: &[f32], channels: usize, which: usize) -> Vec<f32> {
    interleaved.iter().skip(which).step_by(channels).copied().collect()
}

/// All channels added.
pub fn mixed(interleaved: &[f32], channels: usize) -> Vec<f32> {
    interleaved.chunks_exact(channels).map(|frame| frame.iter().sum()).collect()
}

/// Normalised correlation of two signals, over the length that they share.
pub fn correlation(a: &[f32], b: &[f32]) -> f64 {
    let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    let shared = a.len().min(b.len());
    let (a, b) = (&a[..shared], &b[..shared]);
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt().max(1e-12)
}

/// By how many samples `b` is late against `a`, within `reach`.
pub fn lag(a: &[f32], b: &[f32], reach: usize) -> isize {
    let score = |lag: isize| match lag {
        0.. => correlation(a, &b[lag.unsigned_abs().min(b.len())..]),
        _ => correlation(&a[lag.unsigned_abs().min(a.len())..], b),
    };
    let reach = reach as isize;
    (-reach..=reach).max_by(|x, y| score(*x).total_cmp(&score(*y))).unwrap_or(0)
}

/// Root of the mean square.
pub fn rms(samples: &[f32]) -> f64 {
    (samples.iter().map(|s| f64::from(*s) * f64::from(*s)).sum::<f64>() / samples.len().max(1) as f64).sqrt()
}

/// Fundamental frequency of the voice at a sample, by autocorrelation of 40 ms; none where there is no voice.
pub fn f0_hz_at(signal: &[f32], at: usize, rate_hz: u32) -> Option<f64> {
    let window = rate_hz as usize / 25;
    let (shortest, longest) = (rate_hz as usize / 350, rate_hz as usize / 70);
    let start = at.checked_sub(window)?;
    let here = signal.get(start..start + window)?;
    signal.get(start..start + 2 + longest + window)?;
    if rms(here) < 0.02 {
        return None;
    }
    let scores: Vec<f64> =
        (shortest - 1..=longest + 1).map(|lag| correlation(here, &signal[start + lag..start + lag + window])).collect();
    let inside = 1..scores.len() - 1;
    let best = inside.clone().map(|n| scores[n]).fold(0.0, f64::max);
    // The first peak that is nearly as good as the best: twice the period fits as well.
    let is_peak = |n: &usize| scores[*n] > 0.9 * best && scores[*n] >= scores[n + 1] && scores[*n] >= scores[n - 1];
    let peak = inside.clone().find(is_peak).filter(|_| best > 0.7)?;
    // A parabola through the peak and its neighbours: a period is few samples at 8 kHz.
    let (left, middle, right) = (scores[peak - 1], scores[peak], scores[peak + 1]);
    let bend = left - 2.0 * middle + right;
    let shift = if bend == 0.0 { 0.0 } else { 0.5 * (left - right) / bend };
    Some(f64::from(rate_hz) / ((shortest - 1 + peak) as f64 + shift))
}
