"""Searches that forgive: which words are meant, and how well a message matches (RFC 6203)."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from pillarbox.search.fuzzy import HIGHEST, Fuzzy, Hit, Place, Vocabulary, Where, is_typo, scores
from pillarbox.search.language import language_of
from pillarbox.search.words import Word, count_words, words_of


class Fields:
    def __init__(self, **fields: str) -> None:
        self._fields = fields

    def values(self, name: str) -> Sequence[str]:
        return [self._fields[name]] if name in self._fields else []


def vocabulary(body: str = "", **fields: str) -> Vocabulary:
    found = Vocabulary()
    found.add_header(Fields(**fields))
    found.add_body(body)
    return found


def ranked(key: Fuzzy, *mail: Vocabulary) -> dict[int, int]:
    hits = ((at, key.hit(one)) for at, one in enumerate(mail, 1))
    return scores(key, {at: hit for at, hit in hits if hit is not None})


def test_the_rfc_finds_subjects_that_say_it_otherwise() -> None:
    mail = [vocabulary(subject=subject) for subject in ("IMAP breaks", "Breaking the IMAP server", "IMAP", "break")]
    assert ranked(Fuzzy(Where.SUBJECT, "IMAP break"), *mail).keys() == {1, 2}


def test_the_rfc_takes_helo_for_hello_and_help() -> None:
    mail = [vocabulary(body=body) for body in ("hello there", "please help", "hero", "yellow")]
    assert ranked(Fuzzy(Where.TEXT, "Helo"), *mail).keys() == {1, 2, 3}


def test_a_wrong_letter_is_forgiven_only_where_nobody_has_the_word() -> None:
    mail = [vocabulary(body=body) for body in ("my word", "my work")]
    assert ranked(Fuzzy(Where.TEXT, "work"), *mail).keys() == {2}
    assert ranked(Fuzzy(Where.TEXT, "worj"), *mail).keys() == {1, 2}


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("lantern", "The lanterns were swinging, and it was dark."),
        ("swing", "The lanterns were swinging, and it was dark."),
        ("vereinbarung", "Die Vereinbarungen sind nicht mit dem Vertrag zu verwechseln."),
        ("cheval", "Le cheval est dans les champs avec des chevaux."),
        ("книга", "Это была книги и не на полке."),
        ("muller", "Frau Müller"),
        ("Müller", "Frau Muller"),
        ("smorrebrod", "Smørrebrød til alle"),
        ("strasse", "Hohe Straße 5"),
        ("invoi", "Your invoice"),
        ("invocie", "Your invoice"),
        ("見積", "お見積書です"),
        ("ＷＩＤＥ", "wide"),
        ("the invoice", "invoice"),
    ],
)
def test_words_are_found_in_other_forms(text: str, body: str) -> None:
    assert ranked(Fuzzy(Where.BODY, text), vocabulary(body=body)).keys() == {1}


def test_all_words_must_be_there_wherever() -> None:
    key = Fuzzy(Where.TEXT, "ann invoice")
    assert ranked(key, vocabulary("the invoice", **{"from": "Ann Lee <a@example.com>"})).keys() == {1}
    assert ranked(key, vocabulary("the invoice")) == {}


def test_a_key_looks_only_where_it_says() -> None:
    mail = vocabulary("lantern", subject="harbour", cc="granite@example.com")
    assert ranked(Fuzzy(Where.SUBJECT, "lantern"), mail) == {}
    assert ranked(Fuzzy(Where.BODY, "harbour"), mail) == {}
    assert ranked(Fuzzy(Where.TO, "granite"), mail) == {}
    assert ranked(Fuzzy(Where.CC, "granite"), mail) == {1: HIGHEST}


def test_the_better_the_place_and_the_likeness_the_higher_the_score() -> None:
    mail = [
        vocabulary(subject="Lantern"),
        vocabulary(subject="x", body="A lantern, one more lantern, and the lantern of the harbour"),
        vocabulary(body="a lantern"),
        vocabulary(body="the lanterns and the sea"),
        vocabulary(body="a lanternfish"),
    ]
    found = ranked(Fuzzy(Where.TEXT, "lantern"), *mail)
    assert sorted(found, key=found.__getitem__, reverse=True) == [1, 2, 3, 4, 5]
    assert found[1] == HIGHEST
    assert all(1 <= score <= HIGHEST for score in found.values())


def test_the_worst_match_has_the_lowest_score() -> None:
    attached = Vocabulary()
    attached.add_attachment("lantarn")
    assert ranked(Fuzzy(Where.TEXT, "lantern"), attached) == {1: 1}


def test_one_letter_may_be_wrong_but_not_the_first() -> None:
    assert all(is_typo("lantern", typed) for typed in ("lantarn", "latern", "lanterns", "lanternx", "lantenr"))
    assert not any(is_typo("lantern", typed) for typed in ("lantern", "kantern", "ltrn", "lanetrns", ""))


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("english", "the figures that you asked for are in this letter"),
        ("german", "die Zahlen, nach denen wir gefragt haben, sind im Brief mit dem Plan"),
        ("french", "les chiffres que vous avez demandés sont dans la lettre"),
        ("spanish", "los datos que pidió el cliente son para la carta"),
        ("russian", "это то, что я не видел, и как это было"),
        ("greek", "φανάρι στο λιμάνι"),
        ("", "12345 xyz"),
    ],
)
def test_small_words_tell_the_language(language: str, text: str) -> None:
    counts: dict[str, int] = {}
    for word, times in words_of(text):
        counts[word.spelled] = counts.get(word.spelled, 0) + times
    assert language_of(counts) == language


def test_ascii_is_cut_into_words_as_all_texts_are_and_they_are_counted_alike() -> None:
    dice, words = random.Random("words"), 0
    for _ in range(2_000):
        text = "".join(dice.choices("abcXYZ09_-.,'\"\r\n\t \x1c\x00é日本\u0301", k=dice.randrange(40)))
        plain, others = count_words(text)
        assert sorted([(Word(word, word), times) for word, times in plain.items()] + others) == sorted(words_of(text))
        plain_text = "".join(filter(str.isascii, text))
        assert list(words_of(plain_text)) == list(words_of(plain_text + " ä"))[:-1], text
        words += len(plain)
    assert words > 3_000


def test_words_with_and_without_marks_are_often_there_together() -> None:
    assert vocabulary("café, Café and cafe").terms()[Place.OFTEN] == {"cafe"}
    assert vocabulary("café and cafe").terms()[Place.OFTEN] == set()


def test_what_an_index_keeps_is_what_a_message_is_asked_for() -> None:
    terms = vocabulary("The lanterns are swinging, and it was dark.", subject="Müller").terms()
    assert terms[Place.SUBJECT] == {"muller"}
    assert {"lanterns", "=english=lantern", "=english=swing"} <= terms[Place.BODY]
    assert "=english=lantern" in Fuzzy(Where.TEXT, "lantern").words[0].stems


def test_endless_needles_and_bodies_are_cut() -> None:
    key = Fuzzy(Where.TEXT, "a1 b2 c3 " * 10_000 + "x" * 100_000)
    assert len(key.words) == 3
    assert key.hit(vocabulary("y" * 5_000_000 + " a1 b2 c3")) is None
    assert Fuzzy(Where.TEXT, "x" * 100_000).words == ()
    assert Fuzzy(Where.TEXT, "!?").words == ()


def test_scores_of_nothing_are_none() -> None:
    assert scores(Fuzzy(Where.TEXT, "lantern"), {}) == {}
    assert scores(Fuzzy(Where.TEXT, "lantern"), {7: Hit((0,), (30,)), 8: Hit((60,), (0,))}).keys() == {8}
