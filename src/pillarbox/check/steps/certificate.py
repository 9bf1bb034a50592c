"""The certificate: who vouches for it, for which names, until when, and how strong it is.

Each question is judged apart, so that an expired certificate with a wrong name shows both.

RFC 5280; RFC 9525 (names); RFC 6962 section 3.3 (certificate timestamps); RFC 7671 (TLSA); RFC 9325 section 4.5 (keys).
"""

from __future__ import annotations

import datetime
import hashlib
import itertools
import ssl
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

from pillarbox.check.asking import ask
from pillarbox.check.findings import Fact, Finding, Scribe, Section, Verdict
from pillarbox.check.hello import Refusal, ServerHello, Version
from pillarbox.check.matching import names_in, vouches_for
from pillarbox.check.probe import Probe, trust_context
from pillarbox.check.suites import Strength, all_suites
from pillarbox.check.trouble import Trouble, printable

_CERTIFICATE: Final = Scribe(Section.CERTIFICATE, "certificate")
_DAY_SECONDS: Final = 86_400
_RSA_BITS: Final = 2048
_CURVE_BITS: Final = 224
_RENEW: Final = "Renew it; an ACME client does so by itself. Then let the server read it anew."
_AUTHORITY: Final = (
    "Get one from a public authority (Let's Encrypt is free), or give people the file of your own authority"
    " and check with --cafile."
)
_SENT_ALONG: Final = "Let the server send the whole chain: its own certificate first, then the intermediate ones."

_TRUST_ERRORS: Final = {
    18: ("it is self-signed: nobody vouches for it", _AUTHORITY),
    19: ("its authority is not trusted on this machine", _AUTHORITY),
    20: ("the authority that signed it is unknown here, or an intermediate certificate is missing", _SENT_ALONG),
    21: ("the authority that signed it is unknown here, or an intermediate certificate is missing", _SENT_ALONG),
    24: ("a certificate in the chain is no authority's", _SENT_ALONG),
    26: ("it is not meant for servers", "Get a certificate with the purpose server authentication."),
}


async def look(probe: Probe) -> tuple[Finding, ...]:
    """All questions about the certificate that the handshake showed."""
    if not probe.seen.speaks_tls:
        return ()
    if not probe.seen.chain:
        return (_CERTIFICATE.unknown("read", "Certificate", "the server's certificate can't be read"),)
    leaf = probe.seen.chain[0]
    checks = (
        await _trust(probe),
        _name(leaf, probe.settings.host),
        _expiry(probe),
        _key(leaf),
        _signature(probe.seen.chain),
    )
    probe.seen.is_vouched_for = all(check.verdict in (Verdict.GOOD, Verdict.WARNING) for check in checks[:3])
    probe.seen.is_certificate_good = all(check.verdict in (Verdict.GOOD, Verdict.WARNING) for check in checks)
    more = (await _timestamps(probe, leaf), _chain(probe.seen.chain), *_tlsa(probe))
    return (_who(leaf), *checks, *more)


def _who(leaf: x509.Certificate) -> Finding:
    fingerprint = leaf.fingerprint(hashes.SHA256()).hex(":").upper()
    issuer = printable(leaf.issuer.rfc4514_string(), 120) or "unnamed"
    return _CERTIFICATE.note(
        "issuer",
        "Issued by",
        issuer,
        facts={
            "subject": printable(leaf.subject.rfc4514_string()),
            "fingerprint_sha256": fingerprint,
            "serial": f"{leaf.serial_number:x}",
        },
    )


async def _trust(probe: Probe) -> Finding:
    own = probe.settings.ca_file
    where = "this machine's authorities" if own is None else str(own)
    try:
        async with probe.ready_for_tls() as wire:
            await wire.start_tls(trust_context(own), probe.server_name)
    except ssl.SSLCertVerificationError as error:
        said, remedy = _TRUST_ERRORS.get(error.verify_code, (printable(error.verify_message), _AUTHORITY))
        return _CERTIFICATE.failure(
            "trust", "Trust", said, remedy, facts={"code": error.verify_code, "reason": printable(error.verify_message)}
        )
    except Trouble as trouble:
        return _CERTIFICATE.unknown("trust", "Trust", str(trouble))
    return _CERTIFICATE.good("trust", "Trust", f"leads to {where}")


