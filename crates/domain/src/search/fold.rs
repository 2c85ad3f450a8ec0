//! Folding: a text becomes words that compare equal however they were written.
//!
//! Niqqud, geresh and gershayim go, final letters become ordinary ones, case goes; maqaf, hyphen, slash and any other
//! sign part words. What decides about prefixes later is noted on the way: marks, quotes, where a sentence begins.

use compact_str::CompactString;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::numbers;

/// Letters of a Hebrew word in five bits each, from the top; twelve fit. Nought: not such a word.
pub(super) type Key = u64;

/// Letters that a [`Key`] holds.
pub(super) const KEY_LETTERS: usize = 12;
/// Gershayim inside a word (`ארה״ב`) and geresh (`צ׳ק`): they tell words apart, so keys have them and texts do not.
pub(super) const GERSHAYIM: u8 = 23;
pub(super) const GERESH: u8 = 24;
/// Letters of a word that count; nobody types more, and a source may send a megabyte.
const LONGEST_WORD: usize = 48;
/// Letters that may be prefixes at the front of a word, at most.
pub(super) const LONGEST_STACK: usize = 6;

const ALEF: u8 = 1;
const HET: u8 = 8;
const AYIN: u8 = 16;
const RESH: u8 = 20;
pub(super) const VAV: u8 = 6;
pub(super) const HE: u8 = 5;
pub(super) const BET: u8 = 2;
pub(super) const LAMED: u8 = 12;
pub(super) const MEM: u8 = 13;
pub(super) const NUN: u8 = 14;
pub(super) const SHIN: u8 = 21;
pub(super) const KAF: u8 = 11;

/// From U+05D0 on, final letters as ordinary ones.
const CODES: [u8; 27] =
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 11, 12, 13, 13, 14, 14, 15, 16, 17, 17, 18, 18, 19, 20, 21, 22];
const HEBREW: u8 = 0xd7;

/// A Hebrew letter of a folded or unfolded text as its code.
pub(super) fn code_of(c: char) -> Option<u8> {
    let at = (c as usize).checked_sub(0x5d0)?;
    CODES.get(at).copied()
}

/// The place of letter `at` in a key.
pub(super) fn at(code: u8, at: usize) -> Key {
    u64::from(code) << (59 - 5 * at)
}

/// The first `letters` of a key.
pub(super) fn head(key: Key, letters: usize) -> Key {
    if letters == 0 { 0 } else { key & (u64::MAX << (64 - 5 * letters)) }
}

/// The code at a place of a key.
pub(super) fn letter(key: Key, at: usize) -> u8 {
    ((key >> (59 - 5 * at)) & 31) as u8
}

/// How many codes a key has.
pub(super) fn letters(key: Key) -> usize {
    if key == 0 { 0 } else { KEY_LETTERS.min((64 - (key.trailing_zeros() as usize)).div_ceil(5)) }
}

/// The key of a word that is written plainly. For word lists in the source.
pub(super) fn key_of(word: &str) -> Key {
    word.chars().filter_map(code_of).take(KEY_LETTERS).enumerate().fold(0, |key, (i, code)| key | at(code, i))
}

/// Vowel marks under the first letters of a word, as far as they decide whether a letter is a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Points([u8; LONGEST_STACK]);

impl Points {
    const SHVA: u8 = 1;
    const HIRIQ: u8 = 2;
    const TSERE: u8 = 4;
    const SEGOL: u8 = 8;
    const PATAH: u8 = 16;
    const QAMATS: u8 = 32;
    const OTHER: u8 = 64;

    fn note(&mut self, letter: usize, mark: char) {
        let Some(seen) = self.0.get_mut(letter) else { return };
        *seen |= match mark {
            '\u{5B0}' => Self::SHVA,
            '\u{5B4}' => Self::HIRIQ,
            '\u{5B5}' => Self::TSERE,
            '\u{5B6}' => Self::SEGOL,
            '\u{5B7}' => Self::PATAH,
            '\u{5B8}' => Self::QAMATS,
            // The hatafs, holam, qubuts, and the dot of sin: no prefix has them.
            '\u{5B1}'..='\u{5B3}' | '\u{5B9}'..='\u{5BB}' | '\u{5C2}' => Self::OTHER,
            _ => 0,
        };
    }

    /// Nothing was pointed.
    pub(super) fn are_absent(self) -> bool {
        self.0 == [0; LONGEST_STACK]
    }

    /// The letter at `at`, one of ב ל כ, has the vowel of an article that it swallowed: patah, or qamats where the next
    /// letter cannot be doubled.
    pub(super) fn hide_an_article(self, key: Key, at: usize) -> bool {
        let usual = if matches!(letter(key, at + 1), ALEF | HE | HET | AYIN | RESH) {
            Self::PATAH | Self::QAMATS
        } else {
            Self::PATAH
        };
        self.0.get(at).is_some_and(|seen| seen & usual != 0)
    }

