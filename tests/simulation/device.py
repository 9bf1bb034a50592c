"""One device: it logs in, opens mailboxes, catches up with what it missed, and goes away.

Must never: learn anything but from the server's responses.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.grammar import Dialect, parse_response
from tests.grammar.tree import Code, ESearch, Exists, Fetch, Numbers, Response, Search, Status, Vanished
from tests.simulation.link import Address, Link, Tape
from tests.simulation.view import Kind, Message, Snapshot, View

EXPECTED_REFUSALS = {
    *("TRYCREATE", "NONEXISTENT", "ALREADYEXISTS", "EXPUNGEISSUED", "HASCHILDREN"),
    # of a mailbox that is open read-only
    *("READ-ONLY", "NOPERM", "CANNOT"),
}


@dataclass(slots=True)
class Answer:
    """How a command ended, and all that was said on the way."""

    condition: str
    code: Code | None
    said: list[Response] = field(default_factory=list)


class Device:
    """One person's device on the account."""

    def __init__(self, kind: Kind, server: Address, login: tuple[str, str], tape: Tape) -> None:
        self.kind = kind
        self.view: View | None = None
        self.remembered: dict[str, Snapshot] = {}
        """By name, of devices that know mod-sequences."""
        self.commands = 0
        self.idling = False
        self._server, self._login, self._tape = server, login, tape
        self._link: Link | None = None
        self._running: str | None = None
        self._opening: View | None = None

    # --- talking ---------------------------------------------------------------------------------

    @property
    def is_online(self) -> bool:
        return self._link is not None

    async def command(self, text: str, literal: bytes | None = None) -> Answer:
        """Send one command and take in everything up to its tagged answer, which is never BAD."""
        assert not self.idling
        await self._start(text, literal)
        answer = await self._finish()
        assert answer.condition != "BAD", f"BAD: {text}"
        if answer.condition == "NO" and not (answer.code is None and self.view is not None and self.view.read_only):
            assert answer.code is not None, f"NO without a reason: {text}"
            assert answer.code.name in EXPECTED_REFUSALS, f"{answer.code.name}: {text}"
        return answer

    async def _start(self, text: str, literal: bytes | None = None) -> None:
        assert self._link is not None
        self.commands += 1
        self._running = text
        if self.view is not None:
            self.view.flags_told.clear()
        data = f"t{self.commands} {text}".encode()
        if literal is not None:
            data += b" {%d+}\r\n%b" % (len(literal), literal)
        await self._link.send(data + b"\r\n")

    async def _finish(self) -> Answer:
        answer = Answer("", None)
        while not answer.condition:
            response = await self._hear()
            answer.said.append(response)
            if isinstance(response, Status) and response.tag is not None:
                assert response.tag == f"t{self.commands}"
                answer.condition, answer.code = response.condition, response.code
        self._running = None
        self._reckon(answer.said)
        return answer

    async def _hear(self) -> Response:
        assert self._link is not None
        utf8 = "IMAP4REV2" in self.kind.enables
        response = parse_response(await self._link.response(), Dialect.UTF8 if utf8 else Dialect.ASCII)
        if isinstance(response, Status):
            assert response.condition != "BYE" or self._running == "LOGOUT", "BYE"
            assert response.code is None or response.code.name != "SERVERBUG", "SERVERBUG"
        elif self._opening is None and self.view is not None:
            self.view.take(response, self._running)
        else:
            assert self._opening is not None or not isinstance(response, (Exists, Fetch, Vanished)), "none is open"
        return response

    def _reckon(self, said: list[Response]) -> None:
        """RFC 7162 section 6: HIGHESTMODSEQ when it was told, else the greatest MODSEQ since the last tagged answer."""
        view = self.view
        if view is None or self._opening is not None:
            return
        codes = [each.code for each in said if isinstance(each, Status) and each.code is not None]
        told = [int(str(code.arguments[0])) for code in codes if code.name == "HIGHESTMODSEQ"]
        seen = [each.items["MODSEQ"] for each in said if isinstance(each, Fetch) and "MODSEQ" in each.items]
        numbers = [each for each in seen if isinstance(each, int)]
        view.highest_modseq = told[-1] if told else max([view.highest_modseq, *numbers])

    async def begin_idle(self) -> None:
        """IDLE, up to the go-ahead; what comes later is read when it ends."""
        assert self._link is not None
        await self._start("IDLE")
        raw = await self._link.response()
        assert raw.startswith(b"+ "), raw
        self.idling = True

    async def end_idle(self) -> None:
        if self.idling:
            assert self._link is not None
            await self._link.send(b"DONE\r\n")
            answer = await self._finish()
            assert answer.condition == "OK"
            self.idling = False

    # --- coming and going ------------------------------------------------------------------------

    async def connect(self) -> None:
        """Log in, and open again what was open before."""
        self._link = await Link.open(self.kind.name, self._tape, self._server)
        await self._link.response()
        if "compress" in self.kind.habits:
            await self._log_in()
            await self.command("COMPRESS DEFLATE")
            self._link.compress()
        else:
            await self._log_in()
        if self.kind.enables:
            answer = await self.command(f"ENABLE {' '.join(sorted(self.kind.enables))}")
            assert answer.condition == "OK"

    async def _log_in(self) -> None:
        user, password = self._login
        answer = await self.command(f'LOGIN {user} "{password}"')
        assert answer.condition == "OK"

    async def leave(self) -> None:
        """In order, with LOGOUT."""
        await self.end_idle()
        self._remember()
        await self.command("LOGOUT")
        await self._lose()

    async def vanish(self, last_words: str = "") -> None:
        """In the middle of whatever it did; `last_words` is sent, and nobody waits for its answer."""
        self._remember()
        if last_words and not self.idling:
            await self._start(last_words)
        await self._lose()

    async def _lose(self) -> None:
        assert self._link is not None
        await self._link.drop()
        self._link, self.view, self.idling, self._running = None, None, False, None

    def _remember(self) -> None:
        if self.view is not None and self.kind.knows_modseqs:
            self.remembered[self.view.name] = self.view.snapshot()

    # --- opening ---------------------------------------------------------------------------------

    async def close(self, verb: str) -> None:
        """CLOSE or UNSELECT. What CLOSE expunged silently is not in what is remembered."""
        if verb == "UNSELECT":
            self._remember()
        answer = await self.command(verb)
        assert answer.condition == "OK"
        self.view = None

    async def open(self, name: str, verb: str = "SELECT") -> bool:
        """SELECT or EXAMINE, and catch up. Whether there is such a mailbox."""
        self._remember()
        before = self.remembered.get(name)
        parameter = ""
        if before is not None and self.kind.has_qresync:
            parameter = f" (QRESYNC ({before.uidvalidity} {before.highest_modseq}))"
        view = self._opening = View(self.kind, name, verb == "EXAMINE")
        answer = await self.command(f"{verb} {name}{parameter}")
        self.view, self._opening = None, None
        if answer.condition != "OK":
            self.remembered.pop(name, None)
            return False
        self.view = view
        gone, changed = self._note_state(view, answer.said)
        if before is None or before.uidvalidity != view.uidvalidity:
            assert not gone, "VANISHED of a mailbox that is not the one that was asked for"
        elif self.kind.has_qresync:
            view.remember(before, gone, changed)
        else:
            await self._compare(view, before)
        await self.learn()
        return True

    def _note_state(self, view: View, said: list[Response]) -> tuple[Numbers, list[Fetch]]:
        """What SELECT said."""
        gone: Numbers = ()
        changed: list[Fetch] = []
        for response in said:
            match response:
                case Exists(count):
                    view.messages = [Message() for _ in range(count)]
                case Status(code=Code("UIDVALIDITY", (int(validity),))):
                    view.uidvalidity = validity
                case Status(code=Code("HIGHESTMODSEQ", (int(modseq),))):
                    view.highest_modseq = modseq
                case Status(code=Code("MAILBOXID", (mailbox_id,))):
                    view.mailbox_id = str(mailbox_id)
                case Vanished(earlier, uids):
                    assert earlier, "VANISHED without (EARLIER) in the answer to SELECT"
                    gone += uids
                case Fetch():
                    changed.append(response)
                case _:
                    pass
        assert view.uidvalidity
        assert view.mailbox_id
        assert not changed or gone or self.kind.has_qresync, "FETCH in the answer to a plain SELECT"
        return gone, changed

    async def _compare(self, view: View, before: Snapshot) -> None:
        """CONDSTORE alone (RFC 7162 section 6, RFC 4549 section 6.1): which are there still, what changed in them."""
        if not view.messages or not before.messages:
            return
        await self.command(f"FETCH 1:{len(view.messages)} (UID)")
        for one in view.messages:
            if one.uid in before.messages and one.flags is None:
                flags, modseq = before.messages[one.uid]
                one.flags, one.modseq = flags, max(one.modseq, modseq)
        last = max(before.messages)
        await self.command(f"UID FETCH 1:{last} (FLAGS) (CHANGEDSINCE {max(before.highest_modseq, 1)})")

    async def learn(self) -> None:
        """Ask for what is not known of messages: arrivals."""
        view = self.view
        assert view is not None
        unknown = [at for at, one in enumerate(view.messages) if not one.is_known(self.kind)]
        if not unknown:
            return
        items = "(UID FLAGS MODSEQ)" if self.kind.knows_modseqs else "(UID FLAGS)"
        if self.kind.by_uid_only:
            await self.command(f"UID FETCH {view.complete_to + 1}:* {items}")
        else:
            await self.command(f"FETCH {unknown[0] + 1}:{len(view.messages)} {items}")

    async def catch_up(self) -> None:
        """Whatever it does, after this it knows all that is."""
        if not self.is_online:
            await self.connect()
        await self.end_idle()
        await self.command("NOOP")
        if self.view is not None:
            await self.learn()

    @staticmethod
    def numbers(answer: Answer) -> list[int]:
        """What SEARCH found."""
        found: list[int] = []
        for each in answer.said:
            if isinstance(each, Search):
                found += each.numbers
            elif isinstance(each, ESearch):
                pairs = each.values.get("ALL", ())
                assert isinstance(pairs, tuple)
                for pair in pairs:
                    assert isinstance(pair, tuple)
                    found += range(pair[0], pair[1] + 1)
        return found
