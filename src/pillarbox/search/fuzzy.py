"""Searches that forgive (RFC 6203): which words of a message a text means, and how well.

A message matches when each word of the text is in it: as it is, by its stem in the message's language, as the
beginning of a longer word, or, in a search where nothing does so, with one letter wrong. Diacritics don't count, nor
do small words (`the`) beside others.

How well: where the word stands and how alike it is, multiplied; of several places the best; the mean of all words.

Must never: take more of a message than MOST_CHARACTERS, or more than MOST_WORDS of a search.
"""

from __future__ import annotations

import enum
import functools
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Protocol

from pillarbox.search.language import is_small, language_of, languages_for, stem
from pillarbox.search.words import count_words, fold, is_pair, words_of

MOST_CHARACTERS: Final = 1_000_000
"""Of a message's texts, from the beginning: a book. What lies behind is found by exact searches."""
MOST_WORDS: Final = 12
"""Of a search. More don't make it clearer."""
WINDOW_CHARACTERS: Final = 16_384
"""Text looked at in one go: some milliseconds."""
_WORDS_AT_ONCE: Final = 1_000
"""Words of a message compared with those looked for in one go: some milliseconds."""
_OFTEN: Final = 3
"""Times that a body says what it is about."""
_MOST_STEMS: Final = 4_000
"""Words of one message that are stemmed: nobody's vocabulary is larger in a letter."""
_BEGINNING_LETTERS: Final = 3
_TYPO_LETTERS: Final = 4
"""Words of fewer letters are not completed, and not taken for others."""


class Place(enum.IntEnum):
    """Where in a message words are."""

    SUBJECT = 0
    FROM = 1
    TO = 2
    CC = 3
    BCC = 4
    OFTEN = 5
    """In the body, several times."""
    BODY = 6
    ATTACHMENT = 7


class Likeness(enum.IntEnum):
    """How alike two words are, of 100."""

    SAME = 100
    STEM = 85
    BEGINNING = 70
    TYPO = 50


class Where(enum.Enum):
    """What a search key looks at: places and their weights, of 100."""

    SUBJECT = MappingProxyType({Place.SUBJECT: 100})
    FROM = MappingProxyType({Place.FROM: 100})
    TO = MappingProxyType({Place.TO: 100})
    CC = MappingProxyType({Place.CC: 100})
    BCC = MappingProxyType({Place.BCC: 100})
    BODY = MappingProxyType({Place.OFTEN: 100, Place.BODY: 75, Place.ATTACHMENT: 60})
    TEXT = MappingProxyType(
        {
            Place.SUBJECT: 100,
            Place.FROM: 90,
            Place.OFTEN: 80,
            Place.TO: 75,
            Place.CC: 70,
            Place.BCC: 70,
            Place.BODY: 60,
            Place.ATTACHMENT: 50,
        }
    )


_LEAST_PRODUCT: Final = 25
"""A wrong letter in an attachment."""
HIGHEST: Final = 100
"""The best score; 1 is the worst (RFC 6203 section 4)."""


class Fields(Protocol):
    """A message's header fields, decoded."""

    def values(self, name: str) -> Sequence[str]:
        """What follows the colon, of each field of that name (any case)."""
        ...


