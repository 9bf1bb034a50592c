"""Where an address is on the map, as far as a database that the operator names says so.

Must never: ask anybody over the network.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

_EARTH_KM: Final = 6371.0


@dataclass(frozen=True, slots=True)
class Place:
    """What is known; empty or None where it isn't."""

    country: str = ""
    """ISO 3166 code."""
    operator: str = ""
    """`AS64500 Example Networks`."""
    latitude: float | None = None
    longitude: float | None = None


class Places(Protocol):
    def find(self, address: str) -> Place:
        """Where an address is; an empty Place when nothing is known."""
        ...


class NoPlaces:
    """Nothing is known of any address."""

    def find(self, address: str) -> Place:
        return Place()


class PlacesUnusable(Exception):
    """A database of places can't be read. The text is for the operator."""


class MaxMindPlaces:
    """Files in MaxMind's format, read into memory once."""

    def __init__(self, city_file: Path | None, asn_file: Path | None) -> None:
        """Raises PlacesUnusable."""
        self._cities = None if city_file is None else _open(city_file)
        self._operators = None if asn_file is None else _open(asn_file)

    def find(self, address: str) -> Place:
        city, operator = _get(self._cities, address), _get(self._operators, address)
        location, number = city.get("location", {}), operator.get("autonomous_system_number")
        return Place(
            country=str(city.get("country", {}).get("iso_code", "")),
            operator=f"AS{number} {operator.get('autonomous_system_organization', '')}".strip() if number else "",
            latitude=location.get("latitude"),
            longitude=location.get("longitude"),
        )


def distance_km(one: Place, other: Place) -> float | None:
    """Along the surface (haversine); None when either place is unknown."""
    if one.latitude is None or one.longitude is None or other.latitude is None or other.longitude is None:
        return None
    north, north_of_other = math.radians(one.latitude), math.radians(other.latitude)
    east = math.radians(other.longitude - one.longitude)
    chord = (
        math.sin((north_of_other - north) / 2) ** 2
        + math.cos(north) * math.cos(north_of_other) * math.sin(east / 2) ** 2
    )
    return 2 * _EARTH_KM * math.asin(min(1.0, math.sqrt(chord)))


def _open(path: Path) -> Any:  # Any: the package is an extra
    try:
        import maxminddb
    except ImportError as error:
        raise PlacesUnusable(f"{path} needs the package maxminddb: pip install 'pillarbox[geo]'") from error
    try:
        return maxminddb.open_database(str(path), maxminddb.MODE_MEMORY)
    except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
        raise PlacesUnusable(f"{path} can't be read as a database of places: {error}") from error


def _get(reader: Any, address: str) -> dict[str, Any]:  # Any: whatever the file holds
    try:
        found = None if reader is None else reader.get(address)
    except ValueError:  # no address, or IPv6 in a file for IPv4
        return {}
    return found if isinstance(found, dict) else {}
