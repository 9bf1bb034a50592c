"""What can be wrong with a backup, in words for the person who runs it.

Must never: carry a secret.
"""

from __future__ import annotations


class BackupTrouble(Exception):
    """It can't be done; the text says why and what to do."""


class BackupDamaged(BackupTrouble):
    """Something in the backup is missing, or is not what was written."""