    /// The marks leave it open that the first `cut` letters are prefixes.
    pub(super) fn allow(self, key: Key, cut: usize) -> bool {
        (0..cut.min(LONGEST_STACK)).all(|i| {
            let usual = match letter(key, i) {
                VAV => Self::SHVA | Self::HIRIQ | Self::PATAH | Self::QAMATS | Self::SEGOL,
                HE => Self::PATAH | Self::QAMATS | Self::SEGOL,
                SHIN => Self::SEGOL,
                MEM => Self::HIRIQ | Self::TSERE,
                _ => Self::SHVA | Self::HIRIQ | Self::PATAH | Self::QAMATS,
            };
            self.0[i] & !usual == 0
        })
    }
}

/// One word of a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    /// Where its folded text lies in [`Folded::text`], bytes.
    pub(super) start: usize,
    pub(super) end: usize,
    /// Nought for what is not a Hebrew word of at most [`KEY_LETTERS`].
    pub(super) key: Key,
    pub(super) points: Points,
    /// Prefix letters at its front that the writing itself shows: before a quoted, a foreign word or digits.
    pub(super) shown_prefix: u8,
    /// It is the first of its sentence.
    pub(super) is_first: bool,
    /// It is digits, or a phone number's key.
    pub(super) is_number: bool,
}

/// A text as words.
#[derive(Debug, Default)]
pub(super) struct Folded {
    pub(super) text: String,
    pub(super) tokens: Vec<Token>,
}

impl Folded {
    pub(super) fn word(&self, token: &Token) -> &str {
        &self.text[token.start..token.end]
    }

    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.tokens.clear();
    }

    /// A megabyte's room is not kept for the next row.
    pub(super) fn shrink(&mut self) {
        self.clear();
        self.text.shrink_to(1 << 17);
        self.tokens.shrink_to(1 << 13);
    }

    /// Adds the words of a text. Phone numbers become their keys where `with_phones` says so.
    pub(super) fn read(&mut self, text: &str, with_phones: bool) {
        let mut reader = Reader { start: self.text.len(), is_first: true, ..Reader::new(self) };
        let bytes = text.as_bytes();
        let mut i = 0;
        while let Some(&byte) = bytes.get(i) {
            let next = bytes.get(i + 1).copied().unwrap_or(0);
            match byte {
                HEBREW if (0x90..=0xaa).contains(&next) => {
                    reader.hebrew(CODES[usize::from(next - 0x90)]);
                    i += 2;
                }
                b'0'..=b'9' | b'+' | b'('
                    if with_phones
                        && reader.may_begin_number()
                        && let Some(phone) = numbers::phone_at(&text[i..]) =>
                {
                    reader.phone(&phone.keys);
                    i += phone.bytes;
                }
                b'0'..=b'9' | b'a'..=b'z' => {
                    reader.ascii(byte);
                    i += 1;
                }
                b'A'..=b'Z' => {
                    reader.ascii(byte.to_ascii_lowercase());
                    i += 1;
                }
                b'"' => {
                    reader.quote(GERSHAYIM);
                    i += 1;
                }
                b'\'' => {
                    reader.quote(GERESH);
                    i += 1;
                }
                0..=0x7f => {
                    if byte == b'-' && (next.is_ascii_alphanumeric() || next == HEBREW || next == b'"') {
                        reader.hyphen(next.is_ascii_alphanumeric());
                    } else {
                        reader.flush();
                    }
                    if matches!(byte, b'.' | b'!' | b'?' | b';' | b':' | b'\n') {
                        reader.is_first = true;
                    }
                    i += 1;
                }
                _ => {
                    let Some(c) = text[i..].chars().next() else { break };
                    i += c.len_utf8();
                    let follows = bytes.get(i).copied().unwrap_or(0);
                    reader.other(c, follows);
                }
            }
        }
        reader.flush();
    }
}

/// Direction marks and zero-width signs arrive pasted into names; they part nothing and mean nothing here.
pub(super) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}' | '\u{00AD}')
}

struct Reader<'a> {
    out: &'a mut Folded,
    start: usize,
    codes: [u8; LONGEST_WORD],
    /// Codes, quotes included.
    len: usize,
    /// Letters and digits, quotes not.
    letters: usize,
    is_hebrew: bool,
    is_number: bool,
    points: Points,
    /// Hebrew letters before the first that is foreign or a digit.
    glued: u8,
    is_first: bool,
}

impl<'a> Reader<'a> {
    fn new(out: &'a mut Folded) -> Self {
        Self {
            out,
            start: 0,
            codes: [0; LONGEST_WORD],
            len: 0,
            letters: 0,
            is_hebrew: true,
            is_number: true,
            points: Points::default(),
            glued: 0,
            is_first: false,
        }
    }

    fn hebrew(&mut self, code: u8) {
        self.is_number = false;
        if self.letters >= LONGEST_WORD {
            return;
        }
        if self.len < LONGEST_WORD {
            self.codes[self.len] = code;
            self.len += 1;
        }
        self.letters += 1;
        self.out.text.push_str(letter_text(code));
    }

    fn foreign(&mut self, c: char) {
        if self.letters >= LONGEST_WORD {
            return;
        }
        self.is_number &= c.is_ascii_digit();
        if self.is_hebrew && self.letters > 0 {
            self.glued = if self.letters <= LONGEST_STACK && self.len == self.letters { self.letters as u8 } else { 0 };
        }
        self.is_hebrew = false;
        self.letters += 1;
        self.out.text.push(c);
    }

