"""Mailboxes that people let each other use: a layer above the store that checks rights (RFC 4314, RFC 2342)."""
