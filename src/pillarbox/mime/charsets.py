"""Bytes of some charset, said or not, as text.

Must never: raise, import anything named by a message, or run a codec that is not a plain charset.
"""

from __future__ import annotations

import functools
from encodings import aliases
from typing import Final

import cchardet

from pillarbox.mime.limits import MimeLimits

_DETECT_BYTES: Final = MimeLimits().detect_bytes
_SURE: Final = 0.5
"""Confidence below which a guess is worse than windows-1252, which most undeclared mail is."""
_ENOUGH_TO_GUESS: Final = 4
"""Bytes beyond ASCII. Of fewer, one accent in a Western name, the detector is sure and wrong."""
_ASCII: Final = bytes(range(128))

_SUPERSETS: Final = {
    "ascii": "utf_8",
    "latin_1": "cp1252",
    "iso8859_1": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "iso8859_9": "cp1254",
    "tis_620": "cp874",
    "iso8859_11": "cp874",
}
"""What senders mean by the smaller name (as the WHATWG Encoding Standard says)."""

_OTHER_NAMES: Final = {
    "utf8mb4": "utf_8",
    "unicode_1_1_utf_8": "utf_8",
    "unicode_1_1_utf_7": "utf_7",
    "x_gbk": "gb18030",
    "x_sjis": "cp932",
    "x_euc_jp": "euc_jp",
    "x_big5": "big5",
    "ks_c_5601_1987": "cp949",
    "iso_8859_8_i": "iso8859_8",
    "iso_8859_8_e": "iso8859_8",
    "x_mac_roman": "mac_roman",
    "windows_874": "cp874",
    "macintosh": "mac_roman",
}
_NOT_CHARSETS: Final = frozenset(
    ("base64_codec", "bz2_codec", "hex_codec", "mbcs", "quopri_codec", "rot_13", "uu_codec", "zlib_codec")
)
_CODECS: Final = (frozenset(aliases.aliases.values()) | {"cp720", "cp737", "cp874", "koi8_u"}) - _NOT_CHARSETS
_MAX_NAME: Final = 40


@functools.lru_cache(maxsize=256)
def codec_name(charset: str) -> str | None:
    """Python's codec for a charset name of a message, or None when there is none.

    Looked up in Python's own table: asking `codecs` would import by that name and remember every name for good.
    """
    if len(charset) > _MAX_NAME:
        return None
    name = "_".join("".join(c if c.isascii() and c.isalnum() else " " for c in charset.lower()).split())
    name = _OTHER_NAMES.get(name) or aliases.aliases.get(name, name)
    return _SUPERSETS.get(name, name) if name in _CODECS else None


def decode_charset(data: bytes, charset: str) -> str:
    """`data` as text: by its charset if that is known, else as UTF-8 if it is that, else as it looks."""
    codec = codec_name(charset) if charset else None
    if codec is None or codec == "utf_8":
        return decode_undeclared(data)
    try:
        return data.decode(codec, "replace")
    except (UnicodeError, LookupError, ValueError):  # a codec that doesn't know "replace"
        return decode_undeclared(data)


def decode_undeclared(data: bytes) -> str:
    """Text of which nobody says the charset, or says UTF-8 when it isn't."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    sample = data[:_DETECT_BYTES]
    if len(sample.translate(None, _ASCII)) < _ENOUGH_TO_GUESS:
        return data.decode("cp1252", "replace")
    guess = cchardet.detect(sample)
    name, confidence = guess.get("encoding"), guess.get("confidence")
    codec = codec_name(name) if name and confidence and confidence >= _SURE else None
    if codec == "utf_8":
        return data.decode("utf-8", "replace")
    return data.decode(codec or "cp1252", "replace")
