"""The tables of `accounts.db`, and how each version of them became the next.

What goes with an account (or an app password) when it is removed says so in a trigger.

Must never: change an entry that was released; a change is an entry of its own, at the end.
"""

from __future__ import annotations

from typing import Final

MIGRATIONS: Final = (
    """
    CREATE TABLE account (
        id TEXT PRIMARY KEY,
        login_name TEXT NOT NULL UNIQUE,
        password_hash TEXT NOT NULL,
        disabled INTEGER NOT NULL DEFAULT 0,
        created_seconds INTEGER NOT NULL,
        password_changed_seconds INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    """,
    """
    CREATE TABLE alias (
        address TEXT NOT NULL,
        account TEXT NOT NULL,
        PRIMARY KEY (address, account)
    ) STRICT, WITHOUT ROWID;
    CREATE TRIGGER alias_goes_with_account AFTER DELETE ON account BEGIN
        DELETE FROM alias WHERE account = old.id;
    END;
    """,
    """
    CREATE TABLE member (
        group_name TEXT NOT NULL,
        account TEXT NOT NULL,
        PRIMARY KEY (group_name, account)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX groups_of_account ON member (account);
    CREATE TABLE shares_with (
        identifier TEXT NOT NULL,
        owner TEXT NOT NULL,
        PRIMARY KEY (identifier, owner)
    ) STRICT, WITHOUT ROWID;
    CREATE TRIGGER sharing_goes_with_account AFTER DELETE ON account BEGIN
        DELETE FROM member WHERE account = old.id;
        DELETE FROM shares_with WHERE owner = old.id;
    END;
    """,
    """
    ALTER TABLE account ADD COLUMN admin INTEGER NOT NULL DEFAULT 0;
    """,
    """
    CREATE INDEX shares_of_owner ON shares_with (owner);
    """,
    """
    ALTER TABLE account ADD COLUMN password_version INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE server_key (
        name TEXT PRIMARY KEY,
        key BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE app_password (
        id TEXT PRIMARY KEY,
        account TEXT NOT NULL,
        name TEXT NOT NULL,
        hash BLOB NOT NULL,
        access TEXT NOT NULL,
        mailboxes TEXT NOT NULL,
        networks TEXT NOT NULL,
        lock TEXT NOT NULL,
        locked_to TEXT NOT NULL DEFAULT '',
        created_seconds INTEGER NOT NULL,
        expires_seconds INTEGER,
        last_seconds INTEGER,
        last_address TEXT NOT NULL DEFAULT '',
        last_client TEXT NOT NULL DEFAULT '',
        last_mechanism TEXT NOT NULL DEFAULT ''
    ) STRICT, WITHOUT ROWID;
    CREATE UNIQUE INDEX app_password_by_hash ON app_password (account, hash);
    CREATE UNIQUE INDEX app_password_by_name ON app_password (account, name);
    CREATE TRIGGER app_passwords_go_with_account AFTER DELETE ON account BEGIN
        DELETE FROM app_password WHERE account = old.id;
    END;
    """,
    """
    CREATE TABLE totp (
        factor TEXT PRIMARY KEY,
        account TEXT NOT NULL,
        name TEXT NOT NULL,
        sealed_secret BLOB NOT NULL,
        created_seconds INTEGER NOT NULL,
        confirmed INTEGER NOT NULL DEFAULT 0,
        last_step INTEGER NOT NULL DEFAULT -1,
        used_seconds INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX totp_of_account ON totp (account);
    CREATE TABLE recovery_code (
        account TEXT NOT NULL,
        digest BLOB NOT NULL,
        PRIMARY KEY (account, digest)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE passkey (
        factor TEXT PRIMARY KEY,
        account TEXT NOT NULL,
        name TEXT NOT NULL,
        credential TEXT NOT NULL UNIQUE,
        public_key BLOB NOT NULL,
        sign_count INTEGER NOT NULL,
        created_seconds INTEGER NOT NULL,
        used_seconds INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX passkeys_of_account ON passkey (account);
    CREATE TABLE passkey_challenge (
        challenge TEXT PRIMARY KEY,
        account TEXT NOT NULL,
        purpose TEXT NOT NULL,
        until_seconds INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TRIGGER second_factors_go_with_account AFTER DELETE ON account BEGIN
        DELETE FROM totp WHERE account = old.id;
        DELETE FROM recovery_code WHERE account = old.id;
        DELETE FROM passkey WHERE account = old.id;
        DELETE FROM passkey_challenge WHERE account = old.id;
    END;
    """,
    """
    CREATE TABLE scram (
        account TEXT NOT NULL,
        credential TEXT NOT NULL,
        hash TEXT NOT NULL,
        iterations INTEGER NOT NULL,
        stored_key BLOB NOT NULL,
        server_key BLOB NOT NULL,
        PRIMARY KEY (account, hash, credential)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX scram_counts ON scram (hash, iterations);
    CREATE TRIGGER scram_goes_with_account AFTER DELETE ON account BEGIN
        DELETE FROM scram WHERE account = old.id;
    END;
    CREATE TRIGGER scram_goes_with_password AFTER UPDATE OF password_changed_seconds ON account BEGIN
        DELETE FROM scram WHERE account = old.id AND credential = '';
    END;
    CREATE TRIGGER scram_goes_with_app_password AFTER DELETE ON app_password BEGIN
        DELETE FROM scram WHERE account = old.account AND credential = old.id;
    END;
    """,
)
"""Entry n leads from schema version n to n + 1."""
