use std::fs::File;

use proptest::prelude::*;

use zeroize::Zeroizing;

use super::super::SealedReader;
use super::*;

const RECORDING: &str = "crm:CA60acce5a807aaa68a1af7d781a723f6e";

fn seal() -> Seal {
    Seal::from_parts(Zeroizing::new([7; 32]), [9; 16], RECORDING)
}

fn plain(len: usize) -> Vec<u8> {
    (0..len).map(|i| (31 * i + 7 * (i >> 8)) as u8).collect()
}

fn chunk_of(plain: &[u8], index: u64) -> &[u8] {
    let start = index as usize * CHUNK_BYTES;
    &plain[start..(start + CHUNK_BYTES).min(plain.len())]
}

fn copy(file: &File) -> Vec<u8> {
    let mut bytes = vec![0; file.len().expect("length") as usize];
    file.read_exact_at(&mut bytes, 0).expect("read");
    bytes
}

fn begun(plain: &[u8]) -> SealedPart<File> {
    SealedPart::create(tempfile::tempfile().expect("a file"), &seal(), plain.len() as u64).expect("begun")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn chunks_in_any_order_make_the_file_that_a_reader_opens_and_nothing_opens_before(
        len in prop_oneof![Just(0_usize), Just(1), Just(65_535), Just(65_536), Just(65_537), 0..400_000_usize],
        seed in any::<u64>(),
    ) {
        let plain = plain(len);
        let part = begun(&plain);
        let mut order: Vec<u64> = (0..part.chunk_count()).collect();
        let mut state = seed | 1;
        for at in (1..order.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            order.swap(at, (state >> 33) as usize % (at + 1));
        }
        for (done, &index) in order.iter().enumerate() {
            prop_assert!(!part.is_whole());
            prop_assert!(SealedReader::open(copy(part.file()), &seal()).is_err(), "a part opened as a whole");
            prop_assert!(part.chunk(index).expect("read").is_none());
            part.put(index, chunk_of(&plain, index)).expect("put");
            for (at, &other) in order.iter().enumerate() {
                let found = part.chunk(other).expect("verifies");
                prop_assert_eq!(found.as_ref().map(ChunkBytes::bytes), (at <= done).then(|| chunk_of(&plain, other)));
            }
        }
        prop_assert!(part.is_whole());
        prop_assert_eq!(part.bytes_here(), len as u64);
        let reader = SealedReader::open(copy(part.file()), &seal()).expect("whole");
        let mut out = Vec::new();
        std::io::Read::read_to_end(&mut reader.cursor(), &mut out).expect("read");
        prop_assert_eq!(out, plain);
    }
}

#[test]
fn a_part_that_was_left_is_what_its_chunks_say_and_the_held_back_one_is_gone() {
    let plain = plain(5 * CHUNK_BYTES + 100);
    let part = begun(&plain);
    for index in [0, 1, 3, 5] {
        part.put(index, chunk_of(&plain, index)).expect("put");
    }
    assert_eq!(part.stretches(), [(0, 131_072), (196_608, 262_144), (327_680, 327_780)]);
    assert_eq!((part.here_from(10), part.here_from(131_072), part.first_missing(0)), (131_062, 0, Some(2)));
    // As a crash leaves it, with chunk 1 half-written.
    let file = tempfile::tempfile().expect("a file");
    file.write_all_at(&copy(part.file()), 0).expect("copied");
    file.write_all_at(&[0xEE; 200], 64 + 65_564 + 4_000).expect("torn");
    let again = SealedPart::resume(file, &seal(), plain.len() as u64).expect("resumed");
    assert_eq!(again.stretches(), [(0, 65_536), (196_608, 262_144)]);
    assert_eq!((again.furthest(), again.bytes_here()), (Some(3), 131_072));
    for index in [5, 4, 2, 1] {
        assert!(!again.is_whole());
        again.put(index, chunk_of(&plain, index)).expect("put");
    }
    let reader = SealedReader::open(copy(again.file()), &seal()).expect("whole");
    reader.verify().expect("every chunk");
}

#[test]
fn another_runs_file_is_not_gone_on_with() {
    let plain = plain(200_000);
    let part = begun(&plain);
    part.put(0, chunk_of(&plain, 0)).expect("put");
    let left = || {
        let file = tempfile::tempfile().expect("a file");
        file.write_all_at(&copy(part.file()), 0).expect("copied");
        file
    };
    let other_id = Seal::from_parts(Zeroizing::new([7; 32]), [8; 16], RECORDING);
    assert!(matches!(SealedPart::resume(left(), &other_id, 200_000), Err(SealedError::OtherFile)));
    let other_key = Seal::from_parts(Zeroizing::new([6; 32]), [9; 16], RECORDING);
    assert_eq!(SealedPart::resume(left(), &other_key, 200_000).expect("a header").bytes_here(), 0);
    let other_recording = Seal::from_parts(Zeroizing::new([7; 32]), [9; 16], "crm:CA2");
    assert_eq!(SealedPart::resume(left(), &other_recording, 200_000).expect("a header").bytes_here(), 0);
    let empty = tempfile::tempfile().expect("a file");
    assert!(matches!(SealedPart::resume(empty, &seal(), 200_000), Err(SealedError::Header)));
}

#[test]
fn a_chunk_of_another_length_and_one_behind_the_end_are_refused() {
    let part = begun(&plain(100_000));
    assert!(matches!(part.put(0, &[0; 100]), Err(SealedError::Size)));
    assert!(matches!(part.put(1, &[0; CHUNK_BYTES]), Err(SealedError::Size)));
    assert!(matches!(part.put(2, &[]), Err(SealedError::Size)));
}
