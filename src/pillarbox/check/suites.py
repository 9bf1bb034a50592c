"""Cipher suites by their code, and what is wrong with each, judged from its IANA name.

Left out: suites with PSK, SRP or Kerberos (they need a key agreed beforehand, which no mail program has) and GOST.

Must never: call a suite fine because it is unknown.

RFC 2246, 4346, 5246 appendix A.5, 8446 appendix B.4; 3268, 4132, 4162, 5288, 5289, 5932, 6209, 6367, 6655, 7251, 7905,
8422. Weaknesses: RFC 7457, 7465 (RC4), 8996, 9325 (recommendations, BCP 195).
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final


class Strength(enum.Enum):
    """How a suite is judged, best first."""

    GOOD = "good"
    """Forward secrecy and authenticated encryption."""
    DATED = "dated"
    """No forward secrecy, or CBC: RFC 9325 advises against it."""
    WEAK = "weak"
    """Breakable with effort."""
    NONE = "no protection"
    """No encryption, no authentication, or export keys."""


@dataclass(frozen=True, slots=True)
class Suite:
    """One code point."""

    code: int
    name: str

    @property
    def is_1_3(self) -> bool:
        return self.code >> 8 == 0x13

    @property
    def exchange(self) -> str:
        """How keys are agreed, export kinds with their full ones; empty for TLS 1.3, where suites don't say."""
        return "" if self.is_1_3 else self.name.removeprefix("TLS_").partition("_WITH_")[0].partition("_EXPORT")[0]

    @property
    def needs_1_2(self) -> bool:
        """Authenticated encryption and SHA-2 came with TLS 1.2."""
        return self.name.endswith(("SHA256", "SHA384", "CCM", "CCM_8"))

    @property
    def faults(self) -> tuple[str, ...]:
        """What is wrong with it, worst first, in words; empty for a good one."""
        return tuple(fault for _, fault in _faults(self))

    @property
    def strength(self) -> Strength:
        return next((strength for strength, _ in _faults(self)), Strength.GOOD)


_ALL_SIX: Final = "RSA DH_DSS DH_RSA DHE_DSS DHE_RSA DH_anon"
_GCM_ORDER: Final = "RSA DHE_RSA DH_RSA DHE_DSS DH_DSS DH_anon"
_ELLIPTIC: Final = "ECDHE_ECDSA ECDH_ECDSA ECDHE_RSA ECDH_RSA"

