"""What TLS this server speaks, and with which certificate.

TLS 1.2 and 1.3; forward secrecy and AEAD always; ALPN `imap`. None of it is a setting: a weaker choice would
be somebody's mistake.

Must never: allow TLS 1.1 or older, CBC, RSA key exchange, compression or renegotiation.

RFC 9325 (recommendations for TLS), RFC 8314 (TLS for mail), RFC 7301 with the IANA registry (ALPN `imap`).
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

PROTOCOL = "imap"
"""RFC 7301 protocol identifier, as IANA registered it."""

_TLS12_SUITES = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""RFC 9325 section 4.2. The suites of TLS 1.3 are all AEAD and stay as OpenSSL has them."""


class CertificateUnusable(Exception):
    """A certificate or key can't be read or don't belong together. The text is for the operator."""


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """Where the PEM files are."""

    certificate_path: Path
    """The server's certificate, then its chain."""
    key_path: Path
    """May be the same file."""


class ServerTls:
    """The TLS context that new connections are made with; `reload` replaces the certificate.

    Make it before worker processes are forked: then they share the keys of session tickets.
    """

    __slots__ = ("_client_authority_path", "_files", "context", "protocol")

    def __init__(
        self, files: CertificateFiles, protocol: str = PROTOCOL, client_authority_path: Path | None = None
    ) -> None:
        """`protocol` is the ALPN identifier, empty for one that has none. With an authority only clients that it
        vouches for get in. Raises CertificateUnusable."""
        self._files = files
        self._client_authority_path = client_authority_path
        self.protocol = protocol
        self.context = make_context(files, protocol, client_authority_path)

    def reload(self) -> None:
        """Read the files anew for connections from now on. Raises CertificateUnusable; then all stays as it was."""
        self.context = make_context(self._files, self.protocol, self._client_authority_path)


def make_context(
    files: CertificateFiles, protocol: str = PROTOCOL, client_authority_path: Path | None = None
) -> ssl.SSLContext:
    """A server's TLS context. Raises CertificateUnusable."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_TLS12_SUITES)
    if protocol:
        context.set_alpn_protocols([protocol])
    context.num_tickets = 1  # each costs time and traffic; a client needs one to resume
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    try:
        if client_authority_path is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(client_authority_path)
        context.load_cert_chain(files.certificate_path, files.key_path, password=_no_password)
    except ssl.SSLError as error:
        said = (error.reason or "not a PEM certificate and key").replace("_", " ").lower()
        raise CertificateUnusable(f"{files.certificate_path} with key {files.key_path}: {said}") from error
    except OSError as error:
        raise CertificateUnusable(f"{error.filename or files.certificate_path}: {error.strerror}") from error
    except ValueError as error:
        raise CertificateUnusable(f"{files.key_path}: {error}") from error
    return context


def _no_password() -> str:
    """Called by OpenSSL for an encrypted key; without this it would ask on the terminal."""
    raise ValueError("the key is encrypted with a password; take the password off")
