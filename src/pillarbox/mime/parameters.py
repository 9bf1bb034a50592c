"""The values of structured Content-* fields: a token, then parameters, RFC 2231 continuations put together.

Must never: backtrack (all quantifiers that could are possessive) or look further than its limits. Tolerant where
mailers are sloppy: unquoted values may hold any special, empty and broken parameters are passed over.

RFC 2045 section 5.1, RFC 2183 section 2, RFC 2231 sections 3 and 4:

    content   = "Content-Type" ":" type "/" subtype *(";" parameter)
    parameter = attribute "=" value
    value     = token / quoted-string
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from pillarbox.mime.limits import MimeLimits

Parameters = list[tuple[bytes, bytes]]
"""Names as they were spelled, and values, in order."""

_TOKEN: Final = rb"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]++"
_media_type = re.compile(rb"\s*+(%b)\s*+/\s*+(%b)" % (_TOKEN, _TOKEN)).match
_first_token = re.compile(rb"\s*+(%b)" % _TOKEN).match
_only_token = re.compile(rb"\s*+(%b)\s*+" % _TOKEN).fullmatch
_parameter = re.compile(
    rb';\s*+([^\s=;"]++)\s*+=\s*+(?:"((?:[^"\\]++|\\.)*+)|([^;\s"]*+))[^;]*+',
    re.DOTALL,
)
_escaped = re.compile(rb"\\(.)", re.DOTALL)
_continued_name = re.compile(rb"(.+?)\*(\d{1,4})(\*?)", re.DOTALL).fullmatch
_comment_mark = re.compile(rb'["()\\]')


class MediaType(NamedTuple):
    """A Content-Type as it was spelled."""

    type: bytes
    subtype: bytes
    parameters: Parameters


class Disposition(NamedTuple):
    type: bytes
    parameters: Parameters


def without_comments(value: bytes) -> bytes:
    """The value with each (comment (nested or not)) replaced by a space; quoted strings are left alone.

    An unclosed comment reaches to the end; a backslash at the end escapes nothing.
    """
    if b"(" not in value:
        return value
    kept: list[bytes] = []
    depth = kept_to = resume = 0
    quoted = False
    for mark in _comment_mark.finditer(value):
        at = mark.start()
        if at < resume:
            continue
        character = mark[0]
        if character == b"\\":
            resume = at + 2
        elif depth == 0 and character == b'"':
            quoted = not quoted
        elif not quoted and character == b"(":
            if depth == 0:
                kept.append(value[kept_to:at])
            depth += 1
        elif depth and character == b")":
            depth -= 1
            kept_to = at + 1
    if depth == 0:
        kept.append(value[kept_to:])
    return b" ".join(kept)


def read_media_type(value: bytes, limits: MimeLimits) -> MediaType | None:
    """A Content-Type value, or None when it is not one (RFC 2045 section 5.2: then it is text/plain)."""
    value = without_comments(value[: limits.parameter_bytes])
    match = _media_type(value)
    if match is None:
        return None
    return MediaType(match[1], match[2], _read_parameters(value, match.end(), limits))


def read_disposition(value: bytes, limits: MimeLimits) -> Disposition | None:
    """A Content-Disposition value. One without a type is an attachment (RFC 2183 section 2.8); None when empty."""
    value = without_comments(value[: limits.parameter_bytes])
    match = _first_token(value)
    parameters = _read_parameters(value, match.end() if match else 0, limits)
    if match is None:
        return Disposition(b"attachment", parameters) if parameters else None
    return Disposition(match[1], parameters)


def read_encoding(value: bytes) -> bytes:
    """A Content-Transfer-Encoding value as it was spelled; `7bit` when it is not one token."""
    match = _only_token(without_comments(value[:1024]))
    return match[1] if match else b"7bit"


def read_languages(value: bytes, limits: MimeLimits) -> list[bytes]:
    """The tags of a Content-Language value (RFC 3282); pieces that can't be tags are passed over."""
    pieces = without_comments(value[: limits.parameter_bytes]).split(b",", limits.parameters)
    tags = [_first_token(piece) for piece in pieces[: limits.parameters]]
    return [tag[1] for tag in tags if tag]


def _read_parameters(value: bytes, start: int, limits: MimeLimits) -> Parameters:
    if value.find(b";", start) < 0:
        return []
    parameters: Parameters = []
    for match in _parameter.finditer(value, start):
        name, quoted, bare = match.groups()
        if quoted is None:
            parameters.append((name, bare))
        else:
            parameters.append((name, _escaped.sub(rb"\1", quoted) if b"\\" in quoted else quoted))
        if len(parameters) >= limits.parameters:
            break
    if any(b"*" in name for name, _ in parameters):
        return _joined(parameters)
    return parameters


def _joined(parameters: Parameters) -> Parameters:
    """RFC 2231 sections put together: `name*0`, `name*1` become `name`; when one of them is encoded, `name*`, its
    value still charset'language'percent-encoded, which is what clients decode. Series with gaps stay as they are."""
    plain: Parameters = []
    series: dict[bytes, dict[int, tuple[bytes, bytes, bytes]]] = {}
    for name, value in parameters:
        match = _continued_name(name)
        if match is None:
            plain.append((name, value))
            continue
        sections = series.setdefault(match[1].lower(), {})
        sections.setdefault(int(match[2]), (match[1], match[3], value))
    for sections in series.values():
        base = next(iter(sections.values()))[0]
        if sorted(sections) != list(range(len(sections))):
            plain.extend((b"%b*%d%b" % (name, at, star), value) for at, (name, star, value) in sections.items())
            continue
        ordered = [sections[at] for at in range(len(sections))]
        if any(star for _, star, _ in ordered):
            value = b"".join(value if star else _percent_encoded(value) for _, star, value in ordered)
            plain.append((base + b"*", value if ordered[0][1] else b"''" + value))
        else:
            plain.append((base, b"".join(value for _, _, value in ordered)))
    return plain


_unsafe = re.compile(rb"[^!#$&+\-.0-9A-Z^_`a-z{|}~]")


def _percent_encoded(value: bytes) -> bytes:
    return _unsafe.sub(lambda match: b"%%%02X" % match[0][0], value)
