"""A PAM service of the tests' own: a file of a name that nothing else has in /etc/pam.d, taken away afterwards.

Needs root, as CI has it. pam_matrix (Debian's libpam-wrapper) judges by a file of ours.

Must never: change a service that was there, or know a password of this machine.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_SERVICES = Path("/etc/pam.d")


@contextmanager
def pam_service(lines: str) -> Iterator[str]:
    """The name of a service of these lines; `{service}` in them is that name."""
    name = f"pillarbox-test-{secrets.token_hex(8)}"
    path = _SERVICES / name
    path.write_text(lines.replace("{service}", name))
    try:
        yield name
    finally:
        path.unlink()


@contextmanager
def pam_people(folder: Path, passwords: Mapping[str, str]) -> Iterator[str]:
    """The name of a service that knows these people."""
    people = folder / "people"
    module = f"{_library('pam_wrapper/pam_matrix.so')} passdb={people}"
    with pam_service(f"auth required {module}\naccount required {module}\n") as name:
        people.write_text("".join(f"{person}:{password}:{name}\n" for person, password in passwords.items()))
        yield name


def _library(name: str) -> Path:
    found = sorted(Path("/usr/lib").glob(f"*/{name}"))
    assert found, f"{name} is missing: apt-get install libpam-wrapper (tests/packages.txt)"
    return found[0]
