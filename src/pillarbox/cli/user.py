"""`pillarbox user ...`: who may enter.

Must never: show a password or a hash.
"""

from __future__ import annotations

import asyncio
import datetime
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from pillarbox.app.sessions import end_what_is_taken_back
from pillarbox.auth.directory import Account, AccountDirectory
from pillarbox.auth.elsewhere import NO_PASSWORD
from pillarbox.auth.settings import AccountBackend
from pillarbox.cli.exits import CommandFailed, ExitCode
from pillarbox.cli.household import account_named, accounts, everybodys_mail, login_name
from pillarbox.cli.passwords import PasswordStdin, new_password
from pillarbox.cli.place import Place
from pillarbox.cli.sharing import forget_everywhere
from pillarbox.cli.speech import Json, complain, say, say_json, say_table
from pillarbox.cli.witness import witness
from pillarbox.secret import Secret

Name = Annotated[str, Parameter(help="Login name, such as alice or alice@example.org; its case does not matter.")]
_HERE = Place()
_KEEPERS = {AccountBackend.LDAP: "the LDAP directory", AccountBackend.PAM: "PAM"}


def add(name: Name, /, *, password_stdin: PasswordStdin = False, place: Place = _HERE) -> None:
    """Make an account; asks for its password, unless another back end judges passwords."""
    kept = login_name(name)
    if (backend := place.settings().auth.backend) is not AccountBackend.BUILTIN:
        _add_without_password(place, kept, backend, password_stdin)
        return
    password = new_password(kept, password_stdin)
    place.make()
    with accounts(place) as directory:
        account = directory.add(kept, _hashed(place, password))
        _keep_scram_keys(place, directory, [(account, password)])
    witness(place).info("account.added", login=account.login_name)
    say(f"added {account.login_name}")


def _add_without_password(place: Place, kept: str, backend: AccountBackend, password_stdin: bool) -> None:
    if password_stdin:
        raise CommandFailed(f"passwords are kept by {_KEEPERS[backend]}; leave out --password-stdin", ExitCode.USAGE)
    place.make()
    with accounts(place) as directory:
        account = directory.add(kept, NO_PASSWORD)
    witness(place).info("account.added", login=account.login_name)
    say(f"added {account.login_name}; its password is kept by {_KEEPERS[backend]}")


def list_accounts(*, json: Json = False, place: Place = _HERE) -> None:
    """All accounts, and who keeps their passwords."""
    place.check()
    backend = place.settings().auth.backend
    with accounts(place) as directory:
        found = directory.accounts()
    if json:
        say_json(
            [
                {
                    "name": account.login_name,
                    "id": account.id,
                    "disabled": account.disabled,
                    "admin": account.admin,
                    "created": _day(account.created_seconds),
                    "password_changed": _day(account.password_changed_seconds),
                    "password": _keeper(account, backend),
                }
                for account in found
            ]
        )
        return
    say_table(
        ("name", "disabled", "created", "password changed", "password"),
        [
            (
                each.login_name,
                each.disabled,
                _day(each.created_seconds)[:10],
                _day(each.password_changed_seconds)[:10],
                _keeper(each, backend),
            )
            for each in found
        ],
    )


def change_password(name: Name, /, *, password_stdin: PasswordStdin = False, place: Place = _HERE) -> None:
    """Give an account another password; the old one is out at once, and sessions that it opened end."""
    account = account_named(place, name)
    if (backend := place.settings().auth.backend) is not AccountBackend.BUILTIN:
        raise CommandFailed(
            f"the password of {account.login_name} is kept by {_KEEPERS[backend]}; change it there", ExitCode.USAGE
        )
    password = new_password(account.login_name, password_stdin)
    with accounts(place) as directory:
        directory.set_password(account.login_name, _hashed(place, password))
        changed = directory.find(account.login_name)
        _keep_scram_keys(place, directory, [] if changed is None else [(changed, password)])
    end_what_is_taken_back(place.folder)
    witness(place).info("account.password_changed", login=account.login_name)
    say(f"changed the password of {account.login_name}")


def disable(name: Name, /, *, place: Place = _HERE) -> None:
    """Let nobody in with this account, and end its sessions; its mail stays."""
    account = account_named(place, name)
    with accounts(place) as directory:
        directory.disable(account.login_name)
    end_what_is_taken_back(place.folder)
    witness(place).info("account.disabled", login=account.login_name)
    say(f"disabled {account.login_name}")


