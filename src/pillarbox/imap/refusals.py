"""Answers that are not OK: the table from mail errors to IMAP response codes (RFC 5530, RFC 9051 section 7.1).

Must never: put exception text of ours, paths or SQL into an answer. Texts are plain English for a person.
"""

from __future__ import annotations

from typing import Final

from pillarbox.mail import errors


class BadSyntax(Exception):
    """The client broke the grammar, or used a command in the wrong state: tagged BAD."""

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.code = code


class Refused(Exception):
    """Understood, and not done: tagged NO, with a response code where one fits."""

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.code = code


class Farewell(Exception):
    """The talk ends here: untagged BYE, then the connection is closed."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


_CODES: Final[tuple[tuple[type[errors.MailError], str], ...]] = (
    (errors.MailboxMissing, "NONEXISTENT"),
    (errors.MessageMissing, "EXPUNGEISSUED"),
    (errors.MailboxExists, "ALREADYEXISTS"),
    (errors.MailboxHasChildren, "HASCHILDREN"),
    (errors.NoPermission, "NOPERM"),
    (errors.NameInvalid, "CANNOT"),
    (errors.NotAllowed, "CANNOT"),
    (errors.LimitReached, "LIMIT"),
    (errors.MessageTooBig, "TOOBIG"),
    (errors.OverQuota, "OVERQUOTA"),
    (errors.StoreUnavailable, "UNAVAILABLE"),
    (errors.StoreCorrupt, "CORRUPTION"),
)


def refusal_of(error: errors.MailError) -> Refused:
    """The NO that tells a client of a mail error."""
    for kind, code in _CODES:
        if isinstance(error, kind):
            return Refused(str(error), code)
    return Refused("That can't be done")
