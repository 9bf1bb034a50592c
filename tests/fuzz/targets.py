"""What is fuzzed: parsers that strangers feed, each as one function of octets that returns unless it found something.

Must never: read a clock, a file or a socket, or be random: the same octets do the same.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import itertools
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from cryptography import x509  # noqa: F401 - loaded before the first execution

from pillarbox.auth.bearer import BearerMechanism, TokenGuide, XOAuth2Mechanism
from pillarbox.auth.claims import Claim, PasswordClaim, ScramClaim, TokenClaim, VouchedClaim
from pillarbox.auth.contract import Attempt, Denied, Granted, RefusalReason
from pillarbox.auth.exchange import Exchange
from pillarbox.auth.external import ExternalMechanism
from pillarbox.auth.ldap import ber
from pillarbox.auth.ldap.address import AddressInvalid, parse_address
from pillarbox.auth.ldap.filters import DnTemplate, FilterInvalid, FilterTemplate
from pillarbox.auth.ldap.messages import parse
from pillarbox.auth.ldap.settings import LdapEncryption
from pillarbox.auth.names import LoginNameInvalid, PasswordInvalid, prepare_login_name, prepare_password, printable_name
from pillarbox.auth.sasl import Challenge, LoginMechanism, Mechanism, PlainMechanism
from pillarbox.auth.sasl_settings import CertificateName
from pillarbox.auth.scram import Plus, ScramMechanism
from pillarbox.auth.scram_keys import ScramHash, ScramKeys, ScramParameters, derive_keys
from pillarbox.imap.wire.framer import (
    Event,
    FrameLimits,
    Framer,
    GoAhead,
    Hopeless,
    NoRoom,
    RawCommand,
    Rejected,
    Room,
)
from pillarbox.mime.dates import sent_date
from pillarbox.mime.digest import digest, header_size
from pillarbox.mime.limits import MimeLimits
from pillarbox.mime.parts import PartMap, SectionText
from pillarbox.mime.scan import Kind, scan
from pillarbox.mime.text import searchable_text
from pillarbox.secret import Secret
from pillarbox.store.contract import AccountId
from tests.mime.grammar import read_body, read_envelope

Target = Callable[[bytes], None]
FROM: Final = Attempt("192.0.2.7", "FUZZ")
NAME: Final = "fred"
NONCE: Final = b"3rfcNHYJY1ZVvWVs7j"
BINDING: Final = b"what both ends of TLS know"


# --- framer -----------------------------------------------------------------------------------------

LINE_BYTES: Final = 200
"""More than a tag may have: the framer tells the tag of a line that is too long."""
LITERAL_BYTES: Final = 20
LITERALS: Final = 3


def framer(data: bytes) -> None:
    """Whatever comes in whatever pieces gives the same events, and none holds more than the limits allow.

    The first octet says how the rest is cut.
    """
    step, stream = (data[0] % 9 if data else 0), data[1:]
    whole = framed([stream])
    pieces = [stream[at : at + step] for at in range(0, len(stream), step)] if step else [stream]
    assert framed(pieces) == whole, "the pieces matter"
    for event in whole:
        if isinstance(event, RawCommand):
            assert len(event.texts) == len(event.literals) + 1
            assert len(event.literals) <= LITERALS
            assert all(len(text) <= LINE_BYTES and b"\n" not in text for text in event.texts)
            assert all(isinstance(each.content, bytes) for each in event.literals)
            assert sum(len(each.content) for each in event.literals if isinstance(each.content, bytes)) <= (
                LITERALS * LITERAL_BYTES
            )
        elif isinstance(event, Rejected):
            assert event.text, "said without a word"
            assert len(event.tag) <= LINE_BYTES
            assert event.tag.isascii()
        else:
            assert isinstance(event, GoAhead | Hopeless)


def framed(pieces: Sequence[bytes]) -> list[Event]:
    """All events, up to one after which there is no hope. Refusals right before that may be left out, and of several
    reasons for it any may be told."""
    events: list[Event] = []
    limits = FrameLimits(line_bytes=LINE_BYTES, drain_bytes=50, literals=LITERALS, spilled_literals=1)
    taker = Framer(lambda text, size, held: Room() if size <= LITERAL_BYTES else NoRoom("too large", "TOOBIG"))
    for piece in pieces:
        taker.feed(memoryview(piece))
        while (event := taker.pull(limits)) is not None:
            if isinstance(event, Hopeless):
                assert event.text, "said without a word"
                while events and isinstance(events[-1], Rejected):
                    events.pop()
                return [*events, Hopeless("why")]
            events.append(event)
    return events


# --- SASL -------------------------------------------------------------------------------------------


class Bindings:
    """pillarbox.conversation.ChannelBindings of one connection."""

    types = ("tls-exporter", "tls-server-end-point")

    def data(self, binding_type: str) -> bytes:
        return BINDING + binding_type.encode() if binding_type in self.types else b""


class Door:
    """Knows one account with one password, which it grants when a claim is right; keeps all claims."""

    def __init__(self) -> None:
        self.claims: list[Claim] = []

    async def decide(self, claim: Claim, attempt: Attempt) -> Granted | Denied:
        self.claims.append(claim)
        if isinstance(claim, ScramClaim) and claim.login_name == NAME:
            keys = _keys(claim.hash)
            if claim.bound and keys.fits(claim.auth_message, claim.proof):
                return Granted(AccountId("1"), NAME, signature=keys.signature(claim.auth_message))
        return Denied(RefusalReason.WRONG_CREDENTIALS)

    def client_named(self, decision: int, client: str) -> None:
        pass

    async def parameters(self, hash: ScramHash, login_name: str) -> ScramParameters | Denied:
        return ScramParameters(b"0123456789abcdef", 1)


_GUIDE: Final = TokenGuide("mail", "https://issuer.example.org/.well-known/openid-configuration")
_MECHANISMS: Final[Sequence[Callable[[], Mechanism]]] = (
    PlainMechanism,
    LoginMechanism,
    lambda: BearerMechanism(_GUIDE),
    lambda: XOAuth2Mechanism(_GUIDE),
    lambda: ExternalMechanism(b"", CertificateName.EMAIL),
)


def sasl(data: bytes) -> None:
    """The first octet chooses the mechanism; then come the client's messages, each up to an octet 0xFE."""
    mechanism = _MECHANISMS[(data[0] if data else 0) % len(_MECHANISMS)]()
    door = Door()
    turn, claims = exchanged(mechanism, data[1:].split(b"\xfe"), door)
    assert not isinstance(turn, Granted)
    assert len(claims) <= 1
    for claim in claims:
        assert isinstance(claim, PasswordClaim | TokenClaim | VouchedClaim)
        looked_at(claim.login_name)
        if isinstance(claim, PasswordClaim):
            assert claim.login_name
            with contextlib.suppress(PasswordInvalid):
                assert prepare_password(claim.password.reveal())


