use std::io::{Read, Seek, SeekFrom, Write};

use proptest::prelude::*;
use serde_json::Value;

use super::format::{ChunkCipher, SEALED_CHUNK_BYTES, check_header, header};
use super::*;
use crate::read_at::ReadAt;

const RECORDING: &str = "crm:CA60acce5a807aaa68a1af7d781a723f6e";

fn seal_of(suite: Suite) -> Seal {
    Seal::from_parts(Zeroizing::new([7; 32]), [9; 16], RECORDING).with_suite(suite)
}

fn plain(len: usize) -> Vec<u8> {
    (0..len).map(|i| (31 * i + 7 * (i >> 8)) as u8).collect()
}

fn sealed(seal: &Seal, plain: &[u8]) -> Vec<u8> {
    let mut writer = SealedWriter::new(Vec::new(), seal).expect("writer");
    // Odd pieces, so that chunks end in the middle of them.
    for piece in plain.chunks(40_009) {
        writer.write_all(piece).expect("written");
    }
    let (bytes, len) = writer.finish().expect("finished");
    assert_eq!(len, plain.len() as u64);
    bytes
}

fn opened(bytes: &[u8], seal: &Seal) -> Result<Vec<u8>, SealedError> {
    let reader = SealedReader::open(bytes.to_vec(), seal)?;
    reader.verify()?;
    let mut out = Vec::new();
    reader.cursor().read_to_end(&mut out)?;
    Ok(out)
}

#[test]
fn what_another_implementation_sealed_is_what_we_seal_and_open() {
    let file: Value = serde_json::from_str(include_str!("../../tests/vectors/rec1.json")).expect("vectors");
    let text = |v: &Value, name: &str| v[name].as_str().map(str::to_owned);
    let unhex = |v: &Value, name: &str| hex::decode(text(v, name).expect(name)).expect("hex");
    let key: [u8; 32] = unhex(&file, "key_hex").try_into().expect("32 bytes");
    let file_id: [u8; 16] = unhex(&file, "file_id_hex").try_into().expect("16 bytes");
    let recording_id = text(&file, "recording_id").expect("id");
    let vectors = file["vectors"].as_array().expect("list");
    assert_eq!(vectors.len(), 12);
    for vector in vectors {
        let suite = if vector["suite"] == 1 { Suite::Aes256Gcm } else { Suite::ChaCha20Poly1305 };
        let seal = Seal::from_parts(Zeroizing::new(key), file_id, &recording_id).with_suite(suite);
        let plain = plain(vector["plain_len"].as_u64().expect("length") as usize);

        let cipher = ChunkCipher::new(&seal, suite).expect("cipher");
        let mut ours = header(&seal).to_vec();
        let mut chunks: Vec<&[u8]> = plain.chunks(CHUNK_BYTES).collect();
        if chunks.is_empty() {
            chunks.push(&[]);
        }
        for (i, chunk) in chunks.iter().enumerate() {
            let mut nonce = [0xA0, 0xA1, 0xA2, 0xA3, 0, 0, 0, 0, 0, 0, 0, 0];
            nonce[4..].copy_from_slice(&(i as u64 * 0x0101).to_be_bytes());
            let mut out = Vec::new();
            cipher.seal(i as u64, i + 1 == chunks.len(), nonce, chunk, &mut out).expect("sealed");
            ours.extend_from_slice(&out);
        }
        use sha2::Digest as _;
        assert_eq!(sealed_len(plain.len() as u64), ours.len() as u64);
        assert_eq!(ours.len() as u64, vector["sealed_len"].as_u64().expect("length"), "{vector}");
        assert_eq!(
            hex::encode(sha2::Sha256::digest(&ours)),
            text(vector, "sealed_sha256").expect("hash"),
            "{}",
            vector["name"]
        );
        if let Some(whole) = text(vector, "sealed_hex") {
            assert_eq!(hex::encode(&ours), whole);
        }
        assert_eq!(opened(&ours, &seal).expect("opens"), plain);
    }
}

