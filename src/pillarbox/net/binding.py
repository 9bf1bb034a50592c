"""Channel bindings: what both ends of one TLS connection know, and nobody in between.

tls-server-end-point (RFC 5929 section 4) is a hash of the certificate that was shown. tls-exporter (RFC 9266) comes
from the connection's own keys; Python's ssl has no call for it, so OpenSSL's is called through ctypes, in the very
library that ssl uses. That leans on how CPython lays out an object, hence `find_exporter` tries it out in a process of
its own first. tls-unique is not there: it means nothing in TLS 1.3, and has been broken before it.

Must never: call into OpenSSL unless the trial has succeeded; give a binding that is not one.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import ssl
import sys
from collections.abc import Sequence
from typing import Any, Final

from pillarbox.net.leaf import Leaf

EXPORTER: Final = "tls-exporter"
END_POINT: Final = "tls-server-end-point"

_LABEL: Final = b"EXPORTER-Channel-Binding"
_EXPORTED_BYTES: Final = 32
"""RFC 9266 section 2: label, empty context, 32 bytes."""
_GET_EXTENDED_MASTER_SECRET: Final = 122
"""SSL_CTRL_GET_EXTMS_SUPPORT of OpenSSL's ssl.h."""
_HANDSHAKE_ROUNDS: Final = 10

_Connection = ssl.SSLSocket | ssl.SSLObject


class Exporter:
    """tls-exporter of connections of the ssl module. Make it by `find_exporter`."""

    def __init__(self) -> None:
        """Raises OSError or AttributeError when OpenSSL's functions can't be found."""
        module: Any = sys.modules["_ssl"]  # Any: a module's file is not in its type
        library = ctypes.CDLL(getattr(module, "__file__", None))  # a symbol is looked for in what it is linked to, too
        self._export = library.SSL_export_keying_material
        self._export.restype = ctypes.c_int
        self._export.argtypes = (
            ctypes.c_void_p,
            ctypes.c_char_p,
            ctypes.c_size_t,
            ctypes.c_char_p,
            ctypes.c_size_t,
            ctypes.c_char_p,
            ctypes.c_size_t,
            ctypes.c_int,
        )
        self._control = library.SSL_ctrl
        self._control.restype = ctypes.c_long
        self._control.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_void_p)
        self._version = library.SSL_get_version
        self._version.restype = ctypes.c_char_p
        self._version.argtypes = (ctypes.c_void_p,)

    def can_bind(self, connection: _Connection) -> bool:
        """TLS 1.3, or 1.2 with an extended master secret (RFC 9266 section 3, RFC 7627)."""
        pointer = _pointer(connection)
        if pointer is None:
            return False
        if connection.version() == "TLSv1.3":
            return True
        return bool(self._control(pointer, _GET_EXTENDED_MASTER_SECRET, 0, None) == 1)

    def export(self, connection: _Connection) -> bytes:
        """The binding; empty when there is none, also after the connection was closed."""
        pointer = _pointer(connection)
        if pointer is None or not self.can_bind(connection):
            return b""
        exported = ctypes.create_string_buffer(_EXPORTED_BYTES)
        done = self._export(pointer, exported, _EXPORTED_BYTES, _LABEL, len(_LABEL), b"", 0, 1)
        return exported.raw if done == 1 else b""

    def agrees(self, connection: _Connection) -> bool:
        """Whether OpenSSL, asked through the pointer, says of the connection what Python says."""
        pointer = _pointer(connection)
        return pointer is not None and self._version(pointer) == (connection.version() or "").encode()


def find_exporter(context: ssl.SSLContext) -> Exporter | None:
    """None where it doesn't work. `context` is any of a server; call it while the process has one thread."""
    try:
        exporter = Exporter()
    except (OSError, AttributeError):
        return None
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):  # a wrong guess about memory must end in the child, however it ends
            os._exit(0 if _works(exporter, context) else 1)
        os._exit(1)
    _, status = os.waitpid(child, 0)
    return exporter if status == 0 else None


class TlsBindings:
    """conversation.ChannelBindings of one connection."""

    __slots__ = ("_connection", "_exporter", "_shown")

    def __init__(self, connection: _Connection, shown: Leaf | None, exporter: Exporter | None) -> None:
        """`shown` is the certificate that the client saw."""
        self._connection = connection
        self._shown = shown
        self._exporter = exporter

    @property
    def types(self) -> Sequence[str]:
        """conversation.ChannelBindings.types"""
        exporter = self._exporter is not None and self._exporter.can_bind(self._connection)
        end_point = self._shown is not None and bool(self._shown.hash_name)
        return tuple(name for name, is_there in ((EXPORTER, exporter), (END_POINT, end_point)) if is_there)

    def data(self, binding_type: str) -> bytes:
        """conversation.ChannelBindings.data"""
        if binding_type == EXPORTER and self._exporter is not None:
            return self._exporter.export(self._connection)
        if binding_type == END_POINT and self._shown is not None:
            return self._shown.end_point
        return b""


def _pointer(connection: _Connection) -> int | None:
    """The `SSL *` within CPython's PySSLSocket: the field after the head and one pointer (Modules/_ssl.c)."""
    inner: object | None = connection._sslobj  # type: ignore[union-attr]  # Python's own name for it, not in its types
    if inner is None:
        return None
    return ctypes.c_void_p.from_address(id(inner) + object.__basicsize__ + ctypes.sizeof(ctypes.c_void_p)).value


def _works(exporter: Exporter, context: ssl.SSLContext) -> bool:
    """Both ends of a connection export the same, and two connections don't."""
    pairs = [_connected(context) for _ in range(2)]
    if not all(exporter.agrees(end) for pair in pairs for end in pair):
        return False
    exported = [[exporter.export(end) for end in pair] for pair in pairs]
    return all(any(one) and one == other for one, other in exported) and exported[0] != exported[1]


def _connected(context: ssl.SSLContext) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """A client and a server in memory after their handshake."""
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(to_client, to_server)
    server = context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(_HANDSHAKE_ROUNDS):
        for end in (client, server):
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
    return client, server
