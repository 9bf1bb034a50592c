"""Login names: what people type to say who they are, and how it is kept.

`alice` or `alice@example.org`, in any case. Modelled on PRECIS UsernameCaseMapped (RFC 8265 section 3.3): width
mapping, lower case, NFC, then letters, digits, marks and a few signs only. A name is text for people; files and
rows are named by the account's opaque id.

Must never: let two names that look the same to SQL or to a person's keyboard be two accounts.
"""

from __future__ import annotations

import unicodedata
from typing import Final

MAX_NAME_BYTES: Final = 254
"""RFC 5321 section 4.5.3.1.3: a path is at most 256 octets with its angle brackets."""
MAX_LOCAL_BYTES: Final = 64
"""RFC 5321 section 4.5.3.1.1."""
MAX_LABEL_BYTES: Final = 63
"""RFC 1035 section 2.3.4."""
MAX_PASSWORD_BYTES: Final = 1_024
"""Longer than any password manager makes; equals the literal that a client may send before login."""

_SIGNS: Final = frozenset(".-_+='")


class LoginNameInvalid(ValueError):
    """Not a login name; the text says why, in plain English."""


class PasswordInvalid(ValueError):
    """Not a password; the text says why, in plain English."""


def prepare_login_name(typed: str) -> str:
    """The name as it is kept and looked up. Preparing it again changes nothing. Raises LoginNameInvalid."""
    if not typed:
        raise LoginNameInvalid("a login name can't be empty")
    if len(typed) > MAX_NAME_BYTES:
        raise LoginNameInvalid(f"a login name can have {MAX_NAME_BYTES} bytes at most")
    name = unicodedata.normalize("NFC", _width_mapped(typed).lower())
    local, at, domain = name.partition("@")
    _check_characters(local, domain)
    if unicodedata.normalize("NFKC", name) != name:
        raise LoginNameInvalid("a login name can't hold characters that stand for others, such as ligatures")
    if len(name.encode("utf-8")) > MAX_NAME_BYTES or len(local.encode("utf-8")) > MAX_LOCAL_BYTES:
        raise LoginNameInvalid(f"a login name can have {MAX_LOCAL_BYTES} bytes before the @, {MAX_NAME_BYTES} in all")
    if not local or local[0] == "." or local[-1] == "." or ".." in local or local[0] in "-'=+":
        raise LoginNameInvalid('a login name begins with a letter, a digit or "_" and holds no empty part between dots')
    if at:
        _check_domain(domain)
    return name


def prepare_alias(typed: str) -> str:
    """An alias as it is kept and looked up: a login name, `@domain` for all of a domain, or `@` for all there is.

    Preparing it again changes nothing. Raises LoginNameInvalid.
    """
    if typed == "@":
        return typed
    if typed.startswith("@"):
        return prepare_login_name("a" + typed)[1:]
    return prepare_login_name(typed)


def prepare_password(typed: str) -> bytes:
    """The bytes that are hashed: OpaqueString of RFC 8265 section 4.2. Raises PasswordInvalid.

    A phone and a desktop may send the same letter composed or decomposed: both are let in.
    """
    if not typed:
        raise PasswordInvalid("a password can't be empty")
    if len(typed) > MAX_PASSWORD_BYTES:
        raise PasswordInvalid(f"a password can have {MAX_PASSWORD_BYTES} bytes at most")
    spaced = "".join(" " if unicodedata.category(character) == "Zs" else character for character in typed)
    password = unicodedata.normalize("NFC", spaced)
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in password):
        raise PasswordInvalid("a password can't hold control characters")
    data = password.encode("utf-8")
    if len(data) > MAX_PASSWORD_BYTES:
        raise PasswordInvalid(f"a password can have {MAX_PASSWORD_BYTES} bytes at most")
    return data


def printable_name(typed: str) -> str:
    """What a client sent as its name, safe and short enough for one field of the log."""
    shown = typed[:80]
    cleaned = "".join(character if character.isprintable() else f"\\u{ord(character):04x}" for character in shown)
    return cleaned if len(typed) <= 80 else cleaned + "..."


def _width_mapped(text: str) -> str:
    """Full-width and half-width characters as the usual ones (RFC 8264 section 5.2.1)."""
    mapped = []
    for character in text:
        kind, _, code = unicodedata.decomposition(character).partition(" ")
        mapped.append(chr(int(code, 16)) if kind in ("<wide>", "<narrow>") else character)
    return "".join(mapped)


def _check_characters(local: str, domain: str) -> None:
    for character in local + domain:
        category = unicodedata.category(character)
        if category in ("Cc", "Cs", "Cf", "Zs", "Zl", "Zp"):
            raise LoginNameInvalid("a login name can't hold spaces or control characters")
        if category[0] not in "LMN" and character not in _SIGNS:
            raise LoginNameInvalid(f"a login name can't hold {character!r}")


def _check_domain(domain: str) -> None:
    for label in domain.split("."):
        if not label or len(label.encode("utf-8")) > MAX_LABEL_BYTES or label[0] == "-" or label[-1] == "-":
            raise LoginNameInvalid("what follows the @ is not a domain name")
        if any(character in "_+='" for character in label):
            raise LoginNameInvalid("what follows the @ is not a domain name")
