"""The process that asks PAM: a question on stdin, one octet on stdout, until stdin ends.

A question is three fields (service, user name, password), each its length in four octets and then so many octets.

Must never: write anything but its answers to stdout; print or keep a password.
"""

from __future__ import annotations

import os
import sys
from typing import BinaryIO, Final

READY: Final = b"R"
"""Written once, when PAM can be asked."""
RIGHT: Final = b"Y"
WRONG: Final = b"N"
DISABLED: Final = b"D"
UNAVAILABLE: Final = b"U"

_SUCCESS: Final = 0
_WRONG_CODES: Final = frozenset({7, 8, 10, 11})
"""PAM_AUTH_ERR, PAM_CRED_INSUFFICIENT, PAM_USER_UNKNOWN, PAM_MAXTRIES"""
_DISABLED_CODES: Final = frozenset({6, 12, 13})
"""PAM_PERM_DENIED, PAM_NEW_AUTHTOK_REQD, PAM_ACCT_EXPIRED"""


def main() -> None:
    """Answer until stdin ends."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # a module that prints does not garble an answer
    from pam import PamAuthenticator  # type: ignore[import-untyped]  # ships no types

    answers.write(READY)
    questions = sys.stdin.buffer
    while (service := _field(questions)) is not None:
        name, password = _field(questions), _field(questions)
        if name is None or password is None:
            return
        asked = PamAuthenticator()
        asked.authenticate(name, password, service, resetcreds=False)
        answers.write(_answer(asked.code))


def _answer(code: int) -> bytes:
    if code == _SUCCESS:
        return RIGHT
    if code in _WRONG_CODES:
        return WRONG
    return DISABLED if code in _DISABLED_CODES else UNAVAILABLE


def _field(source: BinaryIO) -> bytes | None:
    size = source.read(4)
    if len(size) < 4:
        return None
    wanted = int.from_bytes(size, "big")
    data = source.read(wanted)
    return data if len(data) == wanted else None


if __name__ == "__main__":
    main()
