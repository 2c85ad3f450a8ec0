//! The words of many new rows at once: they wait in memory, each once, and become one segment of the index of calls in
//! the transaction that writes the rows.

use hashbrown::HashTable;
use rusqlite::Connection;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::Document;
use super::segment::{SegmentWriter, put_varint, take_varint};
use super::structure::{Structure, block};
use crate::store::StoreError;
use crate::store::many_rows;

/// Where FTS5 keeps how many rows and words there are.
const TOTALS: i64 = 1;
/// So many may wait to be joined.
const SEGMENTS_OF_LOAD: i64 = 400;
/// FTS5's own size of a page.
const PAGE_BYTES: usize = 4_050;
/// Memory that words may take before they become a segment, whatever follows.
const BYTES_MAX: usize = 48 << 20;
/// Where the rows of one prefix are so many that a bit for each is cheaper than sorting them.
const MANY: usize = 32;

/// Words that wait, of rows that come ascending.
pub(crate) struct Gathered {
    words: HashTable<u32>,
    seed: u64,
    letters: String,
    /// First letter and the one behind the last, and the last row it was met in, counted from one.
    known: Vec<(u32, u32, u32)>,
    rows: Vec<i64>,
    /// Words of each row, one row after the other.
    met: Vec<u32>,
    /// Where each row's words end.
    ends: Vec<u32>,
}

impl Gathered {
    pub(crate) fn new() -> Self {
        Self {
            words: HashTable::new(),
            // A server that knew it could send words that all fall into one place.
            seed: rand::random(),
            letters: String::new(),
            known: Vec::new(),
            rows: Vec::new(),
            met: Vec::new(),
            ends: Vec::new(),
        }
    }

    /// Gathers a row's words. Rows are greater than all before.
    pub(crate) fn add(&mut self, row: i64, document: &Document<'_>) {
        self.add_words(row, |visit| document.visit(visit));
    }

    fn add_words(&mut self, row: i64, words: impl FnOnce(&mut dyn FnMut(&str))) {
        self.rows.push(row);
        let turn = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        words(&mut |word| {
            let hash = xxh3_64_with_seed(word.as_bytes(), self.seed);
            let (letters, known) = (&self.letters, &mut self.known);
            let text =
                |of: u32| known.get(of as usize).and_then(|(from, to, _)| letters.get(*from as usize..*to as usize));
            let found = self.words.find(hash, |of| text(*of) == Some(word)).copied();
            let of = found.unwrap_or_else(|| {
                let (of, from) = (known.len() as u32, self.letters.len() as u32);
                self.letters.push_str(word);
                known.push((from, self.letters.len() as u32, 0));
                let (letters, seed) = (&self.letters, self.seed);
                let hash_of = |of: &u32| {
                    let (from, to, _) = known[*of as usize];
                    xxh3_64_with_seed(&letters.as_bytes()[from as usize..to as usize], seed)
                };
                self.words.insert_unique(hash, of, hash_of);
                of
            });
            let last = &mut known[of as usize].2;
            if *last != turn {
                *last = turn;
                self.met.push(of);
            }
        });
        self.ends.push(self.met.len() as u32);
    }

    /// No more rows should wait.
    pub(crate) fn is_full(&self) -> bool {
        let bytes = self.letters.len() + self.known.len() * 24 + self.met.len() * 8 + self.rows.len() * 16;
        bytes >= BYTES_MAX
    }

    fn word(&self, of: u32) -> &[u8] {
        let (from, to, _) = self.known[of as usize];
        &self.letters.as_bytes()[from as usize..to as usize]
    }

    /// Makes them a segment of the index. Rows that it knows already must not be among them.
    pub(crate) fn write(self, conn: &Connection) -> Result<(), StoreError> {
        if self.met.is_empty() {
            return Ok(());
        }
        forget_what_fts5_holds(conn)?;
        allow_segments(conn)?;
        let mut structure = Structure::read(conn)?;
        let (segment, origin) = (structure.free_segment()?, structure.next_origin());
        let mut writer = SegmentWriter::new(conn, segment, page_bytes(conn)?)?;
        self.write_terms(&mut writer, &prefixes(conn)?)?;
        let pages = writer.finish()?;
        structure.add(segment, pages, origin, self.rows.len() as u64);
        structure.write(conn)?;
        self.write_sizes(conn, origin)
    }

