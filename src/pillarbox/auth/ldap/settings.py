"""Where the directory is, and how a person is found in it.

Must never: hold a secret; the service account's password stays in its file.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from pathlib import Path


class LdapEncryption(enum.Enum):
    """When TLS may be left out."""

    ALWAYS = "always"
    """Never: `ldap://` starts TLS before anything else is said."""
    EXCEPT_LOOPBACK = "except_loopback"
    """`ldap://` to this machine's own loopback addresses goes without; to any other it starts TLS all the same."""


@dataclass(frozen=True, slots=True)
class LdapSettings:
    """A directory that judges passwords, when `auth.backend` is `ldap` (docs/backends.md)."""

    servers: tuple[str, ...] = ()
    """Where the directory answers, such as `ldaps://ldap.example.org`; the next is asked when one is down. `ldap://`
    is the same with StartTLS, `ldapi://%2Frun%2Fslapd%2Fldapi` a socket of this machine."""
    ca_file: Path | None = None
    """Whose certificates are trusted, PEM; without it those that the operating system trusts."""
    encryption: LdapEncryption = LdapEncryption.ALWAYS
    """`always`, or `except_loopback` to leave TLS out towards this machine itself. There is no other way to."""
    bind_dn: str = ""
    """The account that searches for people. Empty: anonymously."""
    bind_password_file: Path | None = None
    """Its password, in a file that nobody else can read."""
    base: str = ""
    """Where people are searched for, such as `ou=people,dc=example,dc=org`, with everything below."""
    filter: str = "(uid={login})"
    """Who it is. `{login}` is the login name in lower case, `{local}` and `{domain}` what is before and after its @."""
    user_dn: str = ""
    """With this nobody is searched for: `uid={local},ou=people,dc=example,dc=org` is the entry."""
    name_attribute: str = ""
    """The attribute that holds the account's name here, such as `uid`. It makes `alice` and `alice@example.org` one
    account when the filter finds one entry for both. Empty: the name as it was typed. People must not be able to
    change it themselves."""
    disabled_filter: str = ""
    """Entries that it matches may not log in, such as `(pwdAccountLockedTime=*)` or
    `(userAccountControl:1.2.840.113556.1.4.803:=2)`."""
    admin_group: str = ""
    """The DN of a group (`member`, `uniqueMember` or `memberUid`) of those who administer this server over IMAP. With
    it, who does is decided there and no longer by `pillarbox user admin`."""
    decoy_dn: str = ""
    """An entry with a password that nobody knows, and that no login locks. It is bound when nobody has the name, so
    that the answer takes as long as for a wrong password."""
    timeout_seconds: float = 5.0
    """Until a directory that does not answer is given up; the login is told to come back later."""
    connections: int = 4
    """Most that are open at once for each kind of question, in each worker."""
    remember_seconds: int = field(default=60, metadata={"minimum": 0})
    """A right password is remembered this long in memory, as a keyed hash. A password changed or an entry disabled
    over there counts here after so long."""
