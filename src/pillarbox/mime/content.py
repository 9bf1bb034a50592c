"""What the Content-* fields of one entity say, with the defaults filled in.

Must never: trust a field to be there or well formed. RFC 2045 section 5.2, RFC 2046 section 5.1.5, RFC 2183, RFC 3282,
RFC 2557, RFC 1864.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pillarbox.mime.limits import MimeLimits
from pillarbox.mime.parameters import (
    Disposition,
    MediaType,
    Parameters,
    read_disposition,
    read_encoding,
    read_languages,
    read_media_type,
)

CONTENT_FIELDS: Final = frozenset(
    (
        b"mime-version",
        b"content-type",
        b"content-transfer-encoding",
        b"content-id",
        b"content-description",
        b"content-disposition",
        b"content-language",
        b"content-location",
        b"content-md5",
    )
)


@dataclass(slots=True)
class Content:
    """One entity's content fields. Bytes are raw and spelled as they came; None where there is no field."""

    type: bytes
    subtype: bytes
    parameters: Parameters
    encoding: bytes = b"7bit"
    id: bytes | None = None
    description: bytes | None = None
    md5: bytes | None = None
    location: bytes | None = None
    disposition: Disposition | None = None
    languages: list[bytes] | None = None

    def parameter(self, name: bytes) -> bytes | None:
        """The value of the first parameter of that lower-case name."""
        for spelled, value in self.parameters:
            if spelled.lower() == name:
                return value
        return None


def plain_text() -> Content:
    """What an entity without any content field is."""
    return Content(b"text", b"plain", [(b"charset", b"us-ascii")])


def embedded_message() -> Content:
    """What a part of a multipart/digest without a Content-Type is (RFC 2046 section 5.1.5)."""
    return Content(b"message", b"rfc822", [])


def opaque() -> Content:
    """What is not looked into: the rest of a message that went past a limit."""
    return Content(b"application", b"octet-stream", [])


def read_content(fields: Mapping[bytes, list[bytes]], default: Content, limits: MimeLimits) -> Content:
    """The content fields among `fields`, over `default`, which is changed and returned when there is no type."""
    content = default
    values = fields.get(b"content-type")
    media = read_media_type(values[0], limits) if values else None
    if media is not None:
        content = Content(media.type, media.subtype, _with_charset(media))
    elif values:
        content = plain_text()
    for name, values in fields.items():
        first = values[0]
        match name:
            case b"content-transfer-encoding":
                content.encoding = read_encoding(first)
            case b"content-id":
                content.id = first
            case b"content-description":
                content.description = first
            case b"content-disposition":
                content.disposition = read_disposition(values[-1], limits)
            case b"content-language":
                content.languages = read_languages(first, limits)
            case b"content-location":
                content.location = first
            case b"content-md5":
                content.md5 = first
            case _:
                pass
    return content


def _with_charset(media: MediaType) -> Parameters:
    if media.type.lower() == b"text" and not any(
        name.lower() in (b"charset", b"charset*") for name, _ in media.parameters
    ):
        media.parameters.append((b"charset", b"us-ascii"))
    return media.parameters