def looked_at(name: str) -> None:
    """What is done with any name that somebody sent."""
    assert printable_name(name).isprintable()
    try:
        prepared = prepare_login_name(name)
    except LoginNameInvalid:
        return
    assert prepare_login_name(prepared) == prepared
    assert not set(prepared) & set('/\\*()\0\r\n "%')


def exchanged(mechanism: Mechanism, messages: Sequence[bytes], door: Door) -> tuple[object, list[Claim]]:
    """How an exchange ends, and what was claimed in it. Nothing in it waits for anything."""
    exchange = Exchange(mechanism, door, door, FROM)
    turn: object = finished(exchange.begin(messages[0]))
    for message in messages[1:]:
        if not isinstance(turn, Challenge):
            break
        turn = finished(exchange.answer(message))
    return turn, door.claims


def finished(coroutine: Coroutine[Any, Any, Any]) -> Any:  # Any: whatever it gives
    """Run what never waits."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits for something")


# --- SCRAM ------------------------------------------------------------------------------------------


def scram(data: bytes) -> None:
    """The client's two messages, up to an octet 0xFE each, after one that chooses the mechanism.

    `{r}` stands for the whole nonce, `{p}` for the right proof of what is before it, `{b}` for the binding: so right
    logins are found and damaged. Only an exchange that is right in every field may end in a login.
    """
    plus = (Plus.BARE, Plus.PLUS)[(data[0] if data else 0) % 2]
    first, _, last = data[1:].partition(b"\xfe")
    client_nonce = first.rpartition(b",r=")[2].partition(b",")[0]
    header = b",".join([*first.split(b",")[:2], b""])
    binding_type = header.removeprefix(b"p=").partition(b",")[0].decode("latin-1")
    binding = base64.b64encode(header + (Bindings().data(binding_type) if plus is Plus.PLUS else b""))
    last = last.replace(b"{r}", client_nonce + NONCE).replace(b"{b}", binding)
    if b",p={p}" in last:
        unproved = last.partition(b",p={p}")[0]
        last = last.replace(b"{p}", base64.b64encode(right_proof(first[len(header) :], client_nonce, unproved)))
    door = Door()
    mechanism = ScramMechanism(ScramHash.SHA_256, plus, Bindings(), lambda: NONCE)
    turn, claims = exchanged(mechanism, [first, last, b""], door)
    for claim in claims:
        assert isinstance(claim, ScramClaim)
        looked_at(claim.login_name)
    if isinstance(turn, Granted):
        said_binding, said_nonce = last.split(b",")[:2]
        assert said_nonce == b"r=" + client_nonce + NONCE, "another nonce"
        assert base64.b64decode(said_binding[2:]) == base64.b64decode(binding), "another binding"
        assert header[:1] == (b"p" if plus is Plus.PLUS else b"n"), "channel binding was talked away"


def right_proof(bare: bytes, client_nonce: bytes, unproved: bytes) -> bytes:
    """ClientProof, by RFC 5802 section 3, of the one password."""
    challenge = b"r=%b,s=%b,i=1" % (client_nonce + NONCE, base64.b64encode(b"0123456789abcdef"))
    keys = _keys(ScramHash.SHA_256)
    signature = hmac.digest(keys.stored_key, b",".join((bare, challenge, unproved)), "sha256")
    salted = hashlib.pbkdf2_hmac("sha256", b"pencil", b"0123456789abcdef", 1)
    return bytes(a ^ b for a, b in zip(hmac.digest(salted, b"Client Key", "sha256"), signature, strict=True))


def _keys(hash: ScramHash) -> ScramKeys:
    return derive_keys(hash, Secret(b"pencil"), ScramParameters(b"0123456789abcdef", 1))


# --- MIME -------------------------------------------------------------------------------------------

SMALL: Final = MimeLimits(depth=3, parts=4, header_bytes=120, addresses=2, parameters=2, parameter_bytes=30)


def mime(data: bytes) -> None:
    """All that is worked out of a message, for the usual limits or (by the first octet) for small ones."""
    limits, message = (SMALL if data[:1] < b"\x80" else MimeLimits()), data[1:]
    got = digest(message, limits)
    read_envelope(got.envelope)
    read_body(got.bodystructure)
    read_body(got.body)
    assert header_size(message, limits) == got.header_size <= len(message)
    _look_at_parts(message, limits)
    part_map = PartMap.unpack(got.parts)
    for part in part_map.parts():
        assert part_map.part(part.path) == part
        for what in SectionText:
            span = part_map.locate(part.path, what)
            assert span is None or 0 <= span.start <= span.end <= len(message)
    for text in itertools.islice(searchable_text(message, part_map), 1_000):
        assert text.encode("utf-8", "surrogatepass") is not None
    date = sent_date(message[: got.header_size])
    assert date is None or (1 <= date.month <= 12 and 1 <= date.day <= 31)


def _look_at_parts(message: bytes, limits: MimeLimits) -> None:
    """Parts lie in their parents, after each other."""
    entities = scan(message, limits)
    assert (entities[0].header_start, entities[0].body_end) == (0, len(message))
    for entity in entities:
        assert 0 <= entity.header_start <= entity.body_start <= entity.body_end <= len(message)
        at = entity.body_start
        for child in entity.children:
            assert entities[child].header_start >= at
            at = entities[child].body_end
        assert at <= entity.body_end
        assert entity.kind is not Kind.MULTIPART or entity.children


# --- LDAP -------------------------------------------------------------------------------------------

VALUES: Final = {"login": b"*)(uid=a\0\\", "local": b"*", "domain": b"", "dn": b"uid=*,dc=org"}


def ldap(data: bytes) -> None:
    """What a directory may send, and what an operator may type. Nothing but what is promised is raised."""
    with contextlib.suppress(ber.Malformed):
        size = ber.whole_size(data, 1 << 20)
        if size is not None and size <= len(data):
            parse(data[:size])
    text = data.decode("utf-8", "replace")
    with contextlib.suppress(AddressInvalid):
        parse_address(text, LdapEncryption.EXCEPT_LOOPBACK)
    with contextlib.suppress(FilterInvalid):
        DnTemplate(text).fill(VALUES)
    with contextlib.suppress(FilterInvalid):
        _same_shape(FilterTemplate(text))


def _same_shape(template: FilterTemplate) -> None:
    """A filter is of one shape, whatever is put in."""
    shapes = {_shape(ber.parse(template.fill(values))) for values in (VALUES, dict.fromkeys(VALUES, b"a"))}
    assert len(shapes) == 1


def _shape(element: ber.Element) -> tuple[object, ...]:
    children = element.children() if element.tag in (0xA0, 0xA1, 0xA2) else ()
    return (element.tag, *(_shape(child) for child in children))


TARGETS: Final[dict[str, Target]] = {"framer": framer, "sasl": sasl, "scram": scram, "mime": mime, "ldap": ldap}
"""By the names that the command line has for them."""
