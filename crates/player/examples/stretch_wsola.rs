//! The peer that is a crate, for `cargo xtask bench stretch`: `stretch_wsola IN.wav OUT.wav SPEED`, 16 bit.

use std::num::{NonZeroU16, NonZeroU32};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [input, output, speed] = &arguments[..] else { return Err("stretch_wsola IN.wav OUT.wav SPEED".into()) };
    let mut wav = hound::WavReader::open(input)?;
    let spec = wav.spec();
    let samples = wav.samples::<i16>().map(|sample| Ok(f32::from(sample?) / 32_768.0));
    let samples: Vec<f32> = samples.collect::<Result<_, hound::Error>>()?;
    let (rate, channels) = (NonZeroU32::new(spec.sample_rate), NonZeroU16::new(spec.channels));
    let (rate, channels) = rate.zip(channels).ok_or("no rate or no channels")?;
    let mut out = hound::WavWriter::create(output, spec)?;
    for sample in wsola::stretch(&samples, rate, channels, speed.parse()?)? {
        out.write_sample((sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16)?;
    }
    Ok(out.finalize()?)
}
