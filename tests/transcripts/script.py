"""Reads *.imap files (see the package's docstring) into steps. Must never: know a server."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path


class ScriptError(Exception):
    """A transcript that can't be read; carries file and line."""


@dataclass(slots=True)
class Text:
    """A line, or a literal, or (server) both.

    A client's line that ends in `{}`, `{+}` or `~{}` knows its literal for the size alone; the content is a Text of
    its own with an empty line, for it may be sent later.
    """

    line: str
    literal: list[str] | None = None


def octets(text: str) -> bytes:
    r"""As it goes over the wire: UTF-8, and `\xNN` for any octet."""
    return re.sub(rb"\\x([0-9a-f]{2})", lambda found: bytes([int(found[1], 16)]), text.encode())


def literal_octets(rows: list[str]) -> bytes:
    r"""The lines of a literal, each with CRLF, the last without when it ends in `\-`."""
    content = "".join(row + "\r\n" for row in rows)
    return octets(content.removesuffix("\\-\r\n"))


@dataclass(slots=True)
class Send:
    """What a client says in one go."""

    session: str
    texts: list[Text]
    line_number: int


@dataclass(slots=True)
class Answer:
    """One response that a server is to give."""

    texts: list[Text]
    line_number: int
    any_order: bool = False
    optional: bool = False

    def __str__(self) -> str:
        lines = []
        for text in self.texts:
            lines.append(text.line)
            lines += [f"| {line}" for line in text.literal or []]
        return "\n".join(lines)


@dataclass(slots=True)
class Expect:
    """What one session is to hear now, in order (but for neighbours with `any_order`)."""

    session: str
    answers: list[Answer]

    def last_block_is_open(self) -> bool:
        """Whether nobody could say when all has come."""
        last = self.answers[-1]
        if not last.any_order:
            return last.optional
        at = len(self.answers)
        while at and self.answers[at - 1].any_order:
            at -= 1
        return any(answer.optional for answer in self.answers[at:])


@dataclass(slots=True)
class Given:
    """Something the runner makes before the talk begins."""

    words: str
    literal: list[str]
    line_number: int


@dataclass(slots=True)
class Script:
    """A whole transcript."""

    path: Path
    title: str
    givens: list[Given] = field(default_factory=list)
    steps: list[Send | Expect] = field(default_factory=list)


_LINE = re.compile(r"(?:(?P<session>\w+) )?(?P<who>[CS])(?P<how>[:|]|[~?]{1,2})(?: (?P<text>.*))?$")
_LITERAL_AHEAD = re.compile(r"(?:^|[ (\]>~])~?\{\+?\}$")


def read_script(path: Path) -> Script:
    """Raises ScriptError where the file breaks the format."""
    lines = path.read_text(encoding="utf-8").split("\n")
    if not lines[0].startswith("# "):
        raise ScriptError(f"{path.name}:1: the first line says what the transcript is about")
    script = Script(path, lines[0][2:])
    for number, line in enumerate(lines, 1):
        try:
            _take_line(script, number, line)
        except ScriptError as error:
            raise ScriptError(f"{path.name}:{number}: {error}") from None
    for step in script.steps:
        if isinstance(step, Expect) and step.last_block_is_open():
            raise ScriptError(f"{path.name}: the lines at {step.answers[-1].line_number} end in one that may not come")
    return script


def _take_line(script: Script, number: int, line: str) -> None:
    if not line.strip() or line.startswith("#"):
        return
    if line.startswith("Given "):
        if script.steps:
            raise ScriptError("Given comes first")
        script.givens.append(Given(line[6:].strip(), [], number))
        return
    if line.startswith("|") and script.givens and not script.steps:
        script.givens[-1].literal.append(line[2:])
        return
    found = _LINE.match(line)
    if not found:
        raise ScriptError(f"neither a comment nor C:, S: or Given: {line}")
    session, text = found["session"] or "", found["text"] or ""
    if found["who"] == "C":
        if found["how"] not in ":|":
            raise ScriptError("a client's line is C: or C|")
        _client(script, session, found["how"], text, number)
    else:
        _server(script, session, found["how"], text, number)


def _client(script: Script, session: str, how: str, text: str, number: int) -> None:
    last = script.steps[-1] if script.steps else None
    same = isinstance(last, Send) and last.session == session
    if how == "|":
        _client_literal(script, session, text, number)
        return
    new = Text(text, [] if _LITERAL_AHEAD.search(text) else None)
    if isinstance(last, Send) and same:
        last.texts.append(new)
    else:
        script.steps.append(Send(session, [new], number))


def _client_literal(script: Script, session: str, row: str, number: int) -> None:
    owner = _last_send(script, session)
    if owner is None or owner.texts[-1].literal is None:
        raise ScriptError("C| without {} before it")
    literal = owner.texts[-1].literal
    literal.append(row)
    if owner.texts[-1].line:
        content = Text("", literal)
        if owner is script.steps[-1]:
            owner.texts.append(content)
        else:  # a synchronising literal: it goes out after the go-ahead
            script.steps.append(Send(session, [content], number))


def _last_send(script: Script, session: str) -> Send | None:
    for step in reversed(script.steps):
        if isinstance(step, Send) and step.session == session:
            return step
    return None


def _server(script: Script, session: str, how: str, text: str, number: int) -> None:
    last = script.steps[-1] if script.steps else None
    if not (isinstance(last, Expect) and last.session == session):
        last = Expect(session, [])
        script.steps.append(last)
    if how == "|":
        last.answers[-1].texts[-1].literal = (last.answers[-1].texts[-1].literal or []) + [text]
        return
    if last.answers and last.answers[-1].texts[-1].literal is not None and how == ":":
        last.answers[-1].texts.append(_server_text(text))
        return
    last.answers.append(Answer([_server_text(text)], number, "~" in how, "?" in how))


def _server_text(text: str) -> Text:
    return Text(text, [] if _LITERAL_AHEAD.search(text) else None)
