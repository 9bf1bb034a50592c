"""`pillarbox alias ...`: addresses that lead to accounts of another name.

Must never: change an account.
"""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from pillarbox.auth.directory import AliasMissing
from pillarbox.auth.names import LoginNameInvalid, prepare_alias
from pillarbox.cli.exits import CommandFailed, ExitCode
from pillarbox.cli.household import accounts, login_name
from pillarbox.cli.place import Place
from pillarbox.cli.speech import Json, say, say_json, say_table
from pillarbox.cli.witness import witness

Address = Annotated[
    str, Parameter(help="Such as info@example.org or info; @example.org for all else of a domain, @ for all else.")
]
_HERE = Place()


def add(address: Address, name: str, /, *names: str, place: Place = _HERE) -> None:
    """Lead an address to one or more accounts."""
    kept, people = _address(address), [login_name(each) for each in (name, *names)]
    place.check()
    with accounts(place) as directory:
        directory.add_alias(kept, people)
    witness(place).info("alias.changed", alias=kept, added=", ".join(people))
    say(f"{kept} leads to {', '.join(people)}")


def list_aliases(*, json: Json = False, place: Place = _HERE) -> None:
    """All aliases."""
    place.check()
    with accounts(place) as directory:
        found = directory.aliases()
    if json:
        say_json([{"address": alias.address, "accounts": list(alias.login_names)} for alias in found])
        return
    say_table(("address", "accounts"), [(alias.address, ", ".join(alias.login_names)) for alias in found])


def remove(address: Address, /, *names: str, place: Place = _HERE) -> None:
    """Remove an alias, or only some of the accounts that it leads to."""
    kept, people = _address(address), [login_name(each) for each in names]
    place.check()
    with accounts(place) as directory:
        try:
            directory.remove_alias(kept, people)
        except AliasMissing as error:
            raise CommandFailed(f"{error}; see: pillarbox alias list", ExitCode.NO_USER) from error
    witness(place).info("alias.changed", alias=kept, removed=", ".join(people) or "all")
    say(f"{kept} leads no more to {', '.join(people) or 'anybody'}")


def _address(typed: str) -> str:
    try:
        return prepare_alias(typed)
    except LoginNameInvalid as error:
        raise CommandFailed(f'"{typed}": {error}', ExitCode.USAGE) from error
