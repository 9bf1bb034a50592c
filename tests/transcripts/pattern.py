"""Whether a response is the one that a transcript expects, up to what the RFCs leave open.

Works on a loose reading of both sides (words, strings, lists); that a response is legal at all is the business of
tests/grammar, which sees every one of them too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.transcripts.script import Text, literal_octets, octets

REST = "…"
_LITERAL = re.compile(rb"~?\{(\d+)\}\r\n")
Values = dict[str, str]


class Mismatch(Exception):
    """Not the expected response; says where they part."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """An atom or a string. A quoted string and a literal of the same octets are the same."""

    text: str
    is_atom: bool


Node = Leaf | list["Node"]


# --- reading -----------------------------------------------------------------------------------------


def flatten_response(raw: bytes) -> tuple[str, list[str]]:
    """A response as one line with `{}` for each literal, and the literals."""
    line = ""
    literals: list[str] = []
    at = 0
    while found := _LITERAL.search(raw, at):
        end = found.end() + int(found[1])
        line += raw[at : found.start()].decode("utf-8", "surrogateescape") + "{}"
        literals.append(raw[found.end() : end].decode("utf-8", "surrogateescape"))
        at = end
    return line + raw[at:].removesuffix(b"\r\n").decode("utf-8", "surrogateescape"), literals


def flatten_texts(texts: Sequence[Text]) -> tuple[str, list[str]]:
    """The same for what a transcript expects."""
    line = ""
    literals: list[str] = []
    for text in texts:
        piece = text.line
        if text.literal is not None:
            piece = re.sub(r"~?\{\}$", "{}", piece)
            literals.append(literal_octets(text.literal).decode("utf-8", "surrogateescape"))
        line += octets(piece).decode("utf-8", "surrogateescape")
    return line, literals


class _Words:
    """Splits a flat line into nodes."""

    def __init__(self, line: str, literals: list[str]) -> None:
        self.line = line
        self.literals = literals
        self.at = 0

    def nodes(self, until: str = "") -> list[Node]:
        found: list[Node] = []
        while self.at < len(self.line):
            character = self.line[self.at]
            if until and character == until:
                self.at += 1
                return found
            if character == " ":
                self.at += 1
            elif character == "(":
                self.at += 1
                found.append(self.nodes(")"))
            elif character == '"':
                found.append(self._quoted())
            elif self.line.startswith("{}", self.at):
                self.at += 2
                found.append(Leaf(self.literals.pop(0), False))
            else:
                found.append(self._atom())
        return found

    def _quoted(self) -> Leaf:
        found = re.compile(r'"((?:[^"\\]|\\.)*)"').match(self.line, self.at)
        if found is None:
            raise Mismatch(f"unbalanced quotes in {self.line!r}")
        self.at = found.end()
        return Leaf(re.sub(r"\\(.)", r"\1", found[1]), False)

    def _atom(self) -> Leaf:
        start, brackets = self.at, 0
        while self.at < len(self.line):
            character = self.line[self.at]
            if self.line.startswith("${", self.at):
                self.at = self.line.index("}", self.at)
            elif character == "[":
                brackets += 1
            elif character == "]":
                brackets -= 1
            elif brackets <= 0 and character in " ()":
                break
            self.at += 1
        if self.at == start:
            self.at += 1
        return Leaf(self.line[start : self.at], True)


# --- matching ----------------------------------------------------------------------------------------


class Matcher:
    """Compares one expected response with actual ones. `values` is only changed by a match."""

    def __init__(self, texts: Sequence[Text], values: Values) -> None:
        self.line, self.literals = flatten_texts(texts)
        self.values = values

    def check(self, raw: bytes) -> None:
        """Raises Mismatch."""
        values = dict(self.values)
        line, literals = flatten_response(raw)
        _match_response((self.line, list(self.literals)), (line, literals), values)
        self.values.clear()
        self.values.update(values)


Flat = tuple[str, list[str]]
_STATUS = re.compile(
    r"(?P<tag>\S+) (?P<condition>(?:OK|NO|BAD|BYE|PREAUTH)(?:/(?:OK|NO|BAD))*) (?P<rest>.*)$", re.DOTALL
)


def _match_response(expected: Flat, actual: Flat, values: Values) -> None:
    wanted, got = _STATUS.match(expected[0]), _STATUS.match(actual[0])
    if wanted and got:
        _match_text(wanted["tag"], got["tag"], values)
        if got["condition"] not in wanted["condition"].split("/"):
            raise Mismatch(f"{wanted['condition']} was due, not {got['condition']}")
        _match_resp_text(wanted["rest"], got["rest"], values)
        return
    if wanted or got:
        raise Mismatch("one is a status response, the other is not")
    if expected[0].startswith("+") or actual[0].startswith("+"):
        _match_text(expected[0], actual[0], values)
        return
    left, right = _Words(*expected).nodes(), _Words(*actual).nodes()
    _KINDS.get(_kind(right), _match_in_order)(left, right, values)


def _match_resp_text(expected: str, actual: str, values: Values) -> None:
    if expected.startswith("["):
        if not actual.startswith("["):
            raise Mismatch("a response code was due")
        code, _, expected = expected[1:].partition("] ")
        got, _, actual = actual[1:].partition("] ")
        left, right = _Words(code, []).nodes(), _Words(got, []).nodes()
        by_set = isinstance(right[0], Leaf) and right[0].text == "CAPABILITY"
        if len(left) > 1 and isinstance(left[1], list) and len(right) > 1 and isinstance(right[1], list):
            _match_in_order(left[:1], right[:1], values)
            _match_any_order(left[1], right[1], values)
        else:
            (_match_any_order if by_set else _match_in_order)(left, right, values)
    elif actual.startswith("[") and expected != REST:
        raise Mismatch("no response code was due")
    _match_text(expected, actual, values)


def _kind(nodes: list[Node]) -> str:
    for node in nodes[1:3]:
        if isinstance(node, Leaf) and not node.text.isdigit():
            return node.text
    return ""


def _match_text(expected: str, actual: str, values: Values) -> None:
    """Text with `…` and `${name}` in it."""
    pattern = ""
    names: list[str] = []
    for piece in re.split(r"(…|\$\{[^}]*\})", expected):
        if piece == REST:
            pattern += ".*"
        elif piece.startswith("${"):
            name = piece[2:-1]
            if name in values:
                pattern += re.escape(values[name])
            else:
                names.append(name)
                pattern += "(.+?)"
        else:
            pattern += re.escape(piece)
    found = re.fullmatch(pattern, actual, re.DOTALL)
    if found is None and not _same_numbers(expected, actual):
        raise Mismatch(f"{expected!r} was due, not {actual!r}")
    if found:
        values.update(zip(names, found.groups(), strict=True))


def _same_numbers(expected: str, actual: str) -> bool:
    """`1,2,3` and `1:3` say the same."""
    if not (re.fullmatch(r"[\d:,]+", expected) and re.fullmatch(r"[\d:,]+", actual)):
        return False
    return _expand(expected) == _expand(actual)


def _expand(numbers: str) -> list[int]:
    found: list[int] = []
    for piece in numbers.split(","):
        low, _, high = piece.partition(":")
        ends = sorted((int(low), int(high or low)))
        found += range(ends[0], ends[1] + 1)
    return found


def _match_node(expected: Node, actual: Node, values: Values) -> None:
    if isinstance(expected, Leaf):
        if expected.is_atom and expected.text == REST:
            return
        if not isinstance(actual, Leaf):
            raise Mismatch(f"{expected.text} was due, not a list")
        if _is_nil(expected) != _is_nil(actual) and not expected.text.startswith("${"):
            raise Mismatch(f"{expected.text!r} was due, not {actual.text!r} (NIL is no string)")
        _match_text(expected.text, actual.text, values)
        return
    if isinstance(actual, Leaf):
        raise Mismatch(f"a list was due, not {actual.text}")
    _match_in_order(expected, actual, values)


def _is_nil(leaf: Leaf) -> bool:
    return leaf.is_atom and leaf.text == "NIL"


def _is_rest(nodes: list[Node]) -> bool:
    return bool(nodes) and isinstance(nodes[-1], Leaf) and nodes[-1].is_atom and nodes[-1].text == REST


def _match_in_order(expected: list[Node], actual: list[Node], values: Values) -> None:
    if _is_rest(expected):
        expected = expected[:-1]
        actual = actual[: len(expected)]
    if len(expected) != len(actual):
        raise Mismatch(f"{len(expected)} members were due, not {len(actual)}")
    for left, right in zip(expected, actual, strict=True):
        _match_node(left, right, values)


def _match_any_order(expected: list[Node], actual: list[Node], values: Values) -> None:
    _match_groups([[node] for node in expected], [[node] for node in actual], values, _match_in_order)


def _match_pairs(expected: list[Node], actual: list[Node], values: Values) -> None:
    """Names and values, in any order; the value of FLAGS is a set."""

    def pairs(nodes: list[Node]) -> list[list[Node]]:
        tail: list[list[Node]] = []
        if _is_rest(nodes):
            nodes, tail = nodes[:-1], [nodes[-1:]]
        return [nodes[at : at + 2] for at in range(0, len(nodes), 2)] + tail

    _match_groups(pairs(expected), pairs(actual), values, _match_pair)


def _match_pair(expected: list[Node], actual: list[Node], values: Values) -> None:
    """Media types, encodings and parameter names are the same in any case, so bodies are compared so."""
    _match_node(expected[0], actual[0], values)
    left, right = expected[1:], actual[1:]
    if isinstance(actual[0], Leaf) and actual[0].text in ("BODY", "BODYSTRUCTURE"):
        left, right = _upper(left), _upper(right)
    flags = isinstance(expected[0], Leaf) and expected[0].text == "FLAGS"
    if flags and left and right and isinstance(left[0], list) and isinstance(right[0], list):
        _match_any_order(left[0], right[0], values)
    else:
        _match_in_order(left, right, values)


def _upper(nodes: list[Node]) -> list[Node]:
    return [Leaf(node.text.upper(), node.is_atom) if isinstance(node, Leaf) else _upper(node) for node in nodes]


def _match_groups(
    expected: list[list[Node]],
    actual: list[list[Node]],
    values: Values,
    match: Callable[[list[Node], list[Node], Values], None],
) -> None:
    open_end = bool(expected) and len(expected[-1]) == 1 and _is_rest(expected[-1])
    left_over = list(actual)
    for group in expected[:-1] if open_end else expected:
        for candidate in left_over:
            trial = dict(values)
            try:
                match(group, candidate, trial)
            except Mismatch:
                continue
            values.update(trial)
            left_over.remove(candidate)
            break
        else:
            raise Mismatch(f"{_show(group)} was due among {[_show(one) for one in left_over]}")
    if left_over and not open_end:
        raise Mismatch(f"{[_show(one) for one in left_over]} not due")


def _show(nodes: list[Node]) -> str:
    return " ".join(node.text if isinstance(node, Leaf) else f"({_show(node)})" for node in nodes)


def _match_flags(expected: list[Node], actual: list[Node], values: Values) -> None:
    _match_in_order(expected[:2], actual[:2], values)
    _match_any_order(_list(expected[2]), _list(actual[2]), values)


def _match_listed(expected: list[Node], actual: list[Node], values: Values) -> None:
    _match_in_order(expected[:2] + expected[3:5], actual[:2] + actual[3:5], values)
    _match_any_order(_list(expected[2]), _list(actual[2]), values)
    if len(expected) != len(actual):
        raise Mismatch("extended data were due or not due")
    if len(expected) > 5:
        _match_pairs(_list(expected[5]), _list(actual[5]), values)


def _match_status(expected: list[Node], actual: list[Node], values: Values) -> None:
    _match_in_order(expected[:3], actual[:3], values)
    _match_pairs(_list(expected[3]), _list(actual[3]), values)


def _match_fetch(expected: list[Node], actual: list[Node], values: Values) -> None:
    _match_in_order(expected[:3], actual[:3], values)
    _match_pairs(_list(expected[3]), _list(actual[3]), values)


def _match_esearch(expected: list[Node], actual: list[Node], values: Values) -> None:
    def split(nodes: list[Node]) -> tuple[list[Node], list[Node]]:
        at = 2
        while at < len(nodes):
            node = nodes[at]
            if isinstance(node, Leaf) and node.text != "UID":
                break
            at += 1
        return nodes[:at], nodes[at:]

    (left_head, left), (right_head, right) = split(expected), split(actual)
    _match_in_order(left_head, right_head, values)
    _match_pairs(left, right, values)


def _match_rest_as_set(expected: list[Node], actual: list[Node], values: Values) -> None:
    _match_in_order(expected[:2], actual[:2], values)
    _match_any_order(expected[2:], actual[2:], values)


def _list(node: Node) -> list[Node]:
    if isinstance(node, Leaf):
        raise Mismatch(f"a list was due, not {node.text}")
    return node


_KINDS: dict[str, Callable[[list[Node], list[Node], Values], None]] = {
    "FLAGS": _match_flags,
    "LIST": _match_listed,
    "LSUB": _match_listed,
    "STATUS": _match_status,
    "FETCH": _match_fetch,
    "ESEARCH": _match_esearch,
    "SEARCH": _match_rest_as_set,
    "CAPABILITY": _match_rest_as_set,
    "ENABLED": lambda expected, actual, values: _match_rest_as_set(_upper(expected), _upper(actual), values),
}
