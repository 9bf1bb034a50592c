"""Bearer tokens of one OpenID Connect issuer (RFC 6750, OpenID Connect Core): is one good, and whose is it?

Must never: ask anybody but the issuer that the operator named, or over anything but HTTPS; log or keep a token.
"""