    fn write_terms(&self, writer: &mut SegmentWriter<'_>, prefixes: &[usize]) -> Result<(), StoreError> {
        // Each word's rows, by counting: `starts` is where they begin in `rows`.
        let mut starts = vec![0_u32; self.known.len() + 1];
        for of in &self.met {
            starts[*of as usize + 1] += 1;
        }
        for n in 1..starts.len() {
            starts[n] += starts[n - 1];
        }
        let mut next = starts.clone();
        let mut rows = vec![0_u32; self.met.len()];
        let mut from = 0;
        for (row, end) in self.ends.iter().enumerate() {
            for of in &self.met[from..*end as usize] {
                let place = &mut next[*of as usize];
                rows[*place as usize] = row as u32;
                *place += 1;
            }
            from = *end as usize;
        }
        drop(next);
        let mut order: Vec<u32> = (0..self.known.len() as u32).collect();
        order.sort_unstable_by_key(|of| self.word(*of));
        let rows_of = |of: u32| &rows[starts[of as usize] as usize..starts[of as usize + 1] as usize];
        let mut term = vec![b'0'];
        for of in &order {
            term.truncate(1);
            term.extend_from_slice(self.word(*of));
            writer.add(&term, rows_of(*of).iter().map(|row| self.rows[*row as usize]))?;
        }
        let mut union = Union::new(self.rows.len());
        for (index, letters) in (1..).zip(prefixes) {
            term[0] = b'0' + index;
            let mut at = 0;
            while let Some(first) = order.get(at) {
                let Some(prefix) = prefix(self.word(*first), *letters) else {
                    at += 1;
                    continue;
                };
                let same = order[at..].iter().take_while(|of| self.word(**of).starts_with(prefix)).count();
                let alike = &order[at..at + same];
                at += same;
                term.truncate(1);
                term.extend_from_slice(prefix);
                let joined =
                    if alike.len() == 1 { rows_of(*first) } else { union.of(alike.iter().map(|of| rows_of(*of))) };
                writer.add(&term, joined.iter().map(|row| self.rows[*row as usize]))?;
            }
        }
        Ok(())
    }

    /// How many words each row has, and in all.
    fn write_sizes(&self, conn: &Connection, origin: u64) -> Result<(), StoreError> {
        let sql = "REPLACE INTO call_search_docsize (id, sz, origin) VALUES";
        let mut size = Vec::with_capacity(9);
        let mut from = 0;
        many_rows::insert(conn, sql, 3, self.rows.len(), |statement, row, parameter| {
            let end = self.ends[row];
            size.clear();
            put_varint(&mut size, u64::from(end - from));
            from = end;
            statement.raw_bind_parameter(parameter, self.rows[row])?;
            statement.raw_bind_parameter(parameter + 1, &size)?;
            statement.raw_bind_parameter(parameter + 2, origin.cast_signed())
        })?;
        let totals: Vec<u8> = block(conn, TOTALS)?;
        let mut rest = totals.as_slice();
        let (rows, words) = (take_varint(&mut rest).unwrap_or(0), take_varint(&mut rest).unwrap_or(0));
        let mut totals = Vec::with_capacity(18);
        put_varint(&mut totals, rows + self.rows.len() as u64);
        put_varint(&mut totals, words + self.met.len() as u64);
        conn.prepare_cached("REPLACE INTO call_search_data (id, block) VALUES (?1, ?2)")?.execute((TOTALS, totals))?;
        Ok(())
    }
}

/// The bytes of a word's first letters; `None` for a shorter word.
fn prefix(word: &[u8], letters: usize) -> Option<&[u8]> {
    let is_first = |byte: &u8| byte & 0xc0 != 0x80;
    let mut firsts = word.iter().enumerate().filter(|(_, byte)| is_first(byte)).map(|(at, _)| at);
    firsts.nth(letters.checked_sub(1)?)?;
    word.get(..firsts.next().unwrap_or(word.len()))
}

/// Joins ascending lists.
struct Union {
    bits: Vec<u64>,
    joined: Vec<u32>,
}

impl Union {
    fn new(rows: usize) -> Self {
        Self { bits: vec![0; rows.div_ceil(64)], joined: Vec::new() }
    }

    fn of<'l>(&mut self, lists: impl Iterator<Item = &'l [u32]> + Clone) -> &[u32] {
        self.joined.clear();
        let all: usize = lists.clone().map(<[u32]>::len).sum();
        if all < self.bits.len() * 64 / MANY {
            lists.for_each(|list| self.joined.extend_from_slice(list));
            self.joined.sort_unstable();
            self.joined.dedup();
            return &self.joined;
        }
        for row in lists.flatten() {
            self.bits[*row as usize / 64] |= 1 << (row % 64);
        }
        for (n, bits) in self.bits.iter_mut().enumerate() {
            let mut bits = std::mem::take(bits);
            while bits != 0 {
                self.joined.push(n as u32 * 64 + bits.trailing_zeros());
                bits &= bits - 1;
            }
        }
        &self.joined
    }
}

