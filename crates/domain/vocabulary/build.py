#!/usr/bin/env python3
"""Makes vocabulary.bin; README.md beside it says from what.

Hebrew glues prefixes to words, so frequencies of written forms mix words with prefixes and words alone. This takes the
mixture apart: each form is a stack of prefixes and a stem, each stem is of a kind, and each kind takes each stack at its
own rate. Expectation maximisation finds the frequencies of stems and the rates that explain the forms.
"""

import collections
import gzip
import importlib.util
import itertools
import math
import pathlib
import re
import struct

import msgpack
import numpy as np
from simplemma.strategies.dictionaries.dictionary_factory import _load_dictionary_from_disk

HERE = pathlib.Path(__file__).parent
ROUNDS = 12
MOST_LETTERS = 12
FINALS = str.maketrans("ךםןףץ", "כמנפצ")
WORD = re.compile(r"^[א-ת][א-ת']*(\"[א-ת]{1,2})?$")
NOUN, NAME, VERB, OTHER, ADJECTIVE = range(5)
KINDS = 5

# How often a word of each kind takes a prefix, to begin with: none, then the prefix. What is not said follows from it.
FIRST_RATES = [
    {"": .45, "ה": .25, "ב": .09, "ל": .07, "ו": .03, "מ": .02, "ש": .006, "כ": .006, "מה": .02},
    {"": .55, "ה": .0008, "ב": .12, "ל": .1, "ו": .07, "מ": .06, "ש": .03, "כ": .006, "מה": .0001},
    {"": .75, "ה": .002, "ב": .0005, "ל": .0008, "ו": .1, "מ": .0003, "ש": .13, "כ": .0002, "מה": .0001},
    {"": .85, "ה": .0005, "ב": .0005, "ל": .0005, "ו": .08, "מ": .0005, "ש": .05, "כ": .0005, "מה": .00005},
    {"": .6, "ה": .25, "ב": .002, "ל": .004, "ו": .03, "מ": .002, "ש": .02, "כ": .002, "מה": .003},
]
# How much of the first rates stays: frequencies alone would make every written form a word of its own.
ANCHOR = 0.6
# A stem in the mind of no lexicon counts this little against one that is in one.
NOT_IN_A_LEXICON = 0.1
# Share of names in what is said; half given names, half surnames.
NAMES = 0.012
# Words of register.txt are this much more frequent here than in newspapers and Wikipedia.
REGISTER = 3.0
LEAST_WEIGHT = 1.5e-8


def data_of(package):
    return pathlib.Path(importlib.util.find_spec(package).origin).parent


def fold(word):
    return re.sub("[׳’]", "'", re.sub("[״”]", '"', word)).translate(FINALS).strip("'\"")


def is_word(word):
    return WORD.match(word) and len(word) <= MOST_LETTERS


def read_forms():
    forms = collections.defaultdict(float)
    bins = msgpack.unpack(gzip.open(data_of("wordfreq") / "data" / "large_he.msgpack.gz"), raw=False)
    for centibels, words in enumerate(bins[1:]):
        for word in map(fold, words):
            if is_word(word):
                forms[word] += 10 ** (-centibels / 100)
    return forms


def read_names():
    counts = collections.defaultdict(lambda: [0.0, 0.0])
    for file in sorted(data_of("hebrew_names").glob("dist.*")):
        if "cumul" in file.name:
            continue
        is_surname = file.name.endswith("last")
        for line in file.read_bytes().decode("utf-16").splitlines() if file.stat().st_size else []:
            fields = line.split("\t")
            parts = re.split("[ -]", fields[0].strip())
            for part in map(fold, parts if len(fields) > 1 else []):
                # Particles of double names are no names: בן, אבו, דה.
                if is_word(part) and len(part) >= (4 if len(parts) > 1 else 2):
                    counts[part][is_surname] += float(fields[1])
    given, surnames = (sum(count[i] for count in counts.values()) for i in (0, 1))
    return {name: (NAMES / 2 * a / given, NAMES / 2 * b / surnames) for name, (a, b) in counts.items()}