def _name(leaf: x509.Certificate, host: str) -> Finding:
    names = names_in(leaf)
    texts = [printable(name) for name in names]
    facts: dict[str, Fact] = {"names": texts}
    shown = ", ".join(texts[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    if not names:
        return _CERTIFICATE.failure(
            "name",
            "Name",
            "it names no server (no subjectAltName): programs refuse it",
            f"Get one whose subjectAltName holds {host}.",
            facts=facts,
        )
    if not vouches_for(leaf, host):
        return _CERTIFICATE.failure(
            "name",
            "Name",
            f"is for {shown}, not for {host}",
            f"Get one that holds {host}, or connect by a name that it holds.",
            facts=facts,
        )
    return _CERTIFICATE.good("name", "Name", f"is for {host}" if shown == host else f"is for {shown}", facts=facts)


def _expiry(probe: Probe) -> Finding:
    """The first end in the chain counts; an intermediate that expired breaks it as well."""
    now = probe.clock.now_seconds()
    leaf = probe.seen.chain[0]
    last_day = min(probe.seen.chain, key=lambda each: each.not_valid_after_utc)
    begins, ends = leaf.not_valid_before_utc, last_day.not_valid_after_utc
    whose = "" if last_day is leaf else " (an intermediate certificate)"
    days = int((ends.timestamp() - now) // _DAY_SECONDS)
    facts: dict[str, Fact] = {
        "not_before": _day(begins),
        "not_after": ends.isoformat(),
        "not_after_seconds": ends.timestamp(),
        "days": days,
    }
    if begins.timestamp() > now:
        return _CERTIFICATE.failure(
            "expiry",
            "Valid",
            f"not before {_day(begins)}: too early",
            "Check the clocks of this machine and of the issuer.",
            facts=facts,
        )
    if ends.timestamp() < now:
        return _CERTIFICATE.failure(
            "expiry", "Valid", f"expired on {_day(ends)}, {-days - 1} days ago{whose}", _RENEW, facts=facts
        )
    if days < probe.settings.warn_days:
        return _CERTIFICATE.warning(
            "expiry", "Valid", f"until {_day(ends)}: only {days} days left{whose}", _RENEW, facts=facts
        )
    return _CERTIFICATE.good("expiry", "Valid", f"until {_day(ends)}, {days} days{whose}", facts=facts)


def _key(leaf: x509.Certificate) -> Finding:
    try:
        key = leaf.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return _CERTIFICATE.unknown("key", "Key", "of a kind that this machine does not know")
    kind, bits, least = type(key).__name__.removesuffix("PublicKey").lstrip("_"), 256, 0
    if isinstance(key, (rsa.RSAPublicKey, dsa.DSAPublicKey)):
        kind, bits, least = "RSA" if isinstance(key, rsa.RSAPublicKey) else "DSA", key.key_size, _RSA_BITS
    elif isinstance(key, ec.EllipticCurvePublicKey):
        kind, bits, least = f"ECDSA {key.curve.name}", key.key_size, _CURVE_BITS
    if bits < least:
        return _CERTIFICATE.failure(
            "key",
            "Key",
            f"{kind} with {bits} bits is too weak: current programs refuse it",
            "Make a new key: ECDSA P-256, or RSA with 2048 bits or more.",
            cap="D",
            facts={"kind": kind, "bits": bits},
        )
    return _CERTIFICATE.good(
        "key",
        "Key",
        kind if "ECDSA" in kind or "Ed" in kind else f"{kind}, {bits} bits",
        facts={"kind": kind, "bits": bits},
    )


def _signature(chain: tuple[x509.Certificate, ...]) -> Finding:
    """A root's signature on itself proves nothing and is not judged."""
    names = [_signature_name(each) for each in chain]
    weak = sorted(
        {
            name
            for name, each in zip(names, chain, strict=True)
            if name.endswith(("MD5", "SHA-1")) and (each is chain[0] or each.issuer != each.subject)
        }
    )
    if weak:
        return _CERTIFICATE.failure(
            "signature",
            "Signature",
            f"{', '.join(weak)} can be forged: programs refuse it",
            "Have it issued anew with SHA-256.",
            cap="D",
            facts={"algorithms": names},
        )
    return _CERTIFICATE.good("signature", "Signature", names[0], facts={"algorithms": names})


def _signature_name(certificate: x509.Certificate) -> str:
    """Such as `ECDSA with SHA-256`; `Ed25519` has its digest built in."""
    name = certificate.signature_algorithm_oid._name
    try:
        digest = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        digest = None
    if digest is None:
        return name.capitalize()
    kind = "ECDSA" if "ecdsa" in name else "DSA" if "dsa" in name else "RSA"
    return f"{kind} with {digest.name.upper().replace('SHA', 'SHA-')}"


async def _timestamps(probe: Probe, leaf: x509.Certificate) -> Finding:
    """In the certificate, or sent along in the handshake (seen in TLS 1.2, where that is not encrypted)."""
    try:
        embedded = leaf.extensions.get_extension_for_class(x509.PrecertificateSignedCertificateTimestamps).value
        count = len(list(embedded))
    except (x509.ExtensionNotFound, ValueError):
        count = 0
    if count:
        said = f"{count} certificate timestamp{'s' if count > 1 else ''} (SCT) in it"
        return _CERTIFICATE.good("sct", "Transparency", said, facts={"count": count})
    try:
        answer = await ask(probe, Version.TLS1_2, [suite for suite in all_suites() if suite.strength is Strength.GOOD])
    except Trouble:
        answer = Refusal.HUNG_UP
    if isinstance(answer, ServerHello) and answer.has_sct:
        said = "certificate timestamps (SCT) sent along in the handshake"
        return _CERTIFICATE.good("sct", "Transparency", said, facts={"count": 0, "in_handshake": True})
    said = "no timestamps (SCT) in it; usual for a private authority"
    return _CERTIFICATE.note("sct", "Transparency", said, facts={"count": 0})


def _chain(chain: tuple[x509.Certificate, ...]) -> Finding:
    if any(one.issuer != above.subject for one, above in itertools.pairwise(chain)):
        return _CERTIFICATE.warning(
            "chain", "Chain", f"{len(chain)} sent, out of order or unrelated", _SENT_ALONG, facts={"count": len(chain)}
        )
    extra = " with the root, which is not needed" if len(chain) > 1 and chain[-1].issuer == chain[-1].subject else ""
    return _CERTIFICATE.good("chain", "Chain", f"{len(chain)} sent, in order{extra}", facts={"count": len(chain)})


def _tlsa(probe: Probe) -> tuple[Finding, ...]:
    records = probe.seen.tlsa
    if records is None or not records.texts:
        return ()
    if any(_tlsa_matches(text, probe.seen.chain) for text in records.texts):
        return (_CERTIFICATE.good("tlsa", "TLSA", "a published record matches", facts={"matches": True}),)
    said = "no published TLSA record matches this certificate"
    remedy = "Publish the record of the new certificate before you change it: see pillarbox dns."
    if records.is_validated:
        return (_CERTIFICATE.failure("tlsa", "TLSA", said, remedy, facts={"matches": False}),)
    return (_CERTIFICATE.warning("tlsa", "TLSA", said, remedy, facts={"matches": False}),)


def _tlsa_matches(text: str, chain: tuple[x509.Certificate, ...]) -> bool:
    """`usage selector matching-type data` (RFC 6698 section 2.2); even usages name an authority, odd ones a server."""
    try:
        usage, selector, matching, *parts = text.split()
        wanted = bytes.fromhex("".join(parts))
        candidates = chain[:1] if int(usage) % 2 else chain[1:]
        return any(wanted == _tlsa_data(each, int(selector), int(matching)) for each in candidates)
    except ValueError:
        return False


def _tlsa_data(certificate: x509.Certificate, selector: int, matching: int) -> bytes:
    data = certificate.public_bytes(serialization.Encoding.DER)
    if selector == 1:
        data = certificate.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    return {1: hashlib.sha256(data).digest(), 2: hashlib.sha512(data).digest()}.get(matching, data)


def _day(moment: datetime.datetime) -> str:
    return moment.date().isoformat()
