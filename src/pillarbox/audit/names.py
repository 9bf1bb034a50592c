"""Which events belong into the audit log.

An event is audited when its name is here or its area (the part before the dot) is: so what a room adds to such an area
is in the log from its first day. Rooms know nothing of it: they tell an EventLog, as of anything else.

Must never: name an event that nothing emits (tests/audit/test_names.py looks).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

AREAS: Final = frozenset(
    {
        "account",
        "acl",
        "acme",
        "alarm",
        "alias",
        "app_password",
        "ban",
        "group",
        "mfa",
        "passkey",
        "recovery",
        "session",
    }
)
"""Everything that these tell of is audited. None of them may tell of what happens with each command or message."""

AUDITED: Final[Mapping[str, str]] = {
    "login.granted": "somebody was let in",
    "login.denied": "somebody was not, and why",
    "login.alarm": "a login looked strange, and why",
    "login.quarantined": "a login was let in to look only, for an alarm is open",
    "account.added": "an account was made",
    "account.password_changed": "an account has another password",
    "account.disabled": "nobody gets into an account any more",
    "account.enabled": "an account may be used again",
    "account.admin_changed": "an account administers over IMAP now, or no longer",
    "account.removed": "an account is gone, with its mail",
    "app_password.added": "an account has another app password",
    "app_password.revoked": "an app password was taken back",
    "mfa.added": "an account has another second factor",
    "mfa.removed": "a second factor was taken back",
    "mfa.disabled": "an account has no second factor any more",
    "mfa.recovery_codes_renewed": "an account has other recovery codes",
    "session.revoked": "a session ended because what let it in was taken back",
    "session.ended_by_hand": "sessions were ended by somebody",
    "acl.changed": "somebody has other rights to a mailbox",
    "group.changed": "accounts were put into a group, or taken out",
    "alias.changed": "an address leads elsewhere",
    "ban.added": "a network may not log in",
    "ban.removed": "a network may log in again",
    "alarm.confirmed": "an alarm was nothing bad, somebody said",
    "quota.changed": "an account may keep more or less",
    "mail.exported": "an account's mail was written to a folder by hand",
    "mail.restored": "mail came back out of a backup by hand",
    "mail.purged": "expunged mail was removed for good by hand",
    "certificate.reloaded": "certificates were read anew",
    "certificate.not_reloaded": "certificates could not be read anew",
    "certificate.new_authority": "the server made itself an authority",
    "certificate.added": "another certificate is served",
    "certificate.removed": "a certificate is served no longer",
    "certificate.unusable": "a certificate can't be served with",
    "certificate.expiring": "a certificate ends soon",
    "certificate.issued": "an authority issued a certificate (ACME)",
    "certificate.not_issued": "an authority did not issue a certificate (ACME)",
    "certificate.revoked": "a certificate was revoked by hand (ACME)",
    "settings.reloaded": "settings were read anew",
    "settings.not_reloaded": "settings could not be read anew",
    "settings.need_restart": "settings were changed that count from the next start",
    "server.ready": "the server serves",
    "server.as_root": "the server serves as root, without root's powers",
    "server.stopping": "the server was told to stop",
    "server.stopped": "the server has stopped",
    "folder.open_to_others": "others of this machine could read what the server keeps",
    "worker.died": "a worker process ended by itself",
}
"""Name -> what it says."""


def is_audited(event: str) -> bool:
    """Whether an event is kept in the audit log."""
    return event in AUDITED or event.partition(".")[0] in AREAS
