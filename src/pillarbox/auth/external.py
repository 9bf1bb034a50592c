"""EXTERNAL (RFC 4422 appendix A): who has a certificate of an authority that the operator named.

TLS has verified the certificate when this is asked. Here it is only read for the name of an account.

    initial-response = *( UTF8-char-no-nul )

Must never: look at a certificate that TLS has not verified; act for anybody whose name is not in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pillarbox.auth.claims import VouchedClaim
from pillarbox.auth.names import LoginNameInvalid, prepare_login_name
from pillarbox.auth.sasl import Challenge, Failed, LastWord, SaslFault, Step
from pillarbox.auth.sasl_settings import CertificateName

if TYPE_CHECKING:
    from cryptography import x509


class ExternalMechanism(LastWord):
    """One exchange."""

    def __init__(self, certificate: bytes, rule: CertificateName) -> None:
        """`certificate` is DER, of the client."""
        self._names = names_in(certificate, rule)

    def start(self, initial: bytes | None) -> Step:
        return Challenge(b"") if initial is None else self.respond(initial)

    def respond(self, data: bytes) -> Step:
        """The identity to act as; empty for that of the certificate."""
        try:
            authzid = data.decode("utf-8")
        except UnicodeDecodeError:
            return Failed(SaslFault.MALFORMED)
        if "\0" in authzid:
            return Failed(SaslFault.MALFORMED)
        if not authzid:
            return VouchedClaim(self._names[0]) if len(self._names) == 1 else Failed(SaslFault.UNCERTAIN)
        try:
            wanted = prepare_login_name(authzid)
        except LoginNameInvalid:
            return Failed(SaslFault.AUTHZID_REFUSED)
        return VouchedClaim(wanted) if wanted in self._names else Failed(SaslFault.AUTHZID_REFUSED)


def names_in(certificate: bytes, rule: CertificateName) -> Sequence[str]:
    """Login names that a DER certificate holds, prepared, each once; what can't be one is left out."""
    from cryptography import x509  # 8 MB that only servers with client certificates need
    from cryptography.x509.oid import NameOID

    try:
        parsed = x509.load_der_x509_certificate(certificate)
        found = [] if rule is CertificateName.COMMON_NAME else _addresses(parsed)
        if not found and rule is not CertificateName.EMAIL:
            found = [str(each.value) for each in parsed.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    except ValueError:  # what OpenSSL could verify and this library can't read
        return ()
    names = []
    for each in found:
        try:
            names.append(prepare_login_name(each))
        except LoginNameInvalid:
            continue
    return tuple(dict.fromkeys(names))


def _addresses(certificate: x509.Certificate) -> list[str]:
    from cryptography import x509

    try:
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return list(alternative.get_values_for_type(x509.RFC822Name))