def read_lemmas():
    lemmas = {}
    for form, lemma in _load_dictionary_from_disk("he").items():
        form, lemma = fold(form.decode()), fold(lemma.decode())
        if is_word(form) and is_word(lemma) and len(form) >= 2:
            if form[0] == "ה" and form[1:] == lemma:
                continue
            lemmas[form] = lemma
        if is_word(lemma) and len(lemma) >= 2:
            lemmas.setdefault(lemma, lemma)
    return lemmas


def verbs_of(lemmas):
    """Lemmas with forms of the future."""
    futures = collections.Counter()
    for form, lemma in lemmas.items():
        if form.startswith(lemma):
            continue
        if form[0] in "תיאנ" and lemma[0] not in "תיאנ":
            futures[lemma] += 1
        elif form[0] in "תי" and lemma[0] in "תיאנ" and form[1:3] == lemma[:2]:
            futures[lemma] += 1
    return {lemma for lemma, count in futures.items() if count >= 4}


def is_finite(form, lemmas, verbs):
    """A form of a verb that takes neither article nor preposition."""
    lemma = lemmas.get(form)
    if lemma not in verbs:
        return False
    if form[0] in "יתאנ" and lemma[0] != form[0]:
        return True
    if form != lemma and lemma in (lemmas.get("ת" + form), lemmas.get("י" + form)):
        return True
    stem = lemma[:-1] if lemma[-1] == "ה" else lemma
    endings = [lemma + ending for ending in ("", "ה", "ו", "תי", "ת", "נו", "תמ", "תנ")]
    return form in endings + [stem + ending for ending in ("ה", "תה", "ו", "יתי", "ינו", "ית")]


def all_stacks():
    """ו, then a conjunction with ש, then a preposition, then the article, which ב ל כ swallow."""
    stacks = {}
    for vav, that, preposition, article in itertools.product(
        ["", "ו"], ["", "ש", "כש", "לכש"], ["", "ב", "ל", "מ", "כ"], ["", "ה"]
    ):
        if not (article and preposition and preposition != "מ"):
            stacks.setdefault(vav + that + preposition + article, (vav, that, preposition + article))
    return stacks


STACK_PARTS = all_stacks()
STACKS = sorted(STACK_PARTS, key=lambda stack: (len(stack), stack))
PLACE = {stack: i for i, stack in enumerate(STACKS)}


def first_rates(given):
    rates = np.full(len(STACKS), 1e-7)
    for stack, (vav, that, rest) in STACK_PARTS.items():
        rate = 1.0
        if vav:
            rate *= given["ו"]
        if that:
            rate *= given["ש"] * {"ש": 1, "כש": 0.3, "לכש": 0.003}[that]
        if rest:
            rate *= given.get(rest, 1e-5)
        rates[PLACE[stack]] = given.get(stack, max(rate, 1e-8))
    return rates / rates.sum()


def partings(word):
    for cut in range(min(6, len(word) - 1) + 1):
        if (word[:cut] in PLACE and len(word) - cut >= 2) or cut == 0:
            yield PLACE[word[:cut]], word[cut:]
            # ב + ועדה is written בוועדה.
            if cut and word[cut : cut + 2] == "וו" and len(word) - cut >= 3:
                yield PLACE[word[:cut]], word[cut + 1 :]


