//! Sealed files: what opens is what was sealed, or nothing.

use std::io::{Read as _, Write as _};
use std::sync::OnceLock;

use aftercall_media::read_at::ReadAt as _;
use aftercall_media::sealed::{Seal, SealedReader, SealedWriter, Suite};
use zeroize::Zeroizing;

const RECORDING: &str = "crm:CA60acce5a807aaa68a1af7d781a723f6e";

struct Sample {
    seal: Seal,
    plain: Vec<u8>,
    sealed: Vec<u8>,
}

/// One key for all, so that chunks moved from one file to another are told apart by what they are bound to alone.
fn samples() -> &'static [Sample] {
    static SAMPLES: OnceLock<Vec<Sample>> = OnceLock::new();
    SAMPLES.get_or_init(|| {
        let lens = [0_usize, 1, 1_000, 65_536, 65_537, 131_072];
        let suites = [Suite::Aes256Gcm, Suite::ChaCha20Poly1305];
        let both = lens.iter().flat_map(|len| suites.map(|suite| (*len, suite)));
        both.enumerate().filter_map(|(at, (len, suite))| sample(at as u8, len, suite)).collect()
    })
}

fn sample(at: u8, len: usize, suite: Suite) -> Option<Sample> {
    let seal = Seal::from_parts(Zeroizing::new([7; 32]), [at; 16], RECORDING).with_suite(suite);
    let plain: Vec<u8> = (0..len).map(|byte| (byte * 31 + byte / 256 + usize::from(at)) as u8).collect();
    let mut writer = SealedWriter::new(Vec::new(), &seal).ok()?;
    writer.write_all(&plain).ok()?;
    let (sealed, _) = writer.finish().ok()?;
    Some(Sample { seal, plain, sealed })
}

pub fn seeds() -> Vec<Vec<u8>> {
    samples().iter().map(|sample| sample.sealed.clone()).collect()
}

/// Whatever any of the seals opens is that seal's own text, from every place of it.
pub fn judge(input: &[u8]) {
    assert_eq!(samples().len(), 12, "the samples are sealed");
    for sample in samples() {
        let Ok(reader) = SealedReader::open(input, &sample.seal) else { continue };
        let mut opened = Vec::new();
        if reader.cursor().read_to_end(&mut opened).is_ok() {
            assert!(opened == sample.plain, "opened as something else");
            assert!(reader.verify().is_ok(), "read whole and not verified");
        }
        let mut some = [0; 100];
        let from = (sample.plain.len() / 2) as u64;
        if let Ok(count) = reader.read_at(&mut some, from) {
            assert!(sample.plain[from as usize..].starts_with(&some[..count]), "a piece of something else");
        }
    }
}
