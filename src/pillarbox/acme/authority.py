"""Talks with one authority: its directory, our account there, orders, revocation, renewal information.

The library `acme` speaks the protocol; what it raises leaves here as AcmeTrouble.

Must never: speak to an authority without HTTPS; make an account when its terms were not agreed to.

RFC 8555 sections 7.1.1 (directory), 7.3 (accounts), 7.3.4 (external account binding), 7.4 (orders), 7.6 (revocation);
RFC 9773 sections 4.1 (renewal information) and 5 (what an order replaces).
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from acme import errors, messages
from acme.client import ClientNetwork, ClientV2
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from josepy.interfaces import JSONDeSerializable
from josepy.json_util import field
from josepy.jwa import ES256
from josepy.jwk import JWKEC
from josepy.util import ComparableECKey
from requests import Response

from pillarbox import __version__
from pillarbox.acme.folder import Issued, make_private, write_private
from pillarbox.acme.problems import TROUBLES, explained
from pillarbox.acme.schedule import Window, ask_again_seconds
from pillarbox.acme.settings import AcmeSettings
from pillarbox.acme.trouble import AcmeTrouble, plain
from pillarbox.clock import Clock

_KEY: Final = "key.pem"
_ACCOUNT: Final = "account.json"
_ANSWER_SECONDS: Final = 30
"""For one HTTP request."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What renewal information says."""

    window: Window
    ask_again_seconds: float
    """From now on."""


class _Order(messages.NewOrder):
    """With what RFC 9773 section 5 adds."""

    replaces: str | None = field("replaces", omitempty=True)


