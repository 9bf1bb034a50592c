"""Certificates that everybody's programs trust already: asked for, renewed and revoked by ACME.

Must never: replace a certificate that is served by one that is not whole; ask an authority again at once that has just
said no; show a private key to anybody but the server.

RFC 8555 (ACME), RFC 8737 (TLS-ALPN-01), RFC 9773 (renewal information).
"""
