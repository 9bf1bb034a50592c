"""What fuzzing starts from: good input of each target, and all that was ever found, which is kept in corpus/.

Must never: forget a find.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.fuzz.seeds import client_commands
from tests.mime import samples

CORPUS: Final = Path(__file__).parent / "corpus"
"""A folder for each target, a file for each find."""

_SASL: Final = (
    b"\x00\x00fred\x00pencil",
    b"\x00fred@example.org\x00FRED@example.org\x00pencil",
    b"\x01fred\xfepencil",
    b"\x01\xc3\xa9\xfe\xe2\x84\xab",
    b"\x02n,a=fred,\x01host=mail.example.org\x01port=993\x01auth=Bearer dG9rZW4=\x01\x01\xfe\x01",
    b"\x03user=fred@example.org\x01auth=Bearer dG9rZW4=\x01\x01\xfe",
    b"\x04",
    b"\x04fred@example.org",
)
_SCRAM: Final = (
    b"\x00n,,n=fred,r=fyko+d2lbb\xfec={b},r={r},p={p}",
    b"\x00n,a=fred,n=fred,r=fyko\xfec={b},r={r},p={p}",
    b"\x00y,,n=fred,r=fyko\xfec={b},r={r},p={p}",
    b"\x01p=tls-exporter,,n=fred,r=fyko\xfec={b},r={r},p={p}",
    b"\x01p=tls-server-end-point,,n=fred,r=fyko,x=1\xfec={b},r={r},y=2,p={p}",
    b"\x00n,,n=fr=2Ced=3D,r=fyko\xfec=biws,r={r},p=AAAA",
    b"\x00n,,m=1,n=fred,r=fyko\xfec={b},r={r},p={p}",
)
_LDAP: Final = (
    bytes.fromhex("300c02010161070a010004000400"),
    bytes.fromhex("301a02010264150409756964 3d612c6f3d62300830060403756964 3100".replace(" ", "")),
    b"(&(objectClass=person)(|(uid={login})(mail={local}@{domain}))(!(loginDisabled=TRUE)))",
    b"(userAccountControl:1.2.840.113556.1.4.803:=2)",
    b"(cn=a*{local}*\\2a)(",
    b"(cn:dn:caseIgnoreMatch:={dn})",
    b"uid={login},ou=people,dc=example,dc=org",
    b"ldaps://ldap.example.org:636/",
    b"ldapi://%2Frun%2Fslapd%2Fldapi",
)


def starts(target: str) -> Sequence[bytes]:
    """Good input, and the finds. Always in the same order."""
    return [*_good(target), *(path.read_bytes() for path in finds(target))]


def finds(target: str) -> Sequence[Path]:
    """The files of a target's finds."""
    return sorted((CORPUS / target).glob("*"))


def _good(target: str) -> Sequence[bytes]:
    match target:
        case "framer":
            return [bytes((number % 9,)) + command for number, command in enumerate(client_commands())]
        case "mime":
            return [first + message for message in samples.ALL for first in (b"\x00", b"\xff")]
        case "sasl":
            return _SASL
        case "scram":
            return _SCRAM
        case _:
            return _LDAP
