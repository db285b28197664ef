"""One analysis of text for indexing and for asking, whatever engine stands behind the port.

`normalise` folds what a reader does not mean to tell apart (width, case, traditional or simplified,
diacritics, pinyin glosses, a line broken inside a word) and keeps, for every character of its result,
where it came from, so that highlights mark the right characters of the original. `analyse` makes the
streams that engines index:

- `pairs`: one token a position: Han bigrams, English stems. It decides what matches and carries phrases.
- `units`: one token a position: single Han characters, English stems. Mixed phrases, one-character words, and
  the looser reading of an answer that would be empty.
- `words`: stems, and joined forms of compounds (`e-commerce` also as `ecommerc`).
- `ranked`: the words in order, those of Han text too (rjieba), with marks between them, for `ranking`.

The fold from traditional to simplified is OpenCC's table of characters, not of phrases: so that any
part of a text folds as it does within the text, which makes every substring findable in either
script."""

from __future__ import annotations

import importlib
import importlib.util
import itertools
import os
import re
import threading
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

_HAN = (
    "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
    "\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"  # kana
    "\uac00-\ud7af\u1100-\u11ff"  # Hangul: written with few spaces too, so cut in the same way
)
HAN = re.compile(f"[{_HAN}]")
_ALNUM = rf"[^\W_{_HAN}]"
TOKEN = re.compile(rf"(?P<han>[{_HAN}]+)|(?P<word>{_ALNUM}+(?:[-'&.,·]{_ALNUM}+)*)")
"""A run of Han, or a word with what is written into it (`e-commerce`, `L'Oréal`, `AT&T`, `1,200`, `3.5`)."""

_PIECE = re.compile(r"\d+|[^\W\d_]+")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?!\d)")
_TONES = "āáǎàēéěèīíǐìōóǒòūúǔùǖǘǚǜńňǹḿ"
_GLOSS = re.compile(
    rf"(?<=[{_HAN}])\s?[(（]([a-zü{_TONES}\u0300\u0301\u0304\u0308\u030c'’ -]{{1,60}})[)）]",
    re.IGNORECASE,
)
_BROKEN_LINE = re.compile(rf"(?<=[{_HAN}])[ \t\u3000]*\r?\n[ \t\u3000]*(?=[{_HAN}])")
_SYLLABLE = re.compile(
    r"(?:[bpmfdtnlgkhjqxrzcsyw]|zh|ch|sh)?"
    r"(?:iang|iong|uang|ueng|ang|eng|ing|ong|iao|ian|uai|uan|van|"
    r"ai|ei|ao|ou|an|en|in|un|vn|er|ia|ie|iu|ua|uo|ui|ue|ve|[aoeiuv])|[mn]g?|hm"
)
# Letters that Unicode does not decompose but people type plainly.
_PLAIN = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ß": "ss"}
    | dict.fromkeys("’‘ʼ", "'")
    | dict.fromkeys("‐‑−", "-")
)
# What OpenCC simplifies in some words only (瞭解, 憑藉, 回覆), and forms of Hong Kong that its table lacks.
_BY_PHRASE = {
    "瞭": "了", "藉": "借", "覆": "复", "甦": "苏", "衹": "只", "衞": "卫", "枱": "台", "敍": "叙"
}  # fmt: skip
_MARKS = re.compile("[\u0300-\u036f]")
PARAGRAPH = "¶"
"""Stands in the streams between paragraphs, so that no phrase reaches across."""

STOPS = frozenset(
    "a an and are as at be but by for from has have if in into is it its of on or our so that the their "  # noqa: SIM905
    "they this to was we were what when where which who will with".split()
)
"""English words that a question need not share with what it finds (unless it consists of them)."""
HAN_STOPS = frozenset("的了和与及或在是为之等也都就把被而对从到吗呢吧啊所以其它并")
"""Han characters that, standing alone between words, a question need not share with what it finds."""


