"""The ways to log in that the settings ask for.

Must never: offer SCRAM where account passwords are judged elsewhere: there are no keys for it.
"""

from __future__ import annotations

from pillarbox.app.settings import ServerSettings
from pillarbox.auth.exchange import ScramDirectory
from pillarbox.auth.mechanisms import Mechanisms
from pillarbox.auth.settings import AccountBackend


def open_mechanisms(settings: ServerSettings, salts: ScramDirectory) -> Mechanisms:
    """For all doors of a process."""
    auth = settings.auth
    own = auth.backend is AccountBackend.BUILTIN
    certificates = auth.sasl.certificate_name if settings.tls.client_ca is not None else None
    return Mechanisms(auth.sasl.mechanisms, salts if own else None, certificates)