/// What FTS5 itself holds back is written, and what it remembers of the index is forgotten: both would be written over
/// what follows. A merge of no pages does nothing else.
pub(super) fn forget_what_fts5_holds(conn: &Connection) -> Result<(), StoreError> {
    Ok(conn.execute_batch(
        "INSERT INTO call_search (call_search) VALUES ('flush');
         INSERT INTO call_search (call_search, rank) VALUES ('merge', 0)",
    )?)
}

pub(super) fn page_bytes(conn: &Connection) -> Result<usize, StoreError> {
    let sql = "SELECT coalesce((SELECT v FROM call_search_config WHERE k = 'pgsz'), ?1)";
    Ok(conn.query_row(sql, [PAGE_BYTES as i64], |row| row.get::<_, i64>(0)).map(|bytes| bytes.max(64) as usize)?)
}

/// FTS5 joins sixteen segments at once, whoever waits for it; after a load they are joined step by step.
fn allow_segments(conn: &Connection) -> Result<(), StoreError> {
    let sql = "SELECT coalesce((SELECT v FROM call_search_config WHERE k = 'crisismerge'), 0)";
    if conn.query_row(sql, [], |row| row.get::<_, i64>(0))? < SEGMENTS_OF_LOAD {
        let sql = "INSERT INTO call_search (call_search, rank) VALUES ('crisismerge', ?1)";
        conn.execute(sql, [SEGMENTS_OF_LOAD])?;
        conn.execute_batch("INSERT INTO call_search (call_search, rank) VALUES ('merge', 0)")?;
    }
    Ok(())
}

/// The lengths, in letters, of the index's prefix indexes.
fn prefixes(conn: &Connection) -> Result<Vec<usize>, StoreError> {
    let sql: String =
        conn.query_row("SELECT sql FROM sqlite_schema WHERE name = 'call_search'", [], |row| row.get(0))?;
    let Some((_, list)) = sql.split_once("prefix = '") else { return Ok(Vec::new()) };
    let list = list.split('\'').next().unwrap_or_default();
    let lengths = list.split_whitespace().map(str::parse).collect::<Result<_, _>>();
    lengths.map_err(|_| StoreError::BadValue("the search index's prefixes"))
}

#[cfg(test)]
mod tests {
    use super::super::join::join_all;
    use super::super::segment::PAGE_BITS;
    use super::*;
    use crate::store::Store;
    use rand::rngs::StdRng;
    use rand::{Rng as _, SeedableRng as _};

    /// Words as texts have them: few of them often, many seldom, in three scripts, long ones and short ones.
    fn words(chance: &mut StdRng, most: usize) -> Vec<String> {
        let alphabets = ["אבגדהוזחטי", "abcdefghij", "0123456789", "éüñ"];
        let count = chance.random_range(1..=most);
        (0..count)
            .map(|_| {
                let spread = 1_u32 << chance.random_range(2..16);
                let mut number = chance.random_range(0..spread);
                let letters: Vec<char> = alphabets[number as usize % alphabets.len()].chars().collect();
                let mut word = String::new();
                loop {
                    word.push(letters[number as usize % letters.len()]);
                    number /= letters.len() as u32;
                    if number == 0 {
                        return word;
                    }
                }
            })
            .collect()
    }

    fn documents(seed: u64, rows: usize, most: usize) -> Vec<(i64, Vec<String>)> {
        let mut chance = StdRng::seed_from_u64(seed);
        let mut row = 1_i64 << 40;
        let mut documents = Vec::new();
        for _ in 0..rows {
            row += chance.random_range(1..20);
            documents.push((row, words(&mut chance, most)));
        }
        documents
    }

    fn gather(documents: &[(i64, Vec<String>)]) -> Gathered {
        let mut gathered = Gathered::new();
        for (row, words) in documents {
            gathered.add_words(*row, |visit| words.iter().for_each(|word| visit(word)));
        }
        gathered
    }

