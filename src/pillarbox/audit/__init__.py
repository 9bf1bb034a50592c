"""The audit log: what happened to this server's safety, one sealed entry after the other (docs/audit.md).

Must never: hold a secret, or what somebody typed as a password; change an entry that is written.
"""