#[test]
fn what_is_written_comes_back_whatever_its_length() {
    for suite in [Suite::Aes256Gcm, Suite::ChaCha20Poly1305] {
        let seal = seal_of(suite);
        for len in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 5 * CHUNK_BYTES + 77] {
            let bytes = sealed(&seal, &plain(len));
            let chunks = len.div_ceil(CHUNK_BYTES).max(1);
            assert_eq!(bytes.len(), HEADER_BYTES + len + chunks * CHUNK_OVERHEAD_BYTES);
            let reader = SealedReader::open(bytes.clone(), &seal).expect("opens");
            assert_eq!(reader.plain_len(), len as u64);
            assert_eq!(opened(&bytes, &seal).expect("opens"), plain(len), "{len}");
        }
    }
}

#[test]
fn a_suite_other_than_this_cpu_s_choice_is_read_by_what_the_header_says() {
    let bytes = sealed(&seal_of(Suite::ChaCha20Poly1305), b"words");
    assert_eq!(opened(&bytes, &seal_of(Suite::Aes256Gcm)).expect("opens"), b"words");
}

#[test]
fn two_seals_of_one_recording_share_neither_key_nor_file_id_nor_nonce() {
    let (one, two) = (Seal::generate(RECORDING).expect("seal"), Seal::generate(RECORDING).expect("seal"));
    assert_ne!(one.key(), two.key());
    assert_ne!(one.file_id(), two.file_id());
    let (a, b) = (sealed(&one, b"same"), sealed(&one, b"same"));
    assert_ne!(a[HEADER_BYTES..HEADER_BYTES + 12], b[HEADER_BYTES..HEADER_BYTES + 12]);
    assert!(!format!("{one:?}").contains("key"));
}

#[test]
fn a_flip_of_any_bit_of_the_header_is_refused() {
    let seal = seal_of(Suite::Aes256Gcm);
    let bytes = sealed(&seal, b"words");
    for bit in 0..HEADER_BYTES * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let error = SealedReader::open(changed, &seal).err().expect("refused");
        assert!(matches!(error, SealedError::Header), "bit {bit}: {error}");
        assert_eq!(error.code(), Code::Damaged);
    }
}

#[test]
fn a_header_changed_along_with_its_checksum_is_refused() {
    let seal = seal_of(Suite::Aes256Gcm);
    let bytes = sealed(&seal, b"words");
    for at in 0..HEADER_BYTES - 4 {
        for value in [bytes[at] ^ 1, bytes[at] ^ 3, bytes[at] ^ 0x80] {
            let mut changed = bytes.clone();
            changed[at] = value;
            let crc = crc32c::crc32c(&changed[..HEADER_BYTES - 4]);
            changed[HEADER_BYTES - 4..HEADER_BYTES].copy_from_slice(&crc.to_be_bytes());
            assert!(SealedReader::open(changed, &seal).is_err(), "byte {at} = {value}");
        }
    }
}

#[test]
fn a_flip_in_any_region_of_a_chunk_is_found_and_its_bytes_are_not_given_out() {
    for suite in [Suite::Aes256Gcm, Suite::ChaCha20Poly1305] {
        let seal = seal_of(suite);
        let text = plain(2 * CHUNK_BYTES + 500);
        let bytes = sealed(&seal, &text);
        for (index, len) in [(0, CHUNK_BYTES), (1, CHUNK_BYTES), (2, 500)] {
            let chunk = HEADER_BYTES + index * SEALED_CHUNK_BYTES;
            let nonce = 0..12;
            let some_of_the_text = [12, 13, 12 + len / 2, 12 + len - 1];
            let tag = 12 + len..12 + len + 16;
            for at in nonce.chain(some_of_the_text).chain(tag) {
                let mut changed = bytes.clone();
                changed[chunk + at] ^= 0x10;
                let reader = match SealedReader::open(changed, &seal) {
                    Ok(reader) => reader,
                    Err(SealedError::Chunk { index: 2 }) if index == 2 => continue,
                    Err(other) => panic!("chunk {index} byte {at}: {other}"),
                };
                assert!(index < 2, "a damaged last chunk opened");
                assert!(
                    matches!(reader.verify(), Err(SealedError::Chunk { index: i }) if i == index as u64),
                    "chunk {index} byte {at}"
                );
                let mut buf = [0xEE; 64];
                let error = reader.read_at(&mut buf, (index * CHUNK_BYTES) as u64).expect_err("refused");
                assert_eq!(error.kind(), io::ErrorKind::InvalidData);
                assert!(matches!(SealedError::within(&error), Some(SealedError::Chunk { .. })));
                assert_eq!(buf, [0xEE; 64], "bytes of a chunk that does not verify came out");
                // The other chunks are as good as before.
                let other = (1 - index) * CHUNK_BYTES;
                reader.read_exact_at(&mut buf, other as u64).expect("the other chunk");
                assert_eq!(buf[..], text[other..other + 64]);
            }
        }
    }
}