def learn(forms, names, lemmas, verbs):
    words = sorted(forms)
    stems = {}
    of_word, of_stem, of_stack = [], [], []
    for i, word in enumerate(words):
        # Shorter stems first.
        for stack, stem in sorted(partings(word), key=lambda parting: len(parting[1])):
            of_word.append(i)
            of_stack.append(stack)
            of_stem.append(stems.setdefault(stem, len(stems)))
    for name in names:
        stems.setdefault(name, len(stems))
    of_word, of_stem, of_stack = map(np.array, (of_word, of_stem, of_stack))
    count = len(stems)
    frequency = np.array([forms[word] for word in words])
    named, alone = np.zeros(count), np.zeros(count)
    in_lexicon, finite = np.zeros(count, bool), np.zeros(count)
    for stem, i in stems.items():
        named[i] = sum(names.get(stem, (0, 0)))
        alone[i] = forms.get(stem, 0)
        in_lexicon[i] = stem in lemmas
        if is_finite(stem, lemmas, verbs):
            finite[i] = 6.0
        lemma = lemmas.get(stem)
        if lemma is not None and lemma != stem and lemma in verbs and lemmas.get("ת" + stem) == lemma:
            finite[i] = 60.0
    in_lexicon |= (named > 2e-9) & (named * 4 > alone)
    is_name = named * 10 > alone

    begins = np.r_[True, of_word[1:] != of_word[:-1]]
    group, starts = np.cumsum(begins) - 1, np.flatnonzero(begins)

    def of_shorter(values):
        """For each parting, the sum over those of the same word with shorter stems."""
        sums = np.cumsum(values)
        return sums - values - (sums[starts] - values[starts])[group]

    def per_kind(of_kind):
        return np.stack([of_kind(kind) for kind in range(KINDS)], axis=1)

    anchor = np.array([first_rates(given) for given in FIRST_RATES])
    rates = anchor.copy()
    kinds = np.full((count, KINDS), 1 / KINDS)
    weight = alone * 0.7 + named + 1e-13
    # What a parting could explain at most. A form that two partings may explain says nothing of a stem's kind.
    possible = in_lexicon[of_stem] * alone[of_stem] * anchor.max(0)[of_stack]
    is_clear = np.add.reduceat(possible, starts)[group] - possible < 0.02 * frequency[of_word]
    shorter_possible = of_shorter(possible)
    # A lexicon has rare inflections that look like a prefix and a common word: שקנה is hardly ever "kiss her".
    is_inflected = np.zeros(count, bool)
    for stem, i in stems.items():
        is_inflected[i] = lemmas.get(stem, stem) != stem
    here = frequency[of_word]
    dubious = (of_stack == PLACE[""]) & is_inflected[of_stem] & ~is_name[of_stem] & (shorter_possible > here)
    in_lexicon[of_stem[dubious]] = False
    lexicon_factor = np.where(in_lexicon, 1.0, NOT_IN_A_LEXICON)

    for _ in range(ROUNDS):
        explained = sum(kinds[of_stem, kind] * rates[kind, of_stack] for kind in range(KINDS)) * weight[of_stem]
        shorter = of_shorter(explained)
        here = frequency[of_word]
        # A longer stem is believed in where the shorter ones explain its form badly.
        doubted = ~in_lexicon[of_stem] & ((20 * shorter > here) | (20 * shorter_possible > here))
        share = explained * lexicon_factor[of_stem] * np.where(doubted, 0.02, 1.0)
        share *= np.where(in_lexicon[of_stem] & (shorter > here), 0.1, 1.0)
        share /= np.maximum(np.add.reduceat(share, starts)[group], 1e-300)
        mass = here * share
        total = np.bincount(of_stem, mass, count)
        clear = mass * is_clear
        clear_total = np.bincount(of_stem, clear, count)
        unclear = per_kind(lambda kind: np.bincount(of_stem, ~is_clear * rates[kind, of_stack], count))

        fit = per_kind(lambda kind: np.bincount(of_stem, clear * np.log(rates[kind, of_stack]), count))
        fit = fit / np.maximum(clear_total, 1e-15)[:, None]
        fit -= np.log(np.maximum(1 - unclear, 1e-9)) * (clear_total > 0)[:, None]
        fit *= np.clip(clear_total / 2e-9, 0, 100)[:, None]
        fit -= math.log(KINDS)
        fit[:, VERB] += finite
        fit[:, NAME] += np.where(is_name, 6.0, 0)
        fit -= fit.max(1, keepdims=True)
        kinds = np.exp(fit)
        kinds /= kinds.sum(1, keepdims=True)
        kinds[is_name] *= 0.5
        kinds[is_name, NAME] += 0.5

        # Every stem has a say in the rates, frequent ones not much more than others.
        say = np.sqrt(np.clip(total / 1e-8, 0, 1000)) / np.maximum(total, 1e-15)
        seen = np.array([np.bincount(of_stack, clear * kinds[of_stem, kind] * say[of_stem], len(STACKS)) for kind in range(KINDS)])
        seen += 1e-3 * anchor
        rates = ANCHOR * anchor + (1 - ANCHOR) * seen / seen.sum(1, keepdims=True)

        # The weight by clear forms alone judges the unclear ones without asking them.
        clear_share = 1 - (kinds * unclear).sum(1)
        by_clear = np.clip(clear_total / np.maximum(clear_share, 1e-9), total / 3, total * 3)
        trusted = (clear_share > 0.15) & (clear_total > 3e-9) & in_lexicon
        both = np.sqrt(np.maximum(by_clear, 1e-15)) * np.sqrt(np.maximum(total, 1e-15))
        weight = np.where(trusted, both, total) + named + 1e-14
    return stems, weight, kinds, rates


