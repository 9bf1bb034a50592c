"""One hand-made hello to the host, and its answer.

Must never: read more than a ServerHello can need.
"""

from __future__ import annotations

from collections.abc import Sequence

from pillarbox.check.hello import Refusal, ServerHello, Version, client_hello, read_server_hello
from pillarbox.check.probe import Probe
from pillarbox.check.suites import Suite
from pillarbox.check.trouble import TooMuch


async def ask(probe: Probe, version: Version, suites: Sequence[Suite]) -> ServerHello | Refusal:
    """Raises Trouble when the host does neither accept nor refuse."""
    limit = probe.settings.limits.handshake_bytes
    async with probe.ready_for_tls() as wire:
        await wire.send(client_hello(version, [suite.code for suite in suites], probe.server_name))
        data = b""
        while len(data) <= limit:
            data += await wire.read_available()
            answer = read_server_hello(data)
            if answer is not None:
                return answer
    raise TooMuch(f"a ServerHello of more than {limit // 1024} KB")
