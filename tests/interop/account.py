"""Where a client under test logs in."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class Server(Protocol):
    """What a server under test must offer to this suite."""

    host: str
    port: int

    @property
    def ca_file(self) -> Path: ...

    def add_accounts(self, accounts: Sequence[tuple[str, str]]) -> None: ...

    def stderr(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Account:
    """One user's way in."""

    host: str
    port: int
    ca_file: Path
    user: str
    password: str

    def tls(self) -> ssl.SSLContext:
        """Trusts the server's own authority and no other; checks names."""
        return ssl.create_default_context(cafile=str(self.ca_file))
