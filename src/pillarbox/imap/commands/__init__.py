"""The commands, one file per area; the list of areas is in registry.py."""