class Authority:
    """An authority whose directory was read. Every method raises AcmeTrouble when it refuses or can't be reached."""

    def __init__(self, settings: AcmeSettings, accounts_path: Path, clock: Clock) -> None:
        """Raises AcmeTrouble, OSError."""
        self._settings = settings
        self._clock = clock
        self._url = settings.directory_url
        self._retry_after = ""
        if urlsplit(self._url).scheme != "https":
            raise AcmeTrouble(f'acme.directory_url has to begin with "https://"; it is {self._url}')
        self._home = accounts_path / _account_folder(self._url)
        make_private(self._home)
        self.key = self._account_key()
        verify: Any = True if settings.ca_path is None else str(settings.ca_path)  # Any: the library says bool only
        if settings.ca_path is not None and not settings.ca_path.is_file():
            raise AcmeTrouble(f"acme.ca_path: there is no file {settings.ca_path}")
        self._network = ClientNetwork(
            self.key,
            alg=ES256,
            verify_ssl=verify,
            user_agent=f"pillarbox/{__version__}",
            timeout=_ANSWER_SECONDS,
        )
        self._network.session.hooks["response"].append(self._note)
        with self._explained():
            self._directory = ClientV2.get_directory(self._url, self._network)
            self._client = ClientV2(self._directory, self._network)

    @property
    def tells_when_to_renew(self) -> bool:
        """Whether it offers renewal information."""
        return bool(getattr(self._directory, "renewalInfo", ""))

    def sign_in(self) -> None:
        """Use our account, made when there is none."""
        path, contact = self._home / _ACCOUNT, self._contact()
        known: dict[str, Any] = {}  # Any: what the file holds
        with contextlib.suppress(OSError, ValueError):
            known = dict(json.loads(path.read_bytes()))
        uri = str(known.get("uri", ""))
        with self._explained():
            if not uri:
                uri = self._register()
            self._use(uri)
            if known and known.get("contact") != list(contact):
                self._client.update_registration(
                    messages.RegistrationResource(uri=uri, body=messages.Registration(contact=contact))
                )
        told = {"uri": uri, "contact": list(contact), "directory": self._url}
        if told != known:
            write_private(path, json.dumps(told).encode())

    def forget_account(self) -> None:
        """The authority does not know it any more; the next sign_in makes one anew."""
        (self._home / _ACCOUNT).unlink(missing_ok=True)
        self._network.account = None

    def order(self, csr_pem: bytes, names: Sequence[str], replaces: str) -> messages.OrderResource:
        """Ask for a certificate; the answer says what has to be proved. `replaces` is the identifier of the certificate
        that this one follows, or ""."""
        identifiers = [messages.Identifier(typ=messages.IDENTIFIER_FQDN, value=name) for name in names]
        with self._explained():
            try:
                response = self._post("newOrder", _Order(identifiers=identifiers, replaces=replaces or None))
            except (messages.Error, errors.ConflictError) as error:
                if not replaces or getattr(error, "code", "") == "rateLimited":
                    raise  # else: it was replaced already, which is no reason to have none
                response = self._post("newOrder", _Order(identifiers=identifiers))
            body = messages.Order.from_json(response.json())
            proofs = [self._authorization(url) for url in body.authorizations]
            return messages.OrderResource(
                body=body, uri=response.headers["Location"], authorizations=proofs, csr_pem=csr_pem
            )

    def answer(self, challenge: messages.ChallengeBody) -> None:
        """Tell that a challenge can be looked at."""
        with self._explained():
            self._client.answer_challenge(challenge, challenge.chall.response(self.key))

    def wait_for_proofs(self, order: messages.OrderResource) -> messages.OrderResource:
        """Return when it has looked at all challenges, and was content."""
        with self._explained():
            done = self._client.poll_authorizations(order, self._deadline())
        for each in done.authorizations:
            if each.body.status != messages.STATUS_VALID:
                raise AcmeTrouble(f"{plain(each.body.identifier.value)}: the authority gives no reason for its refusal")
        return done

    def certificate(self, order: messages.OrderResource) -> bytes:
        """Have the certificate issued: PEM, with its chain."""
        with self._explained():
            return str(self._client.finalize_order(order, self._deadline()).fullchain_pem).encode()

    def revoke(self, certificate: x509.Certificate, reason: int) -> None:
        """Tell the world that a certificate counts no longer; once it is revoked, again does no harm."""
        with self._explained():
            try:
                self._client.revoke(certificate, reason)
            except messages.Error as error:
                if error.code != "alreadyRevoked":
                    raise

    def suggestion(self, issued: Issued) -> Suggestion:
        """When it wants a certificate renewed; only while `tells_when_to_renew`, and before it has expired."""
        url = f"{str(self._directory['renewalInfo']).rstrip('/')}/{certificate_identifier(issued.certificate)}"
        with self._explained():
            response = self._network.get(url)
            told = response.json()
            start, end = (_moment(told["suggestedWindow"][each]) for each in ("start", "end"))
            if end <= start:
                raise ValueError("the window ends before it begins")
            window = Window(start, end, plain(str(told.get("explanationURL", ""))))
            return Suggestion(window, ask_again_seconds(response.headers.get("Retry-After", "")))

    # --- the account ------------------------------------------------------------------------------

    def _account_key(self) -> JWKEC:
        path = self._home / _KEY
        try:
            pem = path.read_bytes()
        except FileNotFoundError:
            made = ec.generate_private_key(ec.SECP256R1())
            pem = made.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            write_private(path, pem)
        try:
            key = serialization.load_pem_private_key(pem, None)
        except (ValueError, TypeError):
            key = None
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise AcmeTrouble(f"{path} is not the key of an account; move it away for a new account")
        return JWKEC(key=ComparableECKey(key))

    def _register(self) -> str:
        """A new account, or the one that this key has already."""
        settings, meta = self._settings, self._directory.meta
        terms = getattr(meta, "terms_of_service", None)
        if terms and not settings.terms_agreed:
            raise AcmeTrouble(
                f"the authority wants its terms agreed to: read {plain(str(terms))} and set acme.terms_agreed = true"
            )
        asked: dict[str, Any] = {"contact": self._contact()}
        if settings.terms_agreed:
            asked["terms_of_service_agreed"] = True
        if settings.eab_key_id:
            asked["external_account_binding"] = messages.ExternalAccountBinding.from_data(
                self.key.public_key(), settings.eab_key_id, self._binding_key(), self._directory
            )
        elif self._client.external_account_required():
            raise AcmeTrouble("the authority wants acme.eab_key_id and acme.eab_key_path, which its customers get")
        try:
            return str(self._client.new_account(messages.NewRegistration(**asked)).uri)
        except errors.ConflictError as known:
            return str(known.location)

    def _contact(self) -> tuple[str, ...]:
        return tuple(f"mailto:{each}" for each in self._settings.contact)

    def _binding_key(self) -> str:
        path = self._settings.eab_key_path
        try:
            key = "" if path is None else path.read_text("ascii").strip().rstrip("=")
            base64.urlsafe_b64decode(key + "=" * (-len(key) % 4))
        except OSError as error:
            raise AcmeTrouble(f"acme.eab_key_path: {path} can't be read: {error.strerror}") from error
        except ValueError as error:
            raise AcmeTrouble(f"acme.eab_key_path: {path} holds no key in base64url") from error
        if not key:
            raise AcmeTrouble("acme.eab_key_path has to name a file with the key that belongs to acme.eab_key_id")
        return key

    def _use(self, uri: str) -> None:
        self._network.account = messages.RegistrationResource(uri=uri, body=messages.Registration())

    # --- asking -----------------------------------------------------------------------------------

    def _authorization(self, url: str) -> messages.AuthorizationResource:
        response = self._network.post(url, None, new_nonce_url=self._directory["newNonce"])
        return messages.AuthorizationResource(body=messages.Authorization.from_json(response.json()), uri=url)

    def _post(self, resource: str, asked: JSONDeSerializable) -> Response:
        return self._network.post(self._directory[resource], asked, new_nonce_url=self._directory["newNonce"])

    def _deadline(self) -> datetime:
        """The library compares with the local time, without a zone."""
        now = datetime.fromtimestamp(self._clock.now_seconds())  # noqa: DTZ006 - as said
        return now + timedelta(seconds=self._settings.patience_seconds)

    def _note(self, response: Response, *_args: object, **_more: object) -> None:
        self._retry_after = response.headers.get("Retry-After", "")

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        self._retry_after = ""
        try:
            yield
        except TROUBLES as error:
            if isinstance(error, messages.Error) and error.code == "accountDoesNotExist":
                self.forget_account()
            raise explained(error, self._url, self._wait_seconds()) from error

    def _wait_seconds(self) -> float:
        """What the last answer wanted to be waited for (RFC 9110 section 10.2.3)."""
        said = self._retry_after
        if said.isascii() and said.isdigit():
            return float(said)
        try:
            return max(0.0, parsedate_to_datetime(said).timestamp() - self._clock.now_seconds()) if said else 0.0
        except ValueError:
            return 0.0


def certificate_identifier(certificate: x509.Certificate) -> str:
    """What renewal information is asked by, "" for a certificate without a key identifier of its issuer.

    Quote (RFC 9773 section 4.1): base64url(AKI keyIdentifier) "." base64url(Serial), without padding; the serial is the
    content of its DER encoding, with a leading zero byte where the first bit is set.
    """
    try:
        issuer = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except x509.ExtensionNotFound:
        return ""
    number = certificate.serial_number
    serial = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (issuer or b"", serial))


def _moment(text: str) -> float:
    """RFC 3339 -> seconds. Raises ValueError."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("a moment without a zone")
    return found.timestamp()


def _account_folder(url: str) -> str:
    """Readable, and another one for each directory."""
    host = "".join(each if each.isalnum() or each in ".-" else "_" for each in urlsplit(url).hostname or "")
    return f"{host}-{hashlib.sha256(url.encode()).hexdigest()[:8]}"
