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

/// Median fundamental frequency of the voiced parts, by autocorrelation of 40 ms windows.
pub fn median_f0_hz(signal: &[f32], rate_hz: u32) -> f64 {
    let window = rate_hz as usize / 25;
    let (shortest, longest) = (rate_hz as usize / 350, rate_hz as usize / 70);
    let mut pitches = Vec::new();
    for start in (0..signal.len().saturating_sub(window + longest)).step_by(window / 2) {
        let here = &signal[start..start + window];
        if rms(here) < 0.02 {
            continue;
        }
        let score = |lag: usize| correlation(here, &signal[start + lag..start + lag + window]);
        let Some(best) = (shortest..=longest).max_by(|x, y| score(*x).total_cmp(&score(*y))) else { continue };
        // The first peak that is nearly as good as the best: twice the period fits as well.
        let good = (shortest..=best).find(|lag| {
            let here = score(*lag);
            here > 0.9 * score(best) && here >= score(lag + 1) && here >= score(lag - 1)
        });
        let period = good.unwrap_or(best);
        if score(period) > 0.7 {
            // A parabola through the peak and its neighbours: a period is few samples at 8 kHz.
            let (left, peak, right) = (score(period - 1), score(period), score(period + 1));
            let bend = left - 2.0 * peak + right;
            let shift = if bend == 0.0 { 0.0 } else { 0.5 * (left - right) / bend };
            pitches.push(f64::from(rate_hz) / (period as f64 + shift));
        }
    }
    pitches.sort_by(f64::total_cmp);
    assert!(pitches.len() > 50, "too little voice to measure: {}", pitches.len());
    pitches[pitches.len() / 2]
}
