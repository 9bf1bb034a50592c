"""Values that never print: passwords, tokens, keys.

Must never: show what it holds in str(), repr(), a format string, a log event or a traceback.
"""

from __future__ import annotations

from typing import Generic, NoReturn, TypeVar

T = TypeVar("T")


class Secret(Generic[T]):
    """Holds a value that only `reveal()` gives out.

    There is no equality: compare revealed bytes with `hmac.compare_digest`. It cannot be pickled.
    """

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value = value

    def reveal(self) -> T:
        """The value itself. Call it where the value is used, never to pass it on."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> NoReturn:
        raise TypeError("secrets are compared with hmac.compare_digest, never with ==")

    __hash__ = None  # type: ignore[assignment]  # no equality, so no hash either

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is never pickled")
