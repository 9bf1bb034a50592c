"""LMTP: how a mail server in front hands messages over. Bytes in, replies out, no sockets (RFC 2033)."""
