"""The sample mail, asked as people ask: what comes first must be what anybody would have put there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from pillarbox.clock import HeldClock
from pillarbox.events import NoEvents
from pillarbox.mime.digest import digest
from pillarbox.store.contract import AccountId, StoreLimits
from pillarbox.store.sqlite import IndexSettings, open_store
from pillarbox.store.sqlite.account_indexer import AccountIndexer, Turn
from tests.search.talk import Talk, letter
from tests.store.conftest import account_folder

FOLDER = Path(__file__).parents[2] / "samples"
PATHS = sorted(FOLDER.rglob("*.eml"))
NAMES = [str(path.relative_to(FOLDER)) for path in PATHS]
MAIL = [letter(path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")) for path in PATHS]
"""As it travels; some of the files have bare line feeds."""


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["read", "indexed"])
async def talk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Talk]:
    if request.param == "read":
        yield await Talk.open(MAIL)
        return
    folder = tmp_path_factory.mktemp("relevance") / "mail"
    clock = HeldClock()
    store = await open_store(folder, StoreLimits(), clock, NoEvents())
    account = await store.open(AccountId("someone"))
    await account.append((await account.find("INBOX")).id, MAIL)
    while AccountIndexer(account_folder(folder), digest, IndexSettings(), NoEvents()).add_turn() is not Turn.FINISHED:
        pass
    talk = Talk(store, clock, account)
    await talk.say(b"s SELECT INBOX")
    yield talk
    await store.close()


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("asked", "first"),
    [
        ("keys lighthouse", "31-pgp-signed.eml"),
        ("selling the lighthouse", "02-lighthouse-1.eml"),
        ("invited", "14-emoji.eml"),
        ("invitations hearing", "20-invitation.eml"),
        ("tickets coast", "Archive/2025/01-tickets.eml"),
        ("lighthose lint", "Lists/05-mail-dev.eml"),
        ("undeliverd", "21-delivery-failed.eml"),
        ("Strassenbahn", "06-deutsch.eml"),
        ("Konigsbrucke", "06-deutsch.eml"),
        ("Buch Leuchtturm", "16-utf8-headers.eml"),
        ("Vertrag Freitag", "17-attachments-rfc2231.eml"),
        ("reunion ete", "07-francais.eml"),
        ("dirección nueva", "32-vcard.eml"),
        ("skargarden", "15-8bit-raw-headers.eml"),
        ("маяки", "11-russki-koi8.eml"),
        ("φαρος", "13-ellinika.eml"),
        ("המגדלור", "33-hebrew-visual.eml"),
        ("المنارة", "12-arabi.eml"),
        ("会議", "08-nihongo.eml"),
        ("燈塔", "10-zhongwen-utf8.eml"),
        ("灯塔", "09-zhongwen-gb18030.eml"),
        ("灯台の写真", "灯台/01-shashin.eml"),
        ("등대", "34-korean.eml"),
    ],
)
async def test_what_comes_first_is_what_anybody_would_put_there(talk: Talk, asked: str, first: str) -> None:
    raw = asked.encode()
    said = await talk.say(b"a SORT (RELEVANCY) UTF-8 FUZZY TEXT ", raw, b"")
    line, done, _ = said.split(b"\r\n")
    assert done.startswith(b"a OK"), said
    names = [NAMES[int(number) - 1] for number in line.split()[2:]]
    assert names[:1] == [first], names
