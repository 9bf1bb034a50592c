"""What the index says of searches that forgive: the same as reading each message."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path

import apsw
import pytest

from pillarbox.mail.flags import DELETED, FlagAction
from pillarbox.mime.digest import digest
from pillarbox.search.fuzzy import Fuzzy, Vocabulary, Where, scores
from pillarbox.store.contract import AccountStore, NewMessage
from pillarbox.store.searchable import MessageBody, MessageHeader, vocabulary_read
from pillarbox.store.sqlite.account_indexer import Turn
from pillarbox.store.sqlite.contents import InlineContent
from pillarbox.store.sqlite.fuzzy_index import add_attachment_text
from pillarbox.store.sqlite.index import INDEX_NAME
from pillarbox.store.sqlite.index_settings import IndexSettings
from tests.search.samples import samples
from tests.store.conftest import OpenStore, account_folder
from tests.store.test_index import DATE, filled, index_all, indexer_of, letter

MAIL = [raw for raw, _ in samples()]
MAIL += [
    path.read_bytes().replace(b"\n", b"\r\n") for path in sorted((Path(__file__).parents[2] / "samples").glob("*.eml"))
]
MAIL += [
    b"From: Ann <ann@example.com>\r\nSubject: " + subject + b"\r\n\r\n" + body
    for subject, body in (
        (b"Lanterns", b"The lanterns were swinging and it was dark in the harbour."),
        (b"Rechnung", b"Die Rechnungen sind nicht im Anhang, und das ist der Stand."),
        (b"lantern", b"lantern lantern lantern"),
    )
]


def vocabulary(raw: bytes) -> Vocabulary:
    parts = digest(raw).parts
    end = raw.find(b"\r\n\r\n")
    header = raw if end < 0 and not raw.startswith(b"\r\n") else raw[: end + 4 if not raw.startswith(b"\r\n") else 2]
    return vocabulary_read(MessageHeader(header), MessageBody(parts, InlineContent(raw)))


def needles(dice: random.Random, vocabularies: list[Vocabulary]) -> list[str]:
    """Words of the mail, beginnings, words typed wrong, and pairs."""
    words = sorted({spelled for one in vocabularies for _, _, spelled in one.words()})
    chosen = dice.sample(words, 60)
    cut = [word[: len(word) - 2] for word in chosen if len(word) > 5]
    typed = [word[:2] + "x" + word[3:] for word in chosen if len(word) > 4]
    pairs = [" ".join(dice.sample(sorted({s for _, _, s in one.words()}), 2)) for one in vocabularies[-40:]]
    return [*chosen, *cut, *typed, *pairs, "zzgargoyle", "Rechnung", "lanterns", "swing"]


async def scored(account: AccountStore, key: Fuzzy) -> Mapping[int, int]:
    box = (await account.find("INBOX")).id
    hits = await account.fuzzy_hits(box, key, (await account.image(box)).uids)
    assert list(hits.unread) == []
    return scores(key, hits.found)


async def test_the_index_scores_as_reading_does(opening: OpenStore, tmp_path: Path) -> None:
    account = await filled(opening, [NewMessage(raw, DATE) for raw in MAIL])
    index_all(tmp_path / "mail")
    vocabularies = list(map(vocabulary, MAIL))
    found_any = 0
    for where in (Where.TEXT, Where.BODY, Where.SUBJECT, Where.FROM):
        for text in needles(random.Random(where.name), vocabularies):
            key = Fuzzy(where, text)
            read = {uid: hit for uid, one in enumerate(vocabularies, 1) if (hit := key.hit(one)) is not None}
            assert await scored(account, key) == scores(key, read), (where, text)
            found_any += len(read)
    assert found_any > 300


async def test_what_is_not_indexed_yet_is_told(opening: OpenStore, tmp_path: Path) -> None:
    account = await filled(opening, [letter("Lantern", "")])
    box = (await account.find("INBOX")).id
    key = Fuzzy(Where.TEXT, "lantern")
    assert list((await account.fuzzy_hits(box, key, [1])).unread) == [1]
    index_all(tmp_path / "mail")
    await account.append(box, [letter("Lantern", "")])
    hits = await account.fuzzy_hits(box, key, [1, 2])
    assert ([*hits.found], list(hits.unread)) == ([1], [2])


async def test_texts_too_large_for_exact_searches_have_their_words_indexed(opening: OpenStore, tmp_path: Path) -> None:
    account = await filled(opening, [letter("x", "lantern " + "sea " * 500)])
    index_all(tmp_path / "mail", IndexSettings(text_bytes=1_000))
    assert (await account.text_index_state()).always_read == 1
    assert (await scored(account, Fuzzy(Where.BODY, "lanterns"))).keys() == {1}


async def test_texts_of_attachments_come_later(opening: OpenStore, tmp_path: Path) -> None:
    account = await filled(opening, [letter("x", "nothing"), letter("y", "nothing")])
    index_all(tmp_path / "mail")
    with apsw.Connection(str(account_folder(tmp_path / "mail") / INDEX_NAME)) as index:
        add_attachment_text(index, 2, "The ledgers of the harbour are in this file and not in that one")
    assert (await scored(account, Fuzzy(Where.TEXT, "ledger"))).keys() == {2}
    assert (await scored(account, Fuzzy(Where.BODY, "lodgers"))).keys() == {2}, "a letter is wrong"
    assert await scored(account, Fuzzy(Where.SUBJECT, "ledger")) == {}


async def test_words_of_messages_that_are_gone_are_swept(opening: OpenStore, tmp_path: Path) -> None:
    account = await filled(opening, [letter("x", "lantern"), letter("y", "lantern")])
    index_all(tmp_path / "mail")
    box = (await account.find("INBOX")).id
    await account.store_flags(box, [2], FlagAction.ADD, frozenset({DELETED}))
    await account.expunge(box)
    assert indexer_of(tmp_path / "mail").sweep_turn() is Turn.FINISHED
    with apsw.Connection(str(account_folder(tmp_path / "mail") / INDEX_NAME)) as index:
        assert index.execute("SELECT rowid FROM fuzzy_terms WHERE fuzzy_terms MATCH 'lantern'").fetchall() == [(1,)]


@pytest.mark.parametrize(
    "text", ['"', "a AND OR", "NEAR(a b)", "subject : x", "x*", "^a", "=english=lantern", "a\x00b"]
)
async def test_signs_of_the_index_s_own_language_mean_nothing(opening: OpenStore, tmp_path: Path, text: str) -> None:
    account = await filled(opening, [letter("x", "granite")])
    index_all(tmp_path / "mail")
    assert await scored(account, Fuzzy(Where.BODY, text)) == {}
