"""What TLS this server speaks: one policy, in two profiles.

TLS 1.2 and 1.3, or 1.3 alone; forward secrecy and AEAD always; an ALPN identifier for each protocol. Nothing weaker
is a setting, and what OpenSSL's own configuration file says is overruled, for a weaker choice would be somebody's
mistake.

Must never: allow TLS 1.1 or older, CBC, RSA key exchange, compression or renegotiation.

RFC 9325 (recommendations for TLS), RFC 8314 (TLS for mail), RFC 7301 with the IANA registry (ALPN `imap`).
"""

from __future__ import annotations

import enum
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROTOCOL = "imap"
"""RFC 7301 protocol identifier, as IANA registered it."""

_TLS12_SUITES: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""RFC 9325 section 4.2."""

_TLS13_SUITES: Final = frozenset(
    {"TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256", "TLS_AES_128_CCM_SHA256"}
)
"""RFC 8446 appendix B.4 without TLS_AES_128_CCM_8_SHA256, whose tag is too short for general use."""

_SECURITY_LEVEL: Final = 2
"""OpenSSL's SSL_CTX_set_security_level(3): 112 bits, so no RSA below 2048, no SHA-1, no small curve."""

_OPTIONS: Final = (
    ssl.OP_ALL
    | ssl.OP_NO_SSLv3
    | ssl.OP_NO_COMPRESSION
    | ssl.OP_NO_RENEGOTIATION
    | ssl.OP_CIPHER_SERVER_PREFERENCE
    | ssl.OP_ENABLE_MIDDLEBOX_COMPAT
)


class CertificateUnusable(Exception):
    """A certificate or key can't be read or don't belong together. The text is for the operator."""


class WeakTls(CertificateUnusable):
    """This machine's OpenSSL would use what is too weak, whatever the certificate."""


class Profile(enum.Enum):
    """Which versions are spoken."""

    MODERN = "modern"
    """TLS 1.3 only. Programs from before 2019 stay outside."""
    INTERMEDIATE = "intermediate"
    """TLS 1.3, and 1.2 with ECDHE and AEAD."""


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """Where the PEM files are."""

    certificate_path: Path
    """The server's certificate, then its chain."""
    key_path: Path
    """May be the same file."""


class Demand(enum.Enum):
    """Whether clients need a certificate."""

    OPTIONAL = "optional"
    """One without may come in; one that nobody vouches for may not."""
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class ClientAuthority:
    """Who vouches for clients."""

    path: Path
    """PEM certificates; with revocation lists in it these are looked at, and then each authority needs one."""
    demand: Demand


@dataclass(frozen=True, slots=True)
class Door:
    """What one protocol wants of TLS."""

    protocol: str = PROTOCOL
    """ALPN identifier; empty for a protocol that has none."""
    clients: ClientAuthority | None = None
    """None: clients are not asked for certificates."""


def make_context(
    files: CertificateFiles, door: Door = Door(), profile: Profile = Profile.INTERMEDIATE
) -> ssl.SSLContext:
    """A server's TLS context. Raises CertificateUnusable, WeakTls."""
    context = policy_context(profile)
    if door.protocol:
        context.set_alpn_protocols([door.protocol])
    try:
        if door.clients is not None:
            _ask_clients(context, door.clients)
        context.load_cert_chain(files.certificate_path, files.key_path, password=_no_password)
    except ssl.SSLError as error:
        said = (error.reason or "not a PEM certificate and key").replace("_", " ").lower()
        raise CertificateUnusable(f"{files.certificate_path} with key {files.key_path}: {said}") from error
    except OSError as error:
        raise CertificateUnusable(f"{error.filename or files.certificate_path}: {error.strerror}") from error
    except ValueError as error:
        raise CertificateUnusable(f"{files.key_path}: {error}") from error
    return context


def policy_context(profile: Profile = Profile.INTERMEDIATE) -> ssl.SSLContext:
    """A server's context without a certificate. Everything is set, nothing is left as a `system_default` section of
    openssl.cnf may have it. Raises WeakTls."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.MAXIMUM_SUPPORTED
    context.minimum_version = ssl.TLSVersion.TLSv1_3 if profile is Profile.MODERN else ssl.TLSVersion.TLSv1_2
    context.options = ssl.Options(_OPTIONS)
    context.set_ciphers(f"{_TLS12_SUITES}:@SECLEVEL={max(_SECURITY_LEVEL, context.security_level)}")
    context.num_tickets = 1  # each costs time and traffic; a client needs one to resume
    weak = {str(suite["name"]) for suite in context.get_ciphers() if suite["protocol"] == "TLSv1.3"} - _TLS13_SUITES
    if weak:  # Python can't choose these; only a configuration of OpenSSL brings others
        raise WeakTls(f"take {', '.join(sorted(weak))} out of Ciphersuites in OpenSSL's configuration (openssl.cnf)")
    return context


def _ask_clients(context: ssl.SSLContext, clients: ClientAuthority) -> None:
    context.verify_mode = ssl.CERT_REQUIRED if clients.demand is Demand.REQUIRED else ssl.CERT_OPTIONAL
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # who is named is trusted, also below a root that is not
    try:
        context.load_verify_locations(clients.path)
        if b"-----BEGIN X509 CRL-----" in clients.path.read_bytes():
            context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    except ssl.SSLError as error:
        raise CertificateUnusable(f"{clients.path}: no PEM certificates of authorities in it") from error
    except OSError as error:
        raise CertificateUnusable(f"{clients.path}: {error.strerror}") from error


def _no_password() -> str:
    """Called by OpenSSL for an encrypted key; without this it would ask on the terminal."""
    raise ValueError("the key is encrypted with a password; take the password off")