class Vocabulary:
    """The words of one message, by place. Filled piece by piece; then asked."""

    __slots__ = ("_characters", "_counts", "_counts_marked", "_language", "_spelled")

    def __init__(self) -> None:
        self._spelled: dict[Place, dict[str, str]] = {}
        """Of each place: how a word is compared -> how it is spelled, once at least."""
        self._counts: Counter[str] = Counter()
        """As they are spelled."""
        self._counts_marked: Counter[str] = Counter()
        """As they are compared, of words that are spelled otherwise."""
        self._characters = 0
        self._language: str | None = None

    def add_header(self, fields: Fields) -> None:
        """Subject and addresses."""
        for place, name in _FIELDS.items():
            for value in fields.values(name):
                self._count(place, value[:MOST_CHARACTERS])

    def add_texts(self, pieces: Iterable[str]) -> Iterator[None]:
        """A text of the body in pieces, cut anywhere; lets go after each few thousand characters."""
        rest = ""
        for piece in pieces:
            *windows, rest = _windows(rest + piece)
            for window in windows:
                if not self.add_body(window):
                    return
                yield
            yield
        self.add_body(rest)

    def add_body(self, text: str) -> bool:
        """A piece of the body; False when no more is wanted."""
        text = text[: MOST_CHARACTERS - self._characters]
        self._characters += len(text)
        self._count(Place.BODY, text)
        return self._characters < MOST_CHARACTERS

    def add_attachment(self, text: str) -> None:
        """The text of an attachment."""
        for window in _windows(text[:MOST_CHARACTERS]):
            self._count(Place.ATTACHMENT, window)

    def _count(self, place: Place, text: str) -> None:
        words = self._spelled.setdefault(place, {})
        plain, others = count_words(text)
        words.update(zip(plain, plain, strict=True))
        words.update(word for word, _ in others)
        if place not in _PEOPLE:
            self._counts.update(plain)
            for (folded, spelled), times in others:
                self._counts[spelled] += times
                if folded != spelled:
                    self._counts_marked[folded] += times

    @property
    def language(self) -> str:
        """Empty when nothing tells."""
        if self._language is None:
            self._language = language_of(self._counts)
        return self._language

    def words(self) -> Iterator[tuple[Place, str, str]]:
        """Place, word as it is compared, word as it is spelled. Words that are often there come twice."""
        for place, words in self._by_place():
            for folded, spelled in words.items():
                yield place, folded, spelled

    def terms(self) -> Mapping[Place, set[str]]:
        """What an index keeps: words, and stems that differ, each with its language."""
        terms: dict[Place, set[str]] = {}
        language, unstemmed = self.language, _MOST_STEMS
        for place, words in self._by_place():
            here = terms[place] = set(words)
            if language:
                stems = map(functools.partial(_stem_or_word, language), words.values())
                here.update(itertools.islice(stems, unstemmed))
                unstemmed = max(0, unstemmed - len(words))
        return terms

    def _by_place(self) -> Iterator[tuple[Place, Mapping[str, str]]]:
        """Words as they are compared, and as they are spelled."""
        yield from self._spelled.items()
        body = self._spelled.get(Place.BODY)
        if body:
            often = {word for word, times in self._counts.items() if times >= _OFTEN}
            often |= {word for word, times in self._counts_marked.items() if times + self._counts[word] >= _OFTEN}
            yield Place.OFTEN, {word: body[word] for word in body.keys() & often}


def _windows(text: str) -> Iterator[str]:
    """The text cut into what is looked at in one go, between words where there are any; the last may be empty."""
    start = 0
    while len(text) - start >= WINDOW_CHARACTERS:
        end = text.rfind(" ", start, start + WINDOW_CHARACTERS) + 1 or start + WINDOW_CHARACTERS
        yield text[start:end]
        start = end
    yield text[start:]


@functools.lru_cache(maxsize=32_768)
def _stem_or_word(language: str, spelled: str) -> str:
    """The stem of a word as a term; the word when that is its own stem. (A cache of immutable values, not state.)"""
    folded, stemmed = fold(spelled), fold(stem(language, spelled))
    return folded if stemmed == folded else _stem_term(language, stemmed)


def _stem_term(language: str, stemmed: str) -> str:
    """How a stem is kept among words: no word holds `=`, so that none begins like one."""
    return f"={language}={stemmed}"


_FIELDS: Final = {
    Place.SUBJECT: "subject",
    Place.FROM: "from",
    Place.TO: "to",
    Place.CC: "cc",
    Place.BCC: "bcc",
}
_PEOPLE: Final = frozenset((Place.FROM, Place.TO, Place.CC, Place.BCC))
"""Names and addresses, which are in no language."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One word that is looked for."""

    folded: str
    stems: frozenset[str]
    """Its stems in all languages that it may be in: as words, and as terms of an index."""

    @classmethod
    def of(cls, folded: str, spelled: str) -> Wanted:
        stems = {(name, fold(stem(name, spelled))) for name in languages_for(spelled)}
        terms = {_stem_term(name, stemmed) for name, stemmed in stems} | {stemmed for _, stemmed in stems}
        return cls(folded, frozenset(terms - {folded, ""}))

    @property
    def begins(self) -> bool:
        """Whether words that begin with this one are meant as well."""
        return len(self.folded) >= (1 if is_pair(self.folded) else _BEGINNING_LETTERS)

    @property
    def may_be_wrong(self) -> bool:
        """Whether words that differ in a letter are meant when no other is there."""
        return len(self.folded) >= _TYPO_LETTERS and not is_pair(self.folded) and not self.folded.isdigit()

    def likeness(self, folded: str, spelled: str, language: str) -> Likeness | None:
        """How a word of a message is alike."""
        if folded == self.folded:
            return Likeness.SAME
        if folded[0] != self.folded[0]:
            return None
        if folded in self.stems:
            return Likeness.STEM
        if (
            language
            and folded[:2] == self.folded[:2]
            and _stem_term(language, fold(stem(language, spelled))) in self.stems
        ):
            return Likeness.STEM
        if self.begins and folded.startswith(self.folded):
            return Likeness.BEGINNING
        return Likeness.TYPO if self.may_be_wrong and is_typo(self.folded, folded) else None


