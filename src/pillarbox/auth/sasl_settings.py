"""Which ways to log in are offered.

Must never: do anything; these are values.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from pillarbox.auth.scram_keys import LEAST_ITERATIONS, ScramHash


class PasswordMechanism(enum.Enum):
    """What shows or proves a password."""

    SCRAM_SHA_256 = "SCRAM-SHA-256"
    """And SCRAM-SHA-256-PLUS."""
    SCRAM_SHA_1 = "SCRAM-SHA-1"
    """And SCRAM-SHA-1-PLUS."""
    PLAIN = "PLAIN"
    LOGIN = "LOGIN"
    """And the command of that name."""

    @property
    def scram(self) -> ScramHash | None:
        """Of the SCRAM ones."""
        return ScramHash(self.value) if self.value.startswith("SCRAM") else None


class CertificateName(enum.Enum):
    """Which name in a client's certificate is that of its account."""

    EMAIL_OR_COMMON_NAME = "email-or-common-name"
    """Its addresses (rfc822Name among the alternative names); where it has none, the common name of its subject."""
    EMAIL = "email"
    """Its addresses, and no other."""
    COMMON_NAME = "common-name"
    """The common name of its subject, and no other."""


@dataclass(frozen=True, slots=True)
class SaslSettings:
    """Ways to log in with a password or a certificate (docs/mechanisms.md)."""

    mechanisms: tuple[PasswordMechanism, ...] = (
        PasswordMechanism.SCRAM_SHA_256,
        PasswordMechanism.PLAIN,
        PasswordMechanism.LOGIN,
    )
    """With `SCRAM-SHA-256` (and `-PLUS`) the password never leaves the client, and a server in between is found out;
    but what is kept for it can be tried out faster than the Argon2 hash, by who steals the account database. Without
    it nothing of the kind is kept. `SCRAM-SHA-1` is for clients that know no better. Without `PLAIN` and `LOGIN`
    nobody can log in who has no keys for SCRAM yet."""
    scram_iterations: int = field(default=65_536, metadata={"minimum": LEAST_ITERATIONS})
    """What trying out one password costs a thief, and each login its client: about 20 ms here, more on a phone. Holds
    for passwords set from then on. RFC 7677 asks for 4,096 at least; clients that use Cyrus SASL (mbsync, neomutt,
    Evolution) refuse more than 65,536 and can't log in."""
    certificate_name: CertificateName = CertificateName.EMAIL_OR_COMMON_NAME
    """Which name in a client's certificate is that of its account (`tls.client_ca`): `email-or-common-name`, `email`
    or `common-name`."""

    @property
    def scram_hashes(self) -> tuple[ScramHash, ...]:
        """Those to keep keys for."""
        return tuple(each.scram for each in self.mechanisms if each.scram is not None)
