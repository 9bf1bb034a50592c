"""`pillarbox group ...`: groups of people that mailboxes are shared with."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from pillarbox.auth.groups import GroupMissing, Groups, prepare_group
from pillarbox.auth.names import LoginNameInvalid
from pillarbox.cli.exits import CommandFailed, ExitCode
from pillarbox.cli.household import accounts, login_name
from pillarbox.cli.place import Place
from pillarbox.cli.sharing import wake_users_of
from pillarbox.cli.speech import Json, say, say_json, say_table
from pillarbox.cli.witness import witness
from pillarbox.sharing.acl import GROUP_PREFIX

Group = Annotated[str, Parameter(help="The group, such as family; mailboxes are shared with group:family.")]
_HERE = Place()


def add(group: Group, name: str, /, *names: str, place: Place = _HERE) -> None:
    """Put accounts into a group."""
    kept, people = _group(group), [login_name(each) for each in (name, *names)]
    place.check()
    with accounts(place) as directory:
        Groups(directory).add(kept, people)
        wake_users_of(place, directory, GROUP_PREFIX + kept)
    witness(place).info("group.changed", group=kept, added=", ".join(people))
    say(f"{', '.join(people)} in group {kept}")


def remove(group: Group, /, *names: str, place: Place = _HERE) -> None:
    """Take accounts, or all, out of a group."""
    kept, people = _group(group), [login_name(each) for each in names]
    place.check()
    with accounts(place) as directory:
        try:
            Groups(directory).remove(kept, people)
        except GroupMissing as error:
            raise CommandFailed(f"{error}; see: pillarbox group list", ExitCode.NO_USER) from error
        wake_users_of(place, directory, GROUP_PREFIX + kept)
    witness(place).info("group.changed", group=kept, removed=", ".join(people) or "all")
    say(f"{', '.join(people) or 'nobody is'} {'no longer ' if people else ''}in group {kept}")


def list_groups(*, json: Json = False, place: Place = _HERE) -> None:
    """All groups."""
    place.check()
    with accounts(place) as directory:
        found = Groups(directory).all()
    if json:
        say_json([{"group": group, "accounts": members} for group, members in found.items()])
    else:
        say_table(("group", "accounts"), [(group, ", ".join(members)) for group, members in found.items()])


def _group(typed: str) -> str:
    try:
        return prepare_group(typed.removeprefix(GROUP_PREFIX))
    except LoginNameInvalid as error:
        raise CommandFailed(f'"{typed}": {error}', ExitCode.USAGE) from error
