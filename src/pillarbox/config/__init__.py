"""pillarbox.toml -> the settings values that the rooms define; every mistake reported at once, with its place.

Must never: know what a setting means, or define one. The tree of settings dataclasses is handed in by whoever
needs it filled (`app.settings.ServerSettings`), so a room gets a new setting by writing one line in its own dataclass.
"""

from pillarbox.config.addresses import AddressInvalid, format_address, parse_address
from pillarbox.config.loader import ConfigInvalid, load
from pillarbox.config.mistakes import Mistake
from pillarbox.config.reference import reference, undocumented

__all__ = [
    "AddressInvalid",
    "ConfigInvalid",
    "Mistake",
    "format_address",
    "load",
    "parse_address",
    "reference",
    "undocumented",
]
