"""Arguments that many tests share: match types, comparators, parts of addresses, :index.

Must never: be a test itself. RFC 5228 sections 2.7 and 2.7.4, RFC 5231, RFC 5233, RFC 5260 section 6.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeVar

from pillarbox.sieve.errors import Place
from pillarbox.sieve.matching import (
    ASCII_CASEMAP,
    ASCII_NUMERIC,
    COMPARATORS,
    RELATIONS,
    UNICODE_CASEMAP,
    Wildcards,
    fold,
    order,
)
from pillarbox.sieve.message import Field, MailAddress, addresses
from pillarbox.sieve.run import Run
from pillarbox.sieve.script import Call, Checker, Kind, Tag
from pillarbox.sieve.text import Text

T = TypeVar("T")

_RELATIONS: Final = frozenset(RELATIONS)
_COMPARISON: Final = 20
"""Steps for two texts put in order, besides one for each character."""
_ANY_CHARACTER: Final = 500
"""Steps for a "?" when a pattern is made ready; it takes some microseconds."""
_FOLDING: Final = 50
"""Steps for a character beyond ASCII that is folded by itself (i;unicode-casemap with wildcards)."""
MATCH_TAGS: Final = (
    Tag("is", group="match"),
    Tag("contains", group="match"),
    Tag("matches", group="match"),
    Tag("count", Kind.STRING, "relational", "match", choices=_RELATIONS),
    Tag("value", Kind.STRING, "relational", "match", choices=_RELATIONS),
    Tag("comparator", Kind.STRING),
)
ADDRESS_TAGS: Final = (
    Tag("all", group="part"),
    Tag("localpart", group="part"),
    Tag("domain", group="part"),
    Tag("user", extension="subaddress", group="part"),
    Tag("detail", extension="subaddress", group="part"),
)
INDEX_TAGS: Final = (Tag("index", Kind.NUMBER, "index"), Tag("last", extension="index", needs="index"))

_field_name = re.compile(r"[!-9;-~]+")


def check_match(call: Call, checker: Checker) -> None:
    """Comparator known, required, and fit for the match type."""
    text = call.tag_text("comparator")
    if text is None:
        return
    name = text.constant
    if name not in COMPARATORS:
        checker.mistake(text.place, f'there is no comparator "{text.source[:60]}"; there are: {" ".join(COMPARATORS)}')
    elif name not in COMPARATORS[:2] and not checker.has(f"comparator-{name}"):
        checker.mistake(text.place, f'"{name}" needs require "comparator-{name}"; at the top')
    elif name == ASCII_NUMERIC and ("contains" in call.tags or "matches" in call.tags):
        checker.mistake(text.place, f"{ASCII_NUMERIC} compares numbers; it knows no :contains and no :matches")


def check_field_name(text: Text, checker: Checker) -> None:
    if text.constant is not None and not _field_name.fullmatch(text.constant):
        checker.mistake(text.place, f'"{text.source[:60]}" can\'t be the name of a header field')


def is_field_name(name: str) -> bool:
    return _field_name.fullmatch(name) is not None


def matches(run: Run, call: Call, values: Iterable[str], keys: Sequence[Text]) -> bool:
    """Whether any value matches any key, as the call's tags say; :matches fills the match variables."""
    return _matches(run, call, values, keys, None)


def matches_quietly(run: Run, call: Call, values: Iterable[str], keys: Sequence[Text]) -> bool:
    """The same without match variables (RFC 5173 section 6)."""
    before = run.matches
    found = _matches(run, call, values, keys, None)
    run.matches = before
    return found


def matches_counted(run: Run, call: Call, values: Iterable[str], keys: Sequence[Text], count: int) -> bool:
    """The same where :count counts something else than values."""
    return _matches(run, call, values, keys, count)


