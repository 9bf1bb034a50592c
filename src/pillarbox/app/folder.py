"""Where a server keeps its things.

Must never: make anything that others can read.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The layout of the data folder; all of it 0700."""

    path: Path

    @property
    def accounts_path(self) -> Path:
        """Accounts and password hashes (auth)."""
        return self.path / "accounts.db"

    @property
    def logins_path(self) -> Path:
        """What is remembered of logins, bans and alarms (auth)."""
        return self.path / "logins.db"

    @property
    def factor_key_path(self) -> Path:
        """What second factors are sealed with (auth)."""
        return self.path / "second-factors.key"

    @property
    def deliveries_path(self) -> Path:
        """Hashes of what was delivered lately (delivery)."""
        return self.path / "deliveries.db"

    @property
    def events_path(self) -> Path:
        """What webhooks are still to be told (push)."""
        return self.path / "events.db"

    @property
    def mail_path(self) -> Path:
        """What people keep (store)."""
        return self.path / "mail"

    @property
    def certificates_path(self) -> Path:
        """The local authority and the server's certificate (net)."""
        return self.path / "certificates"

    @property
    def domains_path(self) -> Path:
        """A folder NAME with certificate.pem and key.pem for each domain that has a certificate of its own (net)."""
        return self.certificates_path / "domains"

    @property
    def audit_path(self) -> Path:
        """What concerned safety, entry by entry (audit)."""
        return self.path / "audit"

    @property
    def transfer_path(self) -> Path:
        """How far migrations into accounts have come (transfer)."""
        return self.path / "transfer"

    @property
    def run_path(self) -> Path:
        """What lives as long as the server: sockets between processes."""
        return self.path / "run"

    def prepare(self) -> None:
        """Make what is missing. Raises OSError."""
        if not self.path.is_dir():
            self.path.mkdir(mode=0o700, parents=True)
        for inner in (self.mail_path, self.certificates_path, self.run_path):
            inner.mkdir(mode=0o700, exist_ok=True)
            inner.chmod(0o700)
