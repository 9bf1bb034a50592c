"""Does the server answer where it is to listen, and with the certificate that is in the files?

Must never: log in, or send more than the TLS handshake.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pillarbox.app.client_setup import served_certificate
from pillarbox.app.settings import ServerSettings
from pillarbox.config import format_address
from pillarbox.doctor.findings import Area, Finding, Scribe
from pillarbox.doctor.patient import Patient
from pillarbox.net.settings import ListenAddress
from pillarbox.net.tls import PROTOCOL, CertificateUnusable
from pillarbox.web.settings import DOOR

_SCRIBE: Final = Scribe(Area.REACH)
PATIENCE_SECONDS: Final = 5.0
_GREETING_BYTES: Final = 4_096
_EVERYWHERE: Final = {"*": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared with, not bound


@dataclass(frozen=True, slots=True)
class _Answer:
    """What came back."""

    certificate: bytes
    """DER."""
    greeting: str


async def look(patient: Patient) -> list[Finding]:
    settings = patient.settings
    found = [await _imap(settings, address) for address in settings.listen]
    found += [await _web(settings, address) for address in settings.web.listen]
    return found


async def _imap(settings: ServerSettings, address: ListenAddress) -> Finding:
    answer = await _ask("imap", address, PROTOCOL)
    if isinstance(answer, Finding):
        return answer
    where = format_address(address)
    if not answer.greeting.startswith("* OK"):
        said = answer.greeting[:60] or "nothing"
        return _SCRIBE.failure(
            "imap", f"{where} speaks TLS, but greets with: {said}", "Another program is there: sudo ss -ltnp"
        )
    return _judge("imap", f"IMAP answers at {where}", settings, answer)


async def _web(settings: ServerSettings, address: ListenAddress) -> Finding:
    answer = await _ask("web", address, DOOR.protocol)
    if isinstance(answer, Finding):
        return answer
    return _judge("web", f"HTTPS answers at {format_address(address)}", settings, answer)


def _judge(name: str, said: str, settings: ServerSettings, answer: _Answer) -> Finding:
    try:
        kept = served_certificate(settings)
    except CertificateUnusable:
        return _SCRIBE.good(name, said)  # said under Certificate
    if answer.certificate != kept.public_bytes(Encoding.DER):
        shown = x509.load_der_x509_certificate(answer.certificate)
        return _SCRIBE.warning(
            name,
            f"{said}, but shows another certificate than the files hold (valid until "
            f"{shown.not_valid_after_utc:%Y-%m-%d})",
            "Look for certificate.unusable in the log; other paths in the settings count from the next start.",
        )
    return _SCRIBE.good(name, said)


async def _ask(name: str, address: ListenAddress, protocol: str) -> _Answer | Finding:
    where = format_address(address)
    if not address.port:
        return _SCRIBE.note(name, "port 0 takes any free port, so there is nothing to try")
    host = _EVERYWHERE.get(address.host, address.host)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await _talk(host, address.port, protocol)
    except ConnectionRefusedError:
        remedy = "Start it: pillarbox serve"
        if address.port < 1024:
            remedy += " (ports below 1024 need root or CAP_NET_BIND_SERVICE, docs/operate.md)"
        remedy += ". One that was started with --listen: name that address in pillarbox.toml, `listen`."
        return _SCRIBE.warning(
            name, f"nothing listens at {where}: the server does not run, or does so elsewhere", remedy
        )
    except TimeoutError:
        return _SCRIBE.failure(
            name, f"{where} does not answer in {PATIENCE_SECONDS:.0f} s", "pillarbox firewall status; see the log."
        )
    except ssl.SSLError as error:
        reason = (error.reason or "no TLS").replace("_", " ").lower()
        return _SCRIBE.failure(
            name, f"{where} fails the TLS handshake: {reason}", "Another program may be there: sudo ss -ltnp"
        )
    except OSError as error:
        return _SCRIBE.failure(
            name, f"{where}: {error.strerror or error}", "Is this address one of the machine's? See: ip address"
        )


async def _talk(host: str, port: int, protocol: str) -> _Answer:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # what is shown is compared with the files, byte for byte
    context.set_alpn_protocols([protocol])
    reader, writer = await asyncio.open_connection(host, port, ssl=context)
    try:
        tls = writer.get_extra_info("ssl_object")
        certificate = tls.getpeercert(binary_form=True) or b""
        greeting = await reader.read(_GREETING_BYTES) if protocol == PROTOCOL else b""
        return _Answer(certificate, greeting.decode("ascii", "replace").strip())
    finally:
        writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            await writer.wait_closed()
