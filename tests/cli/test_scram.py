"""Whoever sets a password keeps its keys for SCRAM."""

from __future__ import annotations

from pathlib import Path

from pillarbox.auth.app_passwords import AppPasswords
from pillarbox.auth.directory import Account, AccountDirectory
from pillarbox.auth.sasl_settings import SaslSettings
from pillarbox.auth.scram_directory import ACCOUNT_PASSWORD, ScramStore
from pillarbox.auth.scram_keys import ScramHash, ScramKeys, derive_keys
from pillarbox.clock import SystemClock
from pillarbox.secret import Secret
from tests.cli.commands import CommandLine


def found(directory: AccountDirectory, name: str) -> Account:
    account = directory.find(name)
    assert account is not None
    return account


def test_import_password_and_app_password_keep_keys(pillarbox: CommandLine, tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    people.write_text("alice,wonderland\nbob,builder\n")
    pillarbox.done("user", "import", str(people))
    pillarbox.done("user", "password", "alice", "--password-stdin", stdin="looking-glass\n")
    shown = pillarbox.done("app-password", "add", "bob", "phone", "--json").json["password"]
    directory = AccountDirectory.open(pillarbox.data / "accounts.db", SystemClock())
    store = ScramStore(directory, SaslSettings())
    alice, bob = found(directory, "alice"), found(directory, "bob")
    phone = AppPasswords(directory, SystemClock()).of(bob.id)[0].id

    def kept(account: Account) -> dict[str, ScramKeys]:
        return dict(store.of(account, ScramHash.SHA_256))

    def derived(account: Account, password: str) -> ScramKeys:
        parameters = store.parameters(ScramHash.SHA_256, account.login_name)
        return derive_keys(ScramHash.SHA_256, Secret(password.encode()), parameters)

    assert kept(alice) == {ACCOUNT_PASSWORD: derived(alice, "looking-glass")}
    assert kept(bob) == {ACCOUNT_PASSWORD: derived(bob, "builder"), phone: derived(bob, shown)}
    directory.close()