#[test]
fn a_file_cut_anywhere_does_not_open_not_even_at_the_edge_of_a_chunk() {
    let seal = seal_of(Suite::Aes256Gcm);
    let bytes = sealed(&seal, &plain(2 * CHUNK_BYTES + 500));
    let edges = [HEADER_BYTES, HEADER_BYTES + SEALED_CHUNK_BYTES, HEADER_BYTES + 2 * SEALED_CHUNK_BYTES];
    let around = edges.iter().flat_map(|&e| [e - 1, e, e + 1, e + 27, e + 28, e + 29]);
    for len in around.chain([0, 1, 63, bytes.len() - 1, bytes.len() - 16, bytes.len() - 500]) {
        assert!(SealedReader::open(bytes[..len].to_vec(), &seal).is_err(), "{len} bytes opened");
    }
    assert!(SealedReader::open(bytes, &seal).is_ok());
}

#[test]
fn anything_behind_the_final_chunk_is_refused() {
    let seal = seal_of(Suite::Aes256Gcm);
    for len in [0, 100, CHUNK_BYTES, CHUNK_BYTES + 1] {
        for garbage in [1, 27, 28, 29, 500, SEALED_CHUNK_BYTES] {
            let mut bytes = sealed(&seal, &plain(len));
            bytes.resize(bytes.len() + garbage, 0);
            assert!(SealedReader::open(bytes, &seal).is_err(), "{len} + {garbage}");
        }
    }
}

#[test]
fn chunks_swapped_repeated_or_left_out_are_refused() {
    let seal = seal_of(Suite::Aes256Gcm);
    let bytes = sealed(&seal, &plain(4 * CHUNK_BYTES));
    let chunk = |i: usize| bytes[HEADER_BYTES + i * SEALED_CHUNK_BYTES..][..SEALED_CHUNK_BYTES].to_vec();
    let of = |order: &[usize]| {
        let mut out = bytes[..HEADER_BYTES].to_vec();
        order.iter().for_each(|&i| out.extend_from_slice(&chunk(i)));
        out
    };
    assert!(opened(&of(&[0, 1, 2, 3]), &seal).is_ok());
    for order in [&[1, 0, 2, 3][..], &[0, 2, 1, 3], &[0, 0, 2, 3], &[3, 1, 2, 0], &[0, 1, 3], &[0, 1, 2], &[3], &[0]] {
        let error = opened(&of(order), &seal).expect_err("refused");
        assert!(matches!(error, SealedError::Chunk { .. }), "{order:?}: {error}");
    }
}

#[test]
fn an_empty_final_chunk_behind_full_ones_is_refused() {
    let seal = seal_of(Suite::Aes256Gcm);
    let cipher = ChunkCipher::new(&seal, Suite::Aes256Gcm).expect("cipher");
    let (mut bytes, mut chunk) = (header(&seal).to_vec(), Vec::new());
    for (index, is_final, text) in [(0, false, plain(CHUNK_BYTES)), (1, true, Vec::new())] {
        cipher.seal(index, is_final, [index as u8; 12], &text, &mut chunk).expect("sealed");
        bytes.extend_from_slice(&chunk);
    }
    assert!(matches!(SealedReader::open(bytes, &seal), Err(SealedError::Size)));
}

#[test]
fn another_recording_key_or_file_does_not_open_it() {
    let seal = seal_of(Suite::Aes256Gcm);
    let bytes = sealed(&seal, b"words");
    let key = || Zeroizing::new([7; 32]);
    let other_recording = Seal::from_parts(key(), [9; 16], "crm:CA0");
    assert!(matches!(SealedReader::open(bytes.clone(), &other_recording), Err(SealedError::Chunk { index: 0 })));
    let other_key = Seal::from_parts(Zeroizing::new([8; 32]), [9; 16], RECORDING);
    assert!(matches!(SealedReader::open(bytes.clone(), &other_key), Err(SealedError::Chunk { index: 0 })));
    let other_file = Seal::from_parts(key(), [8; 16], RECORDING);
    assert!(matches!(SealedReader::open(bytes, &other_file), Err(SealedError::OtherFile)));
}

