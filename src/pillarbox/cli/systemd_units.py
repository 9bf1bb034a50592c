"""What systemd is told of the server: its unit, its sockets, its user.

Each restriction has its reason in docs/deploy.md; `systemd-analyze security` judges them (tests/cli/test_systemd.py).

Must never: need more than the server uses.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pillarbox.net.settings import ListenAddress

USUAL_DATA: Final = Path("/var/lib/pillarbox")
SYSUSERS: Final = f'u pillarbox - "Pillarbox mail server" {USUAL_DATA}\n'
"""For /etc/sysusers.d: the user that the server runs as."""

_UNIT: Final = """\
# Made by: {made_by}
[Unit]
Description=Pillarbox IMAP server
{needs}
[Service]
Type=notify
ExecStart={program} serve --data {data}
ExecReload=/bin/kill -HUP $MAINPID
User=pillarbox
Group=pillarbox
{state}
UMask=0077
Restart=on-failure
WatchdogSec=60
TimeoutStopSec=60
LimitNOFILE=65536
LimitCORE=0

# What it may do
{capabilities}
NoNewPrivileges=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
{calls}SystemCallErrorNumber=EPERM
MemoryDenyWriteExecute=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes

# What it sees
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateMounts=yes
PrivateDevices=yes
DevicePolicy=closed
ProtectProc=invisible
ProcSubset=pid
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RemoveIPC=yes
KeyringMode=private

[Install]
WantedBy=multi-user.target
"""

_PORTS_BY_CAPABILITY: Final = """\
AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE"""
_TO_GIVE_IT_UP: Final = "SystemCallFilter=capset\n"
"""The server lets go of the capability once its ports are open."""
_PORTS_BY_SYSTEMD: Final = """\
CapabilityBoundingSet=
PrivateUsers=yes"""

_SOCKET: Final = """\
# Made by: {made_by}
[Unit]
Description=Pillarbox IMAP server, ports

[Socket]
{streams}
Backlog=1024
NoDelay=yes

[Install]
WantedBy=sockets.target
"""


def service(program: Path, data: Path) -> str:
    """A unit that opens its ports itself."""
    needs = "After=network-online.target\nWants=network-online.target\n"
    return _service(program, data, "pillarbox systemd unit", needs, _PORTS_BY_CAPABILITY, _TO_GIVE_IT_UP)


def activated_service(program: Path, data: Path) -> str:
    """A unit whose ports systemd opens: it needs no capability at all."""
    needs = "Requires=pillarbox.socket\nAfter=network.target pillarbox.socket\n"
    return _service(program, data, "pillarbox systemd unit --socket", needs, _PORTS_BY_SYSTEMD, "")


def sockets(settings: object) -> str:
    """The ports that `settings` (a tree of dataclasses) names anywhere."""
    streams = "\n".join(dict.fromkeys(f"ListenStream={_stream(each)}" for each in _addresses(settings)))
    return _SOCKET.format(made_by="pillarbox systemd sockets", streams=streams)


def _service(program: Path, data: Path, made_by: str, needs: str, capabilities: str, calls: str) -> str:
    state = "StateDirectory=pillarbox\nStateDirectoryMode=0700" if data == USUAL_DATA else f"ReadWritePaths={data}"
    return _UNIT.format(
        made_by=made_by, program=program, data=data, needs=needs, state=state, capabilities=capabilities, calls=calls
    )


def _addresses(value: object) -> Iterator[ListenAddress]:
    if isinstance(value, ListenAddress):
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from _addresses(each)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from _addresses(getattr(value, field.name))


def _stream(address: ListenAddress) -> str:
    """As systemd.socket(5) has it: a port alone is every address of IPv6 and IPv4."""
    if address.host == "*":
        return str(address.port)
    return f"[{address.host}]:{address.port}" if ":" in address.host else f"{address.host}:{address.port}"