_FAMILIES: Final[tuple[tuple[int, str, str], ...]] = (
    # (first code, key exchanges, ciphers): codes count up cipher by cipher, then key exchange by key exchange.
    (0x0001, "RSA", "NULL_MD5 NULL_SHA"),
    (0x0003, "RSA_EXPORT", "RC4_40_MD5"),
    (0x0004, "RSA", "RC4_128_MD5 RC4_128_SHA"),
    (0x0006, "RSA_EXPORT", "RC2_CBC_40_MD5"),
    (0x0007, "RSA", "IDEA_CBC_SHA"),
    (0x0008, "RSA_EXPORT", "DES40_CBC_SHA"),
    (0x0009, "RSA", "DES_CBC_SHA 3DES_EDE_CBC_SHA"),
    (0x000B, "DH_DSS_EXPORT", "DES40_CBC_SHA"),
    (0x000C, "DH_DSS", "DES_CBC_SHA 3DES_EDE_CBC_SHA"),
    (0x000E, "DH_RSA_EXPORT", "DES40_CBC_SHA"),
    (0x000F, "DH_RSA", "DES_CBC_SHA 3DES_EDE_CBC_SHA"),
    (0x0011, "DHE_DSS_EXPORT", "DES40_CBC_SHA"),
    (0x0012, "DHE_DSS", "DES_CBC_SHA 3DES_EDE_CBC_SHA"),
    (0x0014, "DHE_RSA_EXPORT", "DES40_CBC_SHA"),
    (0x0015, "DHE_RSA", "DES_CBC_SHA 3DES_EDE_CBC_SHA"),
    (0x0017, "DH_anon_EXPORT", "RC4_40_MD5"),
    (0x0018, "DH_anon", "RC4_128_MD5"),
    (0x0019, "DH_anon_EXPORT", "DES40_CBC_SHA"),
    (0x001A, "DH_anon", "DES_CBC_SHA 3DES_EDE_CBC_SHA"),
    (0x002F, _ALL_SIX, "AES_128_CBC_SHA"),
    (0x0035, _ALL_SIX, "AES_256_CBC_SHA"),
    (0x003B, "RSA", "NULL_SHA256 AES_128_CBC_SHA256 AES_256_CBC_SHA256"),
    (0x003E, "DH_DSS DH_RSA DHE_DSS", "AES_128_CBC_SHA256"),
    (0x0041, _ALL_SIX, "CAMELLIA_128_CBC_SHA"),
    (0x0062, "RSA_EXPORT1024 DHE_DSS_EXPORT1024", "DES_CBC_SHA"),
    (0x0064, "RSA_EXPORT1024 DHE_DSS_EXPORT1024", "RC4_56_SHA"),
    (0x0066, "DHE_DSS", "RC4_128_SHA"),
    (0x0067, "DHE_RSA", "AES_128_CBC_SHA256"),
    (0x0068, "DH_DSS DH_RSA DHE_DSS DHE_RSA", "AES_256_CBC_SHA256"),
    (0x006C, "DH_anon", "AES_128_CBC_SHA256 AES_256_CBC_SHA256"),
    (0x0084, _ALL_SIX, "CAMELLIA_256_CBC_SHA"),
    (0x0096, _ALL_SIX, "SEED_CBC_SHA"),
    (0x009C, _GCM_ORDER, "AES_128_GCM_SHA256 AES_256_GCM_SHA384"),
    (0x00BA, _ALL_SIX, "CAMELLIA_128_CBC_SHA256"),
    (0x00C0, _ALL_SIX, "CAMELLIA_256_CBC_SHA256"),
    (0xC001, "ECDH_ECDSA ECDHE_ECDSA ECDH_RSA ECDHE_RSA ECDH_anon",
     "NULL_SHA RC4_128_SHA 3DES_EDE_CBC_SHA AES_128_CBC_SHA AES_256_CBC_SHA"),
    (0xC023, _ELLIPTIC, "AES_128_CBC_SHA256 AES_256_CBC_SHA384"),
    (0xC02B, _ELLIPTIC, "AES_128_GCM_SHA256 AES_256_GCM_SHA384"),
    (0xC03C, f"{_ALL_SIX} {_ELLIPTIC}", "ARIA_128_CBC_SHA256 ARIA_256_CBC_SHA384"),
    (0xC050, f"{_GCM_ORDER} {_ELLIPTIC}", "ARIA_128_GCM_SHA256 ARIA_256_GCM_SHA384"),
    (0xC072, _ELLIPTIC, "CAMELLIA_128_CBC_SHA256 CAMELLIA_256_CBC_SHA384"),
    (0xC07A, f"{_GCM_ORDER} {_ELLIPTIC}", "CAMELLIA_128_GCM_SHA256 CAMELLIA_256_GCM_SHA384"),
    (0xC09C, "RSA DHE_RSA", "AES_128_CCM AES_256_CCM"),
    (0xC0A0, "RSA DHE_RSA", "AES_128_CCM_8 AES_256_CCM_8"),
    (0xC0AC, "ECDHE_ECDSA", "AES_128_CCM AES_256_CCM AES_128_CCM_8 AES_256_CCM_8"),
    (0xCCA8, "ECDHE_RSA ECDHE_ECDSA DHE_RSA", "CHACHA20_POLY1305_SHA256"),
)  # fmt: skip

_OF_1_3: Final = (
    (0x1301, "TLS_AES_128_GCM_SHA256"),
    (0x1302, "TLS_AES_256_GCM_SHA384"),
    (0x1303, "TLS_CHACHA20_POLY1305_SHA256"),
    (0x1304, "TLS_AES_128_CCM_SHA256"),
    (0x1305, "TLS_AES_128_CCM_8_SHA256"),
)

_FAULTS: Final = (
    (Strength.NONE, "_NULL_", "no encryption"),
    (Strength.NONE, "_anon_", "no proof who the server is"),
    (Strength.NONE, "_EXPORT", "export-grade keys"),
    (Strength.WEAK, "_RC4_", "RC4 is broken"),
    (Strength.WEAK, "_RC2_", "RC2 is broken"),
    (Strength.WEAK, "_DES_", "56-bit keys"),
    (Strength.WEAK, "_3DES_", "64-bit blocks (Sweet32)"),
    (Strength.WEAK, "_IDEA_", "64-bit blocks (Sweet32)"),
    (Strength.WEAK, "_MD5", "MD5"),
)


def _faults(suite: Suite) -> Iterator[tuple[Strength, str]]:
    yield from ((strength, fault) for strength, part, fault in _FAULTS if part in suite.name)
    if suite.is_1_3:
        return
    if not suite.name.startswith(("TLS_ECDHE_", "TLS_DHE_", "TLS_DH_anon_", "TLS_ECDH_anon_")):
        yield Strength.DATED, "no forward secrecy"
    if "_CBC_" in suite.name:
        yield Strength.DATED, "CBC"


@cache
def all_suites() -> tuple[Suite, ...]:
    """Every suite that is known, TLS 1.3's first."""
    older = (
        Suite(first + number, f"TLS_{exchange}_WITH_{cipher}")
        for first, exchanges, ciphers in _FAMILIES
        for number, (exchange, cipher) in enumerate((e, c) for e in exchanges.split() for c in ciphers.split())
    )
    return (*(Suite(code, name) for code, name in _OF_1_3), *older)