def is_typo(meant: str, typed: str) -> bool:
    """One letter is another one, missing or too much, or two letters have changed places; not the first letter."""
    if abs(len(meant) - len(typed)) > 1 or meant[:1] != typed[:1] or meant == typed:
        return False
    start, least = 1, min(len(meant), len(typed))
    while start < least and meant[start] == typed[start]:
        start += 1
    if len(meant) == len(typed) and meant[start + 1 :] == typed[start + 1 :]:
        return True
    return (
        meant[start:] == typed[start + 1 :]
        or meant[start + 1 :] == typed[start:]
        or (meant[start : start + 2] == typed[start : start + 2][::-1] and meant[start + 2 :] == typed[start + 2 :])
    )


@dataclass(frozen=True, slots=True)
class Hit:
    """How well a message has each word: weight of the place times likeness, of 100; 0: not at all."""

    close: tuple[int, ...]
    typos: tuple[int, ...]
    """With a letter wrong: counts for words that no message has closer."""


@dataclass(frozen=True, slots=True)
class Hits:
    """What an index says of a fuzzy key about the messages that it was asked about."""

    found: Mapping[int, Hit]
    """Those that have all words, closely or not."""
    unread: Sequence[int]
    """Those that it doesn't know."""


@dataclass(frozen=True, slots=True)
class Fuzzy:
    """Messages that have the words of a text, or words like them. Made by ranking.fuzzily()."""

    where: Where
    text: str
    words: tuple[Wanted, ...] = field(init=False, repr=False, compare=False)
    """Empty when the text has none."""

    def __post_init__(self) -> None:
        found: dict[str, str] = {}
        for (folded, spelled), _ in words_of(self.text[: MOST_WORDS * 1_000]):
            found.setdefault(folded, spelled)
        telling = {folded: spelled for folded, spelled in found.items() if not is_small(spelled)} or found
        pairs = list(telling.items())[:MOST_WORDS]
        if len(pairs) > 1:  # of a run of Chinese the last character stands in a pair already
            pairs = [
                (folded, spelled) for folded, spelled in pairs if not (is_pair(folded) and len(folded) == 1)
            ] or pairs
        object.__setattr__(self, "words", tuple(Wanted.of(*pair) for pair in pairs))

    def hit(self, vocabulary: Vocabulary) -> Hit | None:
        """How well a message matches; None when it doesn't."""
        comparison = Comparison(self, vocabulary)
        while comparison.go_on():
            pass
        return comparison.hit


class Comparison:
    """A key and a message's words, compared bit by bit."""

    def __init__(self, key: Fuzzy, vocabulary: Vocabulary) -> None:
        self._wanted = key.words
        self._weights: Mapping[Place, int] = key.where.value
        self._language = vocabulary.language
        self._words = vocabulary.words()
        self._close = [0] * len(key.words)
        self._typos = [0] * len(key.words)

    def go_on(self) -> bool:
        """Look at some more words: a few milliseconds. False: there are no more."""
        last: tuple[Place, str, str] | None = None
        for last in itertools.islice(self._words, _WORDS_AT_ONCE):
            place, folded, spelled = last
            weight = self._weights.get(place)
            if weight is not None:
                self._compare(weight, folded, spelled)
        return last is not None

    def _compare(self, weight: int, folded: str, spelled: str) -> None:
        for at, wanted in enumerate(self._wanted):
            likeness = wanted.likeness(folded, spelled, self._language)
            if likeness is not None:
                best = self._typos if likeness is Likeness.TYPO else self._close
                best[at] = max(best[at], weight * likeness // 100)

    @property
    def hit(self) -> Hit | None:
        """How well the message matches; None when it doesn't."""
        if not all(map(max, self._close, self._typos)):
            return None
        return Hit(tuple(self._close), tuple(self._typos))


def scores(key: Fuzzy, hits: Mapping[int, Hit]) -> dict[int, int]:
    """Score by message, 1 to HIGHEST, of those that match. A letter may be wrong where nobody has the word closer."""
    forgiven = [not any(hit.close[at] for hit in hits.values()) for at in range(len(key.words))]
    found = {}
    for message, hit in hits.items():
        products = [
            close or (typo if may else 0) for close, typo, may in zip(hit.close, hit.typos, forgiven, strict=True)
        ]
        if all(products):
            mean = sum(products) / len(products)
            span = (mean - _LEAST_PRODUCT) / (100 - _LEAST_PRODUCT)
            found[message] = max(1, min(HIGHEST, round(1 + span * (HIGHEST - 1))))
    return found