    fn ascii(&mut self, byte: u8) {
        self.foreign(char::from(byte));
    }

    /// Inside a word these are spelling, not a boundary: ג׳ורג׳, ארה״ב, O'Neil.
    fn quote(&mut self, code: u8) {
        if self.letters > 0 && self.len < LONGEST_WORD && self.is_hebrew {
            self.codes[self.len] = code;
            self.len += 1;
        }
    }

    fn other(&mut self, c: char, follows: u8) {
        match c {
            '\u{05F4}' | '\u{201D}' => self.quote(GERSHAYIM),
            '\u{05F3}' | '\u{2019}' => self.quote(GERESH),
            '\u{05BE}' | '\u{2010}' | '\u{2011}' if follows == HEBREW || follows.is_ascii_alphanumeric() => {
                self.hyphen(follows.is_ascii_alphanumeric());
            }
            '\u{2013}' | '\u{2014}' => {
                self.flush();
                self.is_first = true;
            }
            c if is_invisible(c) => {}
            c => {
                for c in std::iter::once(c).nfkd() {
                    if let Some(code) = code_of(c) {
                        self.hebrew(code);
                    } else if is_combining_mark(c) {
                        if self.letters > 0 {
                            self.points.note(self.letters - 1, c);
                        }
                    } else if c.is_alphanumeric() {
                        c.to_lowercase().filter(|c| c.is_alphanumeric()).for_each(|c| self.foreign(c));
                    } else if !is_invisible(c) {
                        self.flush();
                    }
                }
            }
        }
    }

    fn stack_letters_only(&self) -> bool {
        self.is_hebrew
            && self.letters > 0
            && self.letters <= LONGEST_STACK
            && self.codes[..self.len].iter().all(|code| is_prefix_letter(*code))
    }

    fn may_begin_number(&self) -> bool {
        self.letters == 0 || self.stack_letters_only()
    }

    /// `ב־CRM`, `ה-30`, `ל-בנק`: a prefix parted from its word by a hyphen is no word.
    fn hyphen(&mut self, before_foreign: bool) {
        if self.stack_letters_only() && (self.letters == 1 || before_foreign) {
            self.drop_word();
        } else {
            self.flush();
        }
    }

    fn phone(&mut self, keys: &[CompactString]) {
        // What stands before it are prefixes: ל050…
        self.drop_word();
        for key in keys {
            self.out.text.push_str(key);
            self.is_hebrew = false;
            self.letters = key.len();
            self.flush();
        }
    }

    fn drop_word(&mut self) {
        self.out.text.truncate(self.start);
        self.reset();
    }

    fn reset(&mut self) {
        self.start = self.out.text.len();
        (self.len, self.letters, self.glued) = (0, 0, 0);
        (self.is_hebrew, self.is_number) = (true, true);
        self.points = Points::default();
    }

    fn flush(&mut self) {
        if self.letters == 0 {
            return self.reset();
        }
        while self.len > 0 && self.codes[self.len - 1] >= GERSHAYIM {
            self.len -= 1;
        }
        let mut shown_prefix = 0;
        let mut key = 0;
        if self.is_hebrew {
            let codes = &self.codes[..self.len];
            // ב״הארץ״: the quotes open behind the prefix; an abbreviation has them before its last letter.
            if let Some(quote) = codes.iter().position(|code| *code >= GERSHAYIM)
                && quote <= LONGEST_STACK
                && codes.len() - quote > 3
                && codes[..quote].iter().all(|code| is_prefix_letter(*code))
            {
                shown_prefix = quote as u8;
            } else if codes.len() <= KEY_LETTERS {
                key = codes.iter().enumerate().fold(0, |key, (i, code)| key | at(*code, i));
            } else if let Some(long) = long_prefix(codes) {
                shown_prefix = long;
            }
        } else if self.codes[..usize::from(self.glued)].iter().all(|code| is_prefix_letter(*code)) {
            shown_prefix = self.glued;
        }
        self.out.tokens.push(Token {
            start: self.start,
            end: self.out.text.len(),
            key,
            points: self.points,
            shown_prefix,
            is_first: std::mem::take(&mut self.is_first),
            is_number: self.is_number,
        });
        self.reset();
    }
}

/// Longer words than any that the vocabulary has: at most the one letter at their front is taken for a prefix.
fn long_prefix(codes: &[u8]) -> Option<u8> {
    is_prefix_letter(*codes.first()?).then_some(1)
}

/// ו ה ב ל מ ש כ.
pub(super) fn is_prefix_letter(code: u8) -> bool {
    matches!(code, VAV | HE | BET | LAMED | MEM | SHIN | KAF)
}

fn letter_text(code: u8) -> &'static str {
    const LETTERS: &str = "אבגדהוזחטיכלמנסעפצקרשת";
    let at = 2 * (usize::from(code).saturating_sub(1));
    LETTERS.get(at..at + 2).unwrap_or_default()
}
