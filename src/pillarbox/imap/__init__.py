"""The IMAP conversation: bytes in, bytes out, no sockets. IMAP4rev1 (RFC 3501) and IMAP4rev2 (RFC 9051)."""
