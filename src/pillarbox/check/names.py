"""What the DNS says about a host and a mail domain.

Must never: trust TLSA records that the resolver did not validate.

RFC 6186 and 8314 (SRV), 7671 and 6698 (TLSA), 8659 (CAA), 5321 section 5 (MX).
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
from dataclasses import dataclass
from typing import Final

import dns.asyncresolver
import dns.exception
import dns.flags
import dns.rdatatype
import dns.resolver

from pillarbox.check.settings import CheckSettings, Resolver
from pillarbox.check.trouble import TimedOut, Trouble, printable
from pillarbox.check.wire import Address

_MOST_RECORDS: Final = 20
_LONGEST_RECORD: Final = 16_384
"""A TLSA record may hold a whole certificate."""


@dataclass(frozen=True, slots=True)
class Records:
    """An answer: the records' texts as in zone files, and whether the resolver validated them (DNSSEC)."""

    texts: tuple[str, ...]
    is_validated: bool


class NoSuchName(Trouble):
    """The DNS says that this name does not exist, or has no addresses."""


def is_address(host: str) -> bool:
    """An address literal, not a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def mail_domain(host: str) -> str | None:
    """The likely part behind the @ for a host such as imap.example.org; None for addresses and bare names."""
    if is_address(host) or "." not in host.strip("."):
        return None
    first, rest = host.strip(".").split(".", 1)
    usual = ("imap", "imaps", "mail", "mx", "smtp", "submission", "pop", "pop3", "sieve", "outlook")
    return rest if first.rstrip("0123456789").lower() in usual and "." in rest else host.strip(".")


class Names:
    """Asks the system's resolver, or the one in the settings."""

    def __init__(self, settings: CheckSettings) -> None:
        self._limits = settings.limits
        self._given = settings.resolver
        self._resolver = _make(settings.resolver)

    async def addresses(self, host: str, port: int) -> tuple[Address, ...]:
        """IPv6 first, as programs try them. Raises NoSuchName or TimedOut."""
        if is_address(host):
            return (Address(host, port),)
        if self._given is None:
            texts = await self._ask_system(host)
        else:
            both = [await self.records(host, kind) for kind in ("AAAA", "A")]
            texts = [text for records in both for text in records.texts]
        if not texts:
            raise NoSuchName(f"{printable(host)} has no address")
        return tuple(Address(text, port) for text in dict.fromkeys(texts))[: self._limits.addresses]

    async def records(self, name: str, kind: str) -> Records:
        """Empty when there are none. Raises TimedOut, or Trouble when the resolver fails."""
        if self._resolver is None:
            raise Trouble("this machine has no DNS resolver set")
        try:
            answer = await self._resolver.resolve(
                name, kind, lifetime=self._limits.step_seconds, raise_on_no_answer=False, search=False
            )
        except dns.resolver.NXDOMAIN:
            return Records((), is_validated=False)
        except dns.exception.Timeout as error:
            raise TimedOut("the DNS resolver does not answer in time") from error
        except (dns.exception.DNSException, OSError) as error:
            raise Trouble(f"the DNS resolver fails ({type(error).__name__})") from error
        texts = tuple(printable(record.to_text(), _LONGEST_RECORD) for record in answer.rrset or ())[:_MOST_RECORDS]
        return Records(texts, is_validated=bool(answer.response.flags & dns.flags.AD))

    async def _ask_system(self, host: str) -> list[str]:
        """getaddrinfo, which reads /etc/hosts too; in a thread that may be left behind when it hangs."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[list[str]] = loop.create_future()

        def settle(found: list[str] | None) -> None:
            if not done.done():
                if found is None:
                    done.set_exception(NoSuchName(f"the name {printable(host)} is not known"))
                else:
                    done.set_result(found)

        def ask() -> None:
            try:
                rows = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
                found: list[str] | None = [str(row[4][0]) for row in rows]
            except (OSError, UnicodeError):
                found = None
            if not loop.is_closed():
                loop.call_soon_threadsafe(settle, found)

        threading.Thread(target=ask, daemon=True).start()
        try:
            async with asyncio.timeout(self._limits.step_seconds):
                return await done
        except TimeoutError:
            raise TimedOut(f"the name {printable(host)} is not resolved in time") from None


def _make(given: Resolver | None) -> dns.asyncresolver.Resolver | None:
    if given is None:
        try:
            resolver = dns.asyncresolver.Resolver()
        except dns.resolver.NoResolverConfiguration:
            return None
    else:
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers = [given.address]
        resolver.port = given.port
    # AD in the query asks a validating resolver to say whether it validated (RFC 6840 section 5.7).
    resolver.set_flags(dns.flags.RD | dns.flags.AD)
    return resolver