#[test]
fn every_tampered_file_of_the_vectors_is_refused() {
    use sha2::Digest as _;
    let file: Value = serde_json::from_str(include_str!("../../tests/vectors/rec1-tampered.json")).expect("vectors");
    let unhex = |name: &str| hex::decode(file[name].as_str().expect(name)).expect("hex");
    let key: [u8; 32] = unhex("key_hex").try_into().expect("32 bytes");
    let file_id: [u8; 16] = unhex("file_id_hex").try_into().expect("16 bytes");
    let recording_id = file["recording_id"].as_str().expect("id");
    let number = |value: &Value| value.as_u64().expect("a number") as usize;
    let vectors = file["vectors"].as_array().expect("list");
    assert_eq!(vectors.len(), 98);
    for vector in vectors {
        let suite = if vector["suite"] == 1 { Suite::Aes256Gcm } else { Suite::ChaCha20Poly1305 };
        let seal = Seal::from_parts(Zeroizing::new(key), file_id, recording_id).with_suite(suite);
        let cipher = ChunkCipher::new(&seal, suite).expect("cipher");
        let (mut bytes, mut chunk) = (header(&seal).to_vec(), Vec::new());
        for row in vector["chunks"].as_array().expect("chunks") {
            let (index, len) = (number(&row[0]), number(&row[2]));
            let mut nonce = [0xA0, 0xA1, 0xA2, 0xA3, 0, 0, 0, 0, 0, 0, 0, 0];
            nonce[4..].copy_from_slice(&(index as u64 * 0x0101).to_be_bytes());
            let text = plain(index * CHUNK_BYTES + len).split_off(index * CHUNK_BYTES);
            cipher.seal(index as u64, row[1] == 1, nonce, &text, &mut chunk).expect("sealed");
            bytes.extend_from_slice(&chunk);
        }
        for step in vector["do"].as_array().expect("steps") {
            let (op, value) = step.as_object().and_then(|step| step.iter().next()).expect("a step");
            match op.as_str() {
                "truncate" => bytes.truncate(number(value)),
                "append_zeros" => bytes.resize(bytes.len() + number(value), 0),
                "flip_bit" => bytes[number(value) / 8] ^= 1 << (number(value) % 8),
                "set_byte" => bytes[number(&value[0])] = number(&value[1]) as u8,
                "fix_crc" => {
                    let crc = crc32c::crc32c(&bytes[..HEADER_BYTES - 4]);
                    bytes[HEADER_BYTES - 4..HEADER_BYTES].copy_from_slice(&crc.to_be_bytes());
                }
                "chunk_order" => {
                    let parts: Vec<_> = bytes[HEADER_BYTES..].chunks(SEALED_CHUNK_BYTES).map(<[u8]>::to_vec).collect();
                    bytes.truncate(HEADER_BYTES);
                    value.as_array().expect("order").iter().for_each(|i| bytes.extend_from_slice(&parts[number(i)]));
                }
                other => panic!("no such step: {other}"),
            }
        }
        assert_eq!(bytes.len(), number(&vector["len"]), "{vector}");
        assert_eq!(hex::encode(sha2::Sha256::digest(&bytes)), vector["sha256"].as_str().expect("hash"), "{vector}");
        let error = opened(&bytes, &seal).expect_err("refused");
        let is_cut_header = matches!(&error, SealedError::Io(e) if e.kind() == io::ErrorKind::UnexpectedEof);
        assert!(error.code() == Code::Damaged || is_cut_header, "{vector}: {error}");
    }
}

#[test]
fn a_writer_that_was_not_finished_leaves_nothing_that_opens() {
    let seal = seal_of(Suite::Aes256Gcm);
    for len in [0, 100, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES] {
        let mut bytes = Vec::new();
        let mut writer = SealedWriter::new(&mut bytes, &seal).expect("writer");
        writer.write_all(&plain(len)).expect("written");
        writer.flush().expect("flushed");
        drop(writer);
        assert!(SealedReader::open(bytes, &seal).is_err(), "{len}");
    }
}

/// Takes so many bytes, then the disk is full.
struct Small(Vec<u8>, usize);