def _matches(run: Run, call: Call, values: Iterable[str], keys: Sequence[Text], count: int | None) -> bool:
    named = call.tag_text("comparator")
    comparator = ASCII_CASEMAP if named is None else named.source
    wanted = run.expand_all(keys)
    if (relation := call.tag_text("count")) is not None:
        number = sum(1 for _ in values) if count is None else count
        run.spend(_COMPARISON * len(wanted))
        return _compare(relation.source, [str(number)], wanted, ASCII_NUMERIC)
    if (relation := call.tag_text("value")) is not None:
        return _compare(relation.source, _paid(run, values, len(wanted)), wanted, comparator)
    if "matches" in call.tags:
        return _match_wildcards(run, values, wanted, comparator)
    if comparator == ASCII_NUMERIC:
        return _compare("eq", _paid(run, values, len(wanted)), wanted, comparator)
    folded = [fold(key, comparator) for key in wanted]
    for value in values:
        held = fold(value, comparator)
        for key in folded:
            run.spend(len(held) + len(key) if "contains" in call.tags else min(len(held), len(key)) + 1)
            if key in held if "contains" in call.tags else key == held:
                return True
    return False


def _paid(run: Run, values: Iterable[str], keys: int) -> Iterator[str]:
    """The values, each to be compared with so many keys."""
    for value in values:
        run.spend((len(value) + _COMPARISON) * max(1, keys))
        yield value


def _compare(relation: str, values: Iterable[str], keys: Sequence[str], comparator: str) -> bool:
    compare = RELATIONS[relation.lower()]
    orders = [order(key, comparator) for key in keys]
    return any(compare(order(value, comparator), key) for value in values for key in orders)


def _match_wildcards(run: Run, values: Iterable[str], keys: Sequence[str], comparator: str) -> bool:
    run.spend(sum(10 * len(key) + _ANY_CHARACTER * key.count("?") for key in keys))
    patterns = [Wildcards(key, comparator) for key in keys]
    for value in values:
        folding = _FOLDING * len(value) if comparator == UNICODE_CASEMAP and not value.isascii() else 0
        for pattern in patterns:
            run.spend((len(value) + 1) * pattern.cost + folding)
            found = pattern.match(value)
            if found is not None:
                run.matches = found
                return True
    return False


def indexed(call: Call, found: Sequence[T]) -> Sequence[T]:
    """What :index and :last choose of things in order; all without :index."""
    number = call.tag_number("index")
    if number is None:
        return found
    chosen = list(reversed(found)) if "last" in call.tags else list(found)
    return chosen[number - 1 : number] if number else []


def fields_named(run: Run, call: Call, names: Iterable[str]) -> Sequence[Field]:
    """The fields of these names, counted as RFC 5260 section 6 says."""
    found: list[Field] = []
    for name in names:
        run.spend(20 * run.message.field_count)
        found += run.message.fields(name)
    chosen = indexed(call, found)
    for field in chosen:
        run.spend(120 + 5 * len(field.raw))
    return chosen


def address_parts(run: Run, call: Call, raw_values: Iterable[bytes]) -> Iterator[str]:
    """The part asked for of each address."""
    for raw_value in raw_values:
        run.spend(10 * len(raw_value))
        for address in addresses(raw_value):
            part = address_part(call, address, run.environment.separator)
            if part is not None:
                yield part


def address_part(call: Call, address: MailAddress, separator: str) -> str | None:
    """None for the :detail of an address that has none (RFC 5233 section 4)."""
    if "localpart" in call.tags:
        return address.local_part
    if "domain" in call.tags:
        return address.domain
    user, found, detail = address.local_part.partition(separator)
    if "user" in call.tags:
        return user
    if "detail" in call.tags:
        return detail if found else None
    return str(address)


def constant_of(text: Text, checker: Checker, place: Place, what: str) -> str | None:
    """The text of a string in which no variable may stand."""
    if text.constant is None:
        checker.mistake(place, f"no variable can stand in {what}")
    return text.constant