    fn distinct(words: &[String]) -> String {
        let mut seen = std::collections::HashSet::new();
        words.iter().filter(|word| seen.insert(*word)).cloned().collect::<Vec<_>>().join(" ")
    }

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::scratch(folder.path());
        (folder, store)
    }

    type Rows = Vec<(i64, Vec<u8>, i64)>;

    fn dump(conn: &Connection) -> Result<(Rows, Rows, Rows), StoreError> {
        let rows = |sql: &str| -> Result<Rows, StoreError> {
            let mut statement = conn.prepare(sql)?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        };
        Ok((
            rows("SELECT id, block, 0 FROM call_search_data ORDER BY id")?,
            rows("SELECT segid, term, pgno FROM call_search_idx ORDER BY segid, term")?,
            rows("SELECT id, sz, origin FROM call_search_docsize ORDER BY id")?,
        ))
    }

    fn integrity(conn: &Connection) -> Result<(), StoreError> {
        Ok(conn.execute_batch("INSERT INTO call_search (call_search) VALUES ('integrity-check')")?)
    }

    #[test]
    fn joined_segments_are_byte_for_byte_one_segment_of_all_their_rows() {
        for (seed, rows, most, page_bytes) in [(5, 3_000, 40, 4_050), (6, 2_000, 30, 64), (7, 300, 400, 200)] {
            let documents = documents(seed, rows, most);
            let mut dumps = Vec::new();
            for parts in [1, 2, 7] {
                let documents = documents.clone();
                let (_folder, store) = store();
                let size = format!("INSERT INTO call_search (call_search, rank) VALUES ('pgsz', {page_bytes})");
                let written = store.write_blocking(move |tx, _| {
                    tx.execute_batch(&size)?;
                    for part in documents.chunks(rows.div_ceil(parts)) {
                        gather(part).write(tx)?;
                    }
                    assert!(join_all(tx)?, "nothing was deleted");
                    integrity(tx)
                });
                written.expect("written");
                let (mut pages, mut index, sizes) = store.read_blocking(dump).expect("read");
                // The record of the segments tells how they came about, and a page's key tells of which it is.
                pages.retain(|(id, ..)| *id > 10);
                pages.iter_mut().for_each(|(id, ..)| *id &= (1 << PAGE_BITS) - 1);
                index.iter_mut().for_each(|(segment, ..)| *segment = 1);
                let ids: Vec<i64> = sizes.iter().map(|(id, ..)| *id).collect();
                dumps.push((pages, index, ids));
            }
            assert!(dumps[0].0.len() > 10, "{} pages", dumps[0].0.len());
            assert!(dumps[0] == dumps[1] && dumps[0] == dumps[2], "{rows} rows of pages of {page_bytes} bytes");
        }
    }

    #[test]
    fn segments_of_which_a_row_was_deleted_are_left_to_fts5() {
        let documents = documents(8, 500, 20);
        let gone = documents[7].0;
        let (_folder, store) = store();
        let joined = store.write_blocking(move |tx, _| {
            for part in documents.chunks(100) {
                gather(part).write(tx)?;
            }
            tx.execute("DELETE FROM call_search WHERE rowid = ?1", [gone])?;
            let joined = join_all(tx)?;
            while crate::store::search::join_segments(tx)? {}
            integrity(tx)?;
            Ok((joined, Structure::read(tx)?.untouched().map(|spans| spans.len())))
        });
        assert_eq!(joined.expect("written"), (false, Some(1)));
    }

    #[test]
    fn a_segment_is_byte_for_byte_what_fts5_writes_for_the_same_rows() {
        // Small pages make deep indexes over doclists of few rows.
        for (seed, rows, most, page_bytes) in
            [(1, 1, 3, 4_050), (2, 4_000, 40, 4_050), (3, 6_000, 30, 64), (4, 300, 400, 200)]
        {
            let documents = documents(seed, rows, most);
            let mut dumps = Vec::new();
            for by_fts5 in [true, false] {
                let documents = documents.clone();
                let (_folder, store) = store();
                let configure = format!(
                    "INSERT INTO call_search (call_search, rank) VALUES ('crisismerge', {SEGMENTS_OF_LOAD});
                     INSERT INTO call_search (call_search, rank) VALUES ('pgsz', {page_bytes});
                     INSERT INTO call_search (call_search, rank) VALUES ('hashsize', 1000000000)"
                );
                store.write_blocking(move |tx, _| Ok(tx.execute_batch(&configure)?)).expect("configured");
                let written = store.write_blocking(move |tx, _| {
                    if by_fts5 {
                        let mut insert = tx.prepare("INSERT INTO call_search (rowid, words) VALUES (?1, ?2)")?;
                        for (row, words) in &documents {
                            insert.execute((row, distinct(words)))?;
                        }
                        Ok(())
                    } else {
                        gather(&documents).write(tx)
                    }
                });
                written.expect("written");
                store.write_blocking(|tx, _| integrity(tx)).expect("sound");
                dumps.push(store.read_blocking(dump).expect("read"));
            }
            assert!(dumps[0].0.len() > 2, "{} pages", dumps[0].0.len());
            assert!(dumps[0] == dumps[1], "{rows} rows of pages of {page_bytes} bytes");
        }
    }
}
