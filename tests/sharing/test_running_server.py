"""What the command line grants and takes away is felt by sessions of every worker of a running server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.pillarbox_server import PillarboxServer
from tests.sharing.people import Person
from tests.transcripts.memory import PASSWORD
from tests.transcripts.tls import TlsStage

PATIENCE_SECONDS = 60.0
SESSIONS = 4
"""Enough that both workers have some."""


class Stage(TlsStage):
    """People are called as they are."""

    def person(self, name: str) -> str:
        return name


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PillarboxServer]:
    folder: Path = tmp_path_factory.mktemp("people")
    (folder / "people.csv").write_text("".join(f"{name},{PASSWORD}\n" for name in ("fred", "bob", "eve")))
    with PillarboxServer(workers=2) as running:
        running.command("user", "import", str(folder / "people.csv"))
        yield running


async def command(server: PillarboxServer, *words: str) -> None:
    await asyncio.to_thread(server.command, *words)


async def test_a_group_s_rights_come_and_go_with_it(server: PillarboxServer) -> None:
    stage = Stage(server, "fred", PASSWORD)
    async with asyncio.timeout(PATIENCE_SECONDS):
        fred = await Person.enter(stage, "fred")
        await fred.done("CREATE Recipes")
        await fred.done("APPEND Recipes {10+}\r\nSubject: x")
        await command(server, "group", "add", "family", "bob")
        await command(server, "acl", "set", "--user", "fred", "Recipes", "group:family", "lr")
        bobs = [await Person.enter(stage, "bob") for _ in range(SESSIONS)]
        for bob in bobs:
            assert "* 1 EXISTS" in await bob.done('SELECT "Other Users/fred/Recipes"')
            await bob.start("IDLE")
        await command(server, "group", "remove", "family", "bob")
        for bob in bobs:
            assert await bob.line() == "* 1 EXPUNGE"
            await bob.finish("DONE")
            assert (await bob.say('SELECT "Other Users/fred/Recipes"'))[-1] == "tag NO [NONEXISTENT] No such mailbox"
        for person in (fred, *bobs):
            await person.close()


async def test_everybody_sees_what_is_shared_with_anyone(server: PillarboxServer) -> None:
    stage = Stage(server, "fred", PASSWORD)
    await command(server, "shared", "create", "News")
    await command(server, "shared", "grant", "News", "anyone", "lrs")
    await command(server, "shared", "grant", "News", "eve", "lrswi")
    async with asyncio.timeout(PATIENCE_SECONDS):
        eve, bob = await Person.enter(stage, "eve"), await Person.enter(stage, "bob")
        assert (await bob.done('MYRIGHTS "Shared Folders/News"'))[0] == '* MYRIGHTS "Shared Folders/News" lrs'
        await bob.done('SELECT "Shared Folders/News"')
        await bob.start("IDLE")
        await eve.done('APPEND "Shared Folders/News" {10+}\r\nSubject: x')
        assert await bob.line() == "* 1 EXISTS"
        assert await bob.line() == "* 1 RECENT"
        await bob.finish("DONE")
        assert (await bob.say('APPEND "Shared Folders/News" {10+}\r\nSubject: x'))[-1].startswith("tag NO [NOPERM]")
        assert (await eve.say('LIST "" "Shared Folders/*"'))[-2].endswith('"Shared Folders/News"')
        for person in (eve, bob):
            await person.close()
