"""What a client may say before STARTTLS, in memory; split at any byte."""

from __future__ import annotations

import pytest

from pillarbox.conversation import Then
from pillarbox.imap.limits import ImapLimits
from pillarbox.imap.overture import ImapOverture

OFFERED = "IMAP4rev2 IMAP4rev1 ID STARTTLS LOGINDISABLED"


def say(data: bytes, step: int = 1_000_000) -> tuple[bytes, Then]:
    overture, said, then = ImapOverture(ImapLimits()), b"", Then.MORE
    for at in range(0, len(data), step):
        answer, then = overture.receive(data[at : at + step])
        said += answer
        if then is not Then.MORE:
            break
    return said, then


def test_the_greeting_offers_starttls_and_no_login() -> None:
    assert ImapOverture(ImapLimits()).greeting() == (
        f"* OK [CAPABILITY {OFFERED}] Pillarbox ready for STARTTLS\r\n".encode()
    )


@pytest.mark.parametrize("step", [1, 2, 7, 1000])
@pytest.mark.parametrize(
    ("sent", "answer", "then"),
    [
        (b"a CAPABILITY\r\n", f"* CAPABILITY {OFFERED}\r\na OK CAPABILITY completed\r\n".encode(), Then.MORE),
        (b"a noop\r\nb NOOP\r\n", b"a OK NOOP completed\r\nb OK NOOP completed\r\n", Then.MORE),
        (b'a ID ("name" "x")\r\n', b'* ID ("name" "Pillarbox")\r\na OK ID completed\r\n', Then.MORE),
        (b"\r\na LOGOUT\r\n", b"* BYE Logging out\r\na OK LOGOUT completed\r\n", Then.OVER),
        (b"a STARTTLS\r\n", b"a OK Begin TLS now\r\n", Then.TLS),
        (b"a LOGIN anna secret\r\n", b"a NO [PRIVACYREQUIRED] Say STARTTLS first\r\n", Then.MORE),
        (b"a AUTHENTICATE PLAIN AGEAYg==\r\n", b"a NO [PRIVACYREQUIRED] Say STARTTLS first\r\n", Then.MORE),
        (b"a SELECT INBOX\r\n", b"a BAD Say STARTTLS first\r\n", Then.MORE),
        (b"a STARTTLS now\r\n", b"a BAD Too many arguments, or something that doesn't belong there\r\n", Then.MORE),
        (b"a CHECK\r\n", b"a BAD Say STARTTLS first\r\n", Then.MORE),
        (b"a LOGIN {4}\r\n", b"a BAD No literals before TLS\r\n", Then.MORE),
        (b"a LOGIN {4+}\r\nanna {3+}\r\nabc\r\nb NOOP\r\n", b"a BAD No literals before TLS\r\nb OK NOOP completed\r\n",
         Then.MORE),
        (b"a X\r\nb X\r\nc X\r\nd STARTTLS\r\n",
         b"a BAD Say STARTTLS first\r\nb BAD Say STARTTLS first\r\nc BAD Say STARTTLS first\r\n"
         b"* BYE Too many invalid commands\r\n", Then.OVER),
    ],
)  # fmt: skip
def test_only_harmless_commands_are_answered(sent: bytes, answer: bytes, then: Then, step: int) -> None:
    assert say(sent, step) == (answer, then)


def test_commands_behind_starttls_end_the_talk_unheard() -> None:
    said, then = say(b"a STARTTLS\r\nb CAPABILITY\r\n")
    assert (said, then) == (b"* BYE Nothing may follow STARTTLS before TLS has begun\r\n", Then.OVER)


@pytest.mark.parametrize("sent", [b"a LOGIN {99999999999+}\r\n", b"\xff\x00" * 20_000 + b"\n", b"x" * 5_000_000])
def test_what_can_t_be_followed_is_never_kept(sent: bytes) -> None:
    overture = ImapOverture(ImapLimits())
    said, then = b"", Then.MORE
    for at in range(0, len(sent), 4096):
        answer, then = overture.receive(sent[at : at + 4096])
        said += answer
        if then is not Then.MORE:
            break
    assert len(said) < 200
    assert overture._framer.unread_bytes <= 2 * ImapLimits().line_bytes_before_login
