"""The embedded store: mail in SQLite databases, one per account."""

from pillarbox.store.sqlite.index_settings import IndexSettings
from pillarbox.store.sqlite.settings import SqliteSettings
from pillarbox.store.sqlite.store import SqliteStore, open_store

__all__ = ["IndexSettings", "SqliteSettings", "SqliteStore", "open_store"]