def enable(name: Name, /, *, place: Place = _HERE) -> None:
    """Undo `disable`."""
    account = account_named(place, name)
    with accounts(place) as directory:
        directory.enable(account.login_name)
    witness(place).info("account.enabled", login=account.login_name)
    say(f"enabled {account.login_name}")


def administer(
    name: Name, state: Annotated[Literal["on", "off"], Parameter(help="on or off.")], /, *, place: Place = _HERE
) -> None:
    """Let an account administer over IMAP, or no longer."""
    account = account_named(place, name)
    with accounts(place) as directory:
        if state == "on":
            directory.make_admin(account.login_name)
        else:
            directory.revoke_admin(account.login_name)
    witness(place).info("account.admin_changed", login=account.login_name, admin=state == "on")
    say(f"{account.login_name} is {'' if state == 'on' else 'no longer '}an administrator")


def remove(
    name: Name,
    /,
    *,
    yes: Annotated[bool, Parameter(negative="", help="Don't ask.")] = False,
    place: Place = _HERE,
) -> None:
    """Remove an account and all of its mail. Asks first."""
    account = account_named(place, name)
    if not yes:
        _ask_to_remove(account.login_name)
    with accounts(place) as directory:
        directory.disable(account.login_name)  # stopped half-way it is a disabled account, to be removed once more

        async def remove_mail() -> None:
            async with everybodys_mail(place) as store:
                await store.remove(account.id)

        asyncio.run(remove_mail())
        forget_everywhere(place, directory, account.login_name)
        directory.remove(account.login_name)
    end_what_is_taken_back(place.folder)
    witness(place).info("account.removed", login=account.login_name)
    say(f"removed {account.login_name} and its mail")


def import_accounts(
    file: Annotated[Path, Parameter(help="CSV, one name,password a line; a first line name,password is skipped.")],
    /,
    *,
    json: Json = False,
    place: Place = _HERE,
) -> None:
    """Make accounts from a CSV file: all, or none when a line is wrong."""
    from pillarbox.cli.roster import Roster, hash_all

    roster = Roster.read(file)
    place.make()
    with accounts(place) as directory:
        taken = {account.login_name for account in directory.accounts()}
        mistakes = roster.mistakes(taken)
        for mistake in mistakes:
            complain(f"{file}, {mistake}")
        if mistakes:
            raise CommandFailed(
                f"{len(mistakes)} of {len(roster.lines)} lines are wrong; nothing was added", ExitCode.BAD_DATA
            )
        hashes = asyncio.run(hash_all(roster.passwords(), place.settings().auth))
        added = directory.add_all(list(zip(roster.names(), hashes, strict=True)))
        _keep_scram_keys(place, directory, list(zip(added, roster.passwords(), strict=True)))
    events = witness(place)
    for account in added:
        events.info("account.added", login=account.login_name)
    if json:
        say_json([{"name": account.login_name, "id": account.id} for account in added])
    else:
        say(f"added {len(added)} accounts")


def _hashed(place: Place, password: Secret[str]) -> str:
    from pillarbox.auth.passwords import PasswordHasher

    hasher = PasswordHasher(place.settings().auth)
    try:
        return asyncio.run(hasher.hash(password))
    finally:
        hasher.close()


def _keep_scram_keys(place: Place, directory: AccountDirectory, added: Sequence[tuple[Account, Secret[str]]]) -> None:
    from pillarbox.cli.scram import keep_scram_keys

    keep_scram_keys(directory, place.settings().auth, added)


def _keeper(account: Account, backend: AccountBackend) -> str:
    """Who judges the account's password now."""
    if backend is AccountBackend.BUILTIN:
        return "none" if account.password_hash == NO_PASSWORD else "here"
    return str(backend.value)


def _ask_to_remove(name: str) -> None:
    if not sys.stdin.isatty():
        raise CommandFailed(
            "there is no terminal to ask; give --yes to remove the account and its mail", ExitCode.USAGE
        )
    complain(f"This removes the account {name} and all of its mail, for good.")
    if input("Type the name again to go on: ").strip().lower() != name:
        raise CommandFailed("nothing was removed", ExitCode.USAGE)


def _day(epoch_seconds: int) -> str:
    return datetime.datetime.fromtimestamp(epoch_seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