@dataclass(frozen=True, slots=True)
class Normal:
    """A folded text; `origins` says for each of its characters where it stands in the original."""

    text: str
    origins: tuple[tuple[int, int], ...] | None  # None: every character stands where it stood

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The characters of the original from which `text[start:end]` came (`start < end`)."""
        if self.origins is None:
            return start, end
        return self.origins[start][0], self.origins[end - 1][1]


class Token(NamedTuple):
    """A run of Han or a word of a folded text, at `text[start:end]`."""

    text: str
    start: int
    end: int
    han: bool


@dataclass(frozen=True, slots=True)
class Analysis:
    """The streams of one text; tokens are separated by single spaces."""

    pairs: str
    units: str
    words: str
    ranked: str


class _Fold(dict[int, str]):
    """What a character folds to, learnt at first sight. `uneven` holds those that do not fold to one
    character."""

    def __init__(self) -> None:
        super().__init__()
        self.uneven: set[str] = set()
        self.simplified = _simplified()

    def __missing__(self, code: int) -> str:
        folded = self._fold(chr(code))
        if len(folded) != 1:
            self.uneven.add(chr(code))
        self[code] = folded
        return folded

    def _fold(self, char: str) -> str:
        if char in "\n\r":
            return "\n"
        if unicodedata.category(char) in ("Cc", "Zs", "Zl", "Zp", "Co", "Cs", "Cn"):
            return " "
        if unicodedata.category(char) == "Cf":
            return ""
        plain = unicodedata.normalize("NFKC", char).casefold().translate(_PLAIN)
        if any(ord(letter) < 0x2000 for letter in plain):
            plain = _MARKS.sub("", unicodedata.normalize("NFD", plain))
        return unicodedata.normalize("NFKC", plain).casefold().translate(_PLAIN).translate(self.simplified)


def _simplified() -> dict[int, str]:
    """OpenCC's table from traditional to simplified characters, straight from its wheel (0.1 s and 25 MB less
    than its converter, whose phrases would fold a word otherwise than the words around it)."""
    spec = importlib.util.find_spec("opencc_purepy")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("opencc-purepy is not installed; it holds the table of Chinese characters")
    table = Path(spec.submodule_search_locations[0], "dicts", "TSCharacters.txt").read_text(encoding="utf-8")
    pairs = (line.split("\t") for line in table.splitlines() if "\t" in line and not line.startswith("#"))
    folds = {ord(old): new.split()[0] for old, new in pairs if len(old) == 1 and len(new.split()[0]) == 1}
    return folds | str.maketrans(_BY_PHRASE)


@cache
def _fold() -> _Fold:
    return _Fold()


def normalise(text: str) -> Normal:
    """Fold a text: NFKC, case, traditional Chinese, diacritics; without glosses and broken lines."""
    fold = _fold()
    folded = text.translate(fold)
    cuts = list(_cuts(text))
    if not cuts and unicodedata.is_normalized("NFC", text) and fold.uneven.isdisjoint(text):
        return Normal(folded, None)
    pieces: list[str] = []
    origins: list[tuple[int, int]] = []
    at = 0
    for start, end in [*cuts, (len(text), len(text))]:
        for first, last in _clusters(text[at:start]):
            span = at + first, at + last
            piece = unicodedata.normalize("NFC", text[slice(*span)]).translate(fold)
            pieces.append(piece)
            origins.extend([span] * len(piece))
            if not piece and origins:  # a mark belongs to the letter that it stands on
                origins[-1] = (origins[-1][0], span[1])
        if origins and start < len(text):
            origins[-1] = (origins[-1][0], end)
        at = end
    return Normal("".join(pieces), tuple(origins))


def _clusters(text: str) -> Iterator[tuple[int, int]]:
    """The places of characters, each with what composes with it."""
    if unicodedata.is_normalized("NFC", text):
        yield from ((at, at + 1) for at in range(len(text)))
        return
    start = 0
    for at in range(1, len(text)):
        if not _composes(text[start:at], text[at]):
            yield start, at
            start = at
    yield start, len(text)


def _composes(cluster: str, char: str) -> bool:
    if unicodedata.combining(char):
        return True
    apart = unicodedata.normalize("NFC", cluster) + unicodedata.normalize("NFC", char)
    return unicodedata.normalize("NFC", cluster + char) != apart


def _cuts(text: str) -> Iterator[tuple[int, int]]:
    """What is left out: pinyin glosses and line breaks between Han characters."""
    if "\n" not in text and "(" not in text and "（" not in text:
        return
    found = [m.span() for m in _GLOSS.finditer(text) if _is_pinyin(m.group(1))]
    found += [m.span() for m in _BROKEN_LINE.finditer(text)]
    end = 0
    for span in sorted(found):
        if span[0] >= end:
            yield span
            end = span[1]


def _is_pinyin(gloss: str) -> bool:
    """Whether it reads as pinyin with at least one tone mark. `(ai)` or `(plan)` may well be a word."""
    composed = unicodedata.normalize("NFC", gloss.lower())
    if not any(char in _TONES for char in composed):
        return False
    bare = _MARKS.sub("", unicodedata.normalize("NFD", composed.replace("ü", "v")))
    return all(_reads_as_syllables(part) for part in re.split(r"[^a-z]+", bare) if part)


@lru_cache(maxsize=1024)
def _reads_as_syllables(letters: str) -> bool:
    if not letters:
        return True
    return any(
        _SYLLABLE.fullmatch(letters[:length]) and _reads_as_syllables(letters[length:])
        for length in range(min(6, len(letters)), 0, -1)
    )


def tokens(folded: str) -> Iterator[Token]:
    """The runs of Han and the words of a folded text, in order."""
    for found in TOKEN.finditer(folded):
        yield Token(found[0], *found.span(), found.lastgroup == "han")


@dataclass(frozen=True, slots=True)
class Word:
    """The forms of a word. `stems`: of its parts, letters and digits apart, a possessive dropped; `places`:
    where the parts stand in it. `whole`: how a compound is found when written as one word; empty for
    a simple word or number."""

    stems: tuple[str, ...]
    places: tuple[tuple[int, int], ...]
    whole: str


@lru_cache(maxsize=8192)
def word(text: str) -> Word:
    """The forms of a word of a folded text."""
    bare = text[:-2] if text.endswith("'s") and len(text) > 2 else text
    if _THOUSANDS.fullmatch(bare):
        return Word((bare.replace(",", ""),), ((0, len(text)),), "")
    found = list(_PIECE.finditer(bare))
    stems = tuple(stem(part.group()) for part in found)
    if len(found) < 2:
        return Word(stems, ((0, len(text)),), "")
    whole = "" if bare[0].isdigit() else stem("".join(part.group() for part in found))
    return Word(stems, tuple(part.span() for part in found), whole)


def parts(text: str) -> list[str]:
    """The parts of a word as they are written."""
    return _PIECE.findall(text)


_stemmers = threading.local()


def stem(word: str) -> str:
    """The Snowball English stem; other scripts and numbers stay as they are."""
    if not word.isascii() or not word.isalpha():
        return word
    stemmer = getattr(_stemmers, "english", None)
    if stemmer is None:
        stemmer = _stemmers.english = importlib.import_module("Stemmer").Stemmer("english")
    return str(stemmer.stemWord(word))


@cache
def _jieba() -> Any:
    # 33 MB: read only when Chinese is cut, and by whoever calls `warm` before forking, once for all.
    import rjieba

    return rjieba


def warm() -> None:
    """Load what analysis needs. Called before a server forks, its processes share the memory."""
    analyse("广告 running")


def cut(run: str) -> list[str]:
    """The words of a run of Han, without overlap."""
    return list(_jieba().cut(run)) if len(run) > 1 else [run]


def cut_for_search(run: str) -> list[str]:
    """The words of a run of Han, long ones with the words within them."""
    return list(_jieba().cut_for_search(run)) if len(run) > 1 else [run]


WORD_MARK = "\x1f"
"""Between the words of a `ranked` stream."""


def analyse(text: str) -> Analysis:
    """The streams of one text."""
    return analyse_normal(normalise(text).text)


def analyse_normal(folded: str) -> Analysis:
    """The streams of a folded text."""
    pairs: list[str] = []
    units: list[str] = []
    words: list[str] = []
    ranked: list[str] = []
    paragraphs = "\n" in folded
    end = 0
    for found in TOKEN.finditer(folded):  # as `tokens` does; this is where indexing spends its time
        if paragraphs and "\n" in folded[end : found.start()]:
            pairs.append(PARAGRAPH)
            units.append(PARAGRAPH)
        end = found.end()
        run = found["han"]
        if run:
            pairs.extend(map("".join, itertools.pairwise(run)))
            pairs.append(run[-1])
            units.extend(run)
            ranked.extend(cut(run))
            ranked.append("")
        else:
            forms = word(found[0])
            pairs.extend(forms.stems)
            units.extend(forms.stems)
            words.extend(forms.stems)
            if forms.whole:
                words.append(forms.whole)
            ranked.extend(forms.stems)
    return Analysis(
        " ".join(pairs),
        " ".join(units),
        " ".join(dict.fromkeys(words)),
        WORD_MARK + WORD_MARK.join(ranked) + WORD_MARK,
    )


# --- pinyin of names ---------------------------------------------------------------------------------------

_LONGEST_SPAN = 8
_READINGS = 3


@cache
def _pinyin() -> Any:
    # Without its phrases the wheel costs 13 MB in place of 47; readings that differ by phrase are all kept.
    os.environ.setdefault("PYPINYIN_NO_PHRASES", "true")
    os.environ.setdefault("PYPINYIN_NO_DICT_COPY", "true")
    import pypinyin

    return pypinyin


def syllables(run: str) -> list[list[str]]:
    """The readings of each character, the commonest first, without tones."""
    module = _pinyin()
    read = module.pinyin(
        run, heteronym=True, style=module.Style.NORMAL, errors=lambda text: [[c] for c in text]
    )
    return [[reading.replace("ü", "v") for reading in readings[:_READINGS]] for readings in read]


def pinyin(name: str) -> str:
    """The pinyin under which a name is found: of every part of it, joined and as initials, tokens apart by
    spaces.

    A token after `^` is of a part that begins the name (two characters or more): it stands for the
    whole name."""
    found: dict[str, None] = {}
    for token in tokens(normalise(name).text):
        if not token.han:
            continue
        read = syllables(token.text)
        for start in range(len(read)):
            for end in range(start + 1, min(len(read), start + _LONGEST_SPAN) + 1):
                for form in _forms(read[start:end]):
                    found[form] = None
                    if token.start == 0 and start == 0 and end > 1:
                        found["^" + form] = None
        if len(read) > _LONGEST_SPAN:
            for form in _forms(read):
                found[form] = None
    return " ".join(found)


def _forms(read: list[list[str]]) -> Iterator[str]:
    readings = (
        itertools.islice(itertools.product(*read), 8) if len(read) <= 4 else [tuple(r[0] for r in read)]
    )
    for reading in readings:
        full = "".join(reading)
        yield full
        if "v" in full:  # `lü` is typed lv, lu or lyu
            yield full.replace("v", "u")
            yield full.replace("v", "yu")
        if len(reading) > 1:
            yield "".join(syllable[:1] for syllable in reading)