def opaque_words(stems, weight, kinds, forms, names, lemmas, verbs):
    """Nouns, adjectives, verbs and names: their first letter is of the root. Not בסוף, which only is ב + סוף."""
    opaque = set()
    for stem, i in stems.items():
        by_kind = kinds[i, NOUN] + kinds[i, ADJECTIVE] > 0.3 or kinds[i, VERB] > 0.5
        if max(names.get(stem, (0, 0))) > 0.02 * weight[i] or is_finite(stem, lemmas, verbs):
            opaque.add(stem)
        elif stem[0] in "בלמכ" and forms.get(stem, 0) > 6e-7:
            # What is no adverb takes the article.
            if forms.get("ה" + stem, 0) > 0.015 * forms[stem]:
                opaque.add(stem)
        elif by_kind:
            opaque.add(stem)
    # כתובת, לקוחותיו: forms that cannot take it, of words that can.
    return opaque | {form for form, lemma in lemmas.items() if lemma in opaque and lemma[0] == form[0]}


CODES = {letter: i + 1 for i, letter in enumerate("אבגדהוזחטיכלמנסעפצקרשת\"'")}
# Three thirds given to the kinds.
MIXTURES = [thirds for thirds in itertools.product(range(4), repeat=KINDS) if sum(thirds) == 3]


def write(stems, weight, kinds, rates, names, opaque):
    rows = []
    for stem, i in stems.items():
        if weight[i] < LEAST_WEIGHT or len(stem) < 2:
            continue
        given, surname = names.get(stem, (0, 0))
        mixture = min(
            range(len(MIXTURES)), key=lambda m: sum((third / 3 - kind) ** 2 for third, kind in zip(MIXTURES[m], kinds[i]))
        )
        flags = (given > 0.02 * weight[i]) | (surname > 0.02 * weight[i]) << 1
        level = max(0, min(127, round((math.log10(weight[i]) + 9) * 16)))
        rows.append(([CODES[letter] for letter in stem], level | (stem in opaque) << 7, mixture | int(flags) << 6))
    rows.sort()

    bits, held, width = bytearray(), 0, 0

    def put(value, size):
        nonlocal held, width
        held, width = held << size | value, width + size
        while width >= 8:
            width -= 8
            bits.append(held >> width & 255)
            held &= (1 << width) - 1

    before = []
    for codes, _, _ in rows:
        shared = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(codes, before)))
        put(shared, 4)
        put(len(codes) - shared, 4)
        for code in codes[shared:]:
            put(code, 5)
        before = codes
    if width:
        bits.append(held << (8 - width) & 255)

    out = bytearray(b"ACV2") + struct.pack("<BBI", len(STACKS), KINDS, len(rows))
    for stack in STACKS:
        out += bytes([len(stack), *(CODES[letter] for letter in stack)])
    for kind in rates:
        out += struct.pack(f"<{len(STACKS)}f", *kind)
    out += struct.pack("<I", len(bits)) + bits
    out += bytes(level for _, level, _ in rows) + bytes(kind for _, _, kind in rows)
    (HERE / "vocabulary.bin").write_bytes(out)
    print(f"{len(rows)} words, {len(out)} bytes")


def main():
    forms, names, lemmas = read_forms(), read_names(), read_lemmas()
    verbs = verbs_of(lemmas)
    stems, weight, kinds, rates = learn(forms, names, lemmas, verbs)
    opaque = opaque_words(stems, weight, kinds, forms, names, lemmas, verbs)
    for word in map(fold, (HERE / "register.txt").read_text(encoding="utf-8").split()):
        if word in stems:
            weight[stems[word]] *= REGISTER
    write(stems, weight, kinds, rates, names, opaque)


if __name__ == "__main__":
    main()
