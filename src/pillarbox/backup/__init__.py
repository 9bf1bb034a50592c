"""Mail that comes back: what was expunged, a mailbox as it was, and backups of a whole server."""
