"""A DNS server on loopback that knows what a test tells it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from pillarbox.check.settings import Resolver


class _Answers(asyncio.DatagramProtocol):
    def __init__(self, zone: dict[tuple[str, str], list[str]], *, validates: bool) -> None:
        self._zone = zone
        self._validates = validates

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)  # it is one, by its methods only

    def datagram_received(self, data: bytes, sender: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(question.rdtype)
        reply = dns.message.make_response(query, recursion_available=True)
        if texts := self._zone.get((name, kind)):
            reply.answer.append(dns.rrset.from_text_list(question.name, 60, "IN", kind, texts))
        elif not any(known == name or known.endswith(f".{name}") for known, _ in self._zone):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        if self._validates:
            reply.flags |= dns.flags.AD
        self._transport.sendto(reply.to_wire(), sender)


@asynccontextmanager
async def dns_server(zone: dict[tuple[str, str], list[str]], *, validates: bool = False) -> AsyncIterator[Resolver]:
    """Yields where to ask."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: _Answers(zone, validates=validates), local_addr=("127.0.0.1", 0)
    )
    try:
        yield Resolver("127.0.0.1", transport.get_extra_info("sockname")[1])
    finally:
        transport.close()
