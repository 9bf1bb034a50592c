"""Questions to every process of a server."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

from pillarbox.events import NoEvents
from pillarbox.net.intercom import Answer, Answers, Intercom, Question, ask_all


class Place:
    def __init__(self, folder: Path, name: str) -> None:
        self.heard: list[Question] = []
        self.name = name
        self.intercom = Intercom(folder, self.respond, NoEvents())

    async def respond(self, question: Question) -> Answer:
        self.heard.append(question)
        if question.get("do") == "fail":
            raise RuntimeError
        return {"name": self.name}


async def ask(folder: Path, what: str) -> Answers:
    return await asyncio.to_thread(ask_all, folder, {"do": what})


async def test_all_are_asked_and_who_leaves_is_not(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    first, second = Place(folder, "a"), Place(folder, "b")
    assert (await ask(folder, "x")).said == []
    for place in (first, second):
        await place.intercom.open()
    answers = await ask(folder, "x")
    assert sorted(str(answer["name"]) for answer in answers.said) == ["a", "b"]
    assert first.heard == second.heard == [{"do": "x"}]
    assert all((each.stat().st_mode & 0o777) == 0o600 for each in folder.iterdir())
    await first.intercom.close()
    assert (await ask(folder, "x")).said == [{"name": "b"}]
    await second.intercom.close()
    assert list(folder.iterdir()) == []


async def test_what_a_killed_process_left_is_cleared_away(tmp_path: Path) -> None:
    left = tmp_path / "4711-00000000.intercom"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(left))
    assert (await ask(tmp_path, "x"), left.exists()) == (Answers([], 0), False)


async def test_one_that_fails_is_told_as_silent(tmp_path: Path) -> None:
    place = Place(tmp_path, "a")
    await place.intercom.open()
    assert await ask(tmp_path, "fail") == Answers([], 1)
    assert (await ask(tmp_path, "x")).said == [{"name": "a"}]
    await place.intercom.close()