impl Write for Small {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let n = buf.len().min(self.1 - self.0.len());
        if n == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0.extend_from_slice(&buf[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn after_a_write_failed_half_way_nothing_is_written_any_more() {
    let seal = seal_of(Suite::Aes256Gcm);
    let mut writer = SealedWriter::new(Small(Vec::new(), 1000), &seal).expect("writer");
    let full = writer.write_all(&plain(2 * CHUNK_BYTES)).expect_err("the disk is full");
    assert_eq!(full.kind(), io::ErrorKind::StorageFull);
    assert_eq!(SealedError::from(full).code(), Code::DiskFull);
    let later = writer.write_all(b"more").expect_err("poisoned");
    assert!(matches!(SealedError::within(&later), Some(SealedError::Poisoned)));
    assert!(matches!(writer.finish(), Err(SealedError::Poisoned)));
}

#[test]
fn a_file_cut_while_it_is_open_reads_as_damaged() {
    let seal = seal_of(Suite::Aes256Gcm);
    let mut file = tempfile::tempfile().expect("temp file");
    file.write_all(&sealed(&seal, &plain(3 * CHUNK_BYTES))).expect("written");
    let reader = SealedReader::open(file.try_clone().expect("handle"), &seal).expect("opens");
    file.set_len(HEADER_BYTES as u64 + 10).expect("cut");
    let error = reader.read_at(&mut [0; 8], 0).expect_err("cut");
    assert!(matches!(SealedError::within(&error), Some(SealedError::Chunk { index: 0 })));
}

#[test]
fn a_cursor_seeks_from_all_three_ends_and_past_the_end_reads_nothing() {
    let seal = seal_of(Suite::Aes256Gcm);
    let text = plain(3 * CHUNK_BYTES + 5);
    let reader = SealedReader::open(sealed(&seal, &text), &seal).expect("opens");
    let mut cursor = reader.cursor();
    let mut buf = [0; 10];
    assert_eq!(cursor.seek(SeekFrom::End(-10)).expect("seek"), text.len() as u64 - 10);
    cursor.read_exact(&mut buf).expect("read");
    assert_eq!(buf[..], text[text.len() - 10..]);
    assert_eq!(cursor.seek(SeekFrom::Current(-12)).expect("seek"), text.len() as u64 - 12);
    assert_eq!(cursor.seek(SeekFrom::Start(1 << 40)).expect("seek"), 1 << 40);
    assert_eq!(cursor.read(&mut buf).expect("read"), 0);
    assert!(cursor.seek(SeekFrom::Current(-(1 << 41))).is_err());
    fn can_cross_threads<T: Read + Seek + Send + Sync + 'static>(_: &T) {}
    can_cross_threads(&cursor);
}

#[test]
fn many_readers_at_once_see_the_same_bytes() {
    let seal = seal_of(Suite::Aes256Gcm);
    let text = plain(40 * CHUNK_BYTES);
    let reader = SealedReader::open(sealed(&seal, &text), &seal).expect("opens");
    std::thread::scope(|scope| {
        for thread in 0..4usize {
            let (reader, text) = (reader.clone(), &text);
            scope.spawn(move || {
                let mut buf = [0; 1000];
                for i in 0..200usize {
                    let at = (i * 7919 * (thread + 1) * 131) % (text.len() - 1000);
                    reader.read_exact_at(&mut buf, at as u64).expect("read");
                    assert_eq!(buf[..], text[at..at + 1000]);
                }
            });
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_slice_is_the_slice_of_what_was_written(len in 0usize..200_000, at in 0usize..200_000, n in 0usize..100_000) {
        let seal = seal_of(Suite::Aes256Gcm);
        let text = plain(len);
        let reader = SealedReader::open(sealed(&seal, &text), &seal).expect("opens");
        let (from, to) = (at.min(len), (at + n).min(len));
        let mut buf = vec![0; to - from];
        reader.read_exact_at(&mut buf, from as u64).expect("read");
        prop_assert_eq!(&buf[..], &text[from..to]);
    }

    #[test]
    fn arbitrary_bytes_never_open_and_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..400), ours in any::<bool>()) {
        let seal = seal_of(Suite::Aes256Gcm);
        if ours {
            bytes.splice(0..0, header(&seal));
        }
        if let Some(first) = bytes.first_chunk::<HEADER_BYTES>() {
            prop_assert_eq!(check_header(first, &seal).is_ok(), ours);
        }
        prop_assert!(SealedReader::open(bytes, &seal).is_err());
    }
}
