"""TLS as clients and judges from outside see it, at every door of a running server."""
