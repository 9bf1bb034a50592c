"""Pillarbox: a complete, secure-by-default IMAPS server.

The rooms and which may import which: docs/architecture.md.
"""

__version__ = "0.1.0"
