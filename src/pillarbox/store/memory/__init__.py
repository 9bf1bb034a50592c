"""A store in memory: the simplest thing that keeps the contract, as an oracle for the others and for tests."""

from pillarbox.store.memory.store import MemoryAccount, MemoryStore

__all__ = ["MemoryAccount", "MemoryStore"]
