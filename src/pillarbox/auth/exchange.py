"""One AUTHENTICATE from its beginning to the decision, for every door: a mechanism, and who is asked meanwhile.

Must never: let in without the authenticator.
"""

from __future__ import annotations

from typing import Protocol

from pillarbox.auth.contract import Attempt, Authenticator, Denied, Granted
from pillarbox.auth.sasl import Challenge, Failed, Lookup, Mechanism, Step
from pillarbox.auth.scram_keys import ScramHash, ScramParameters


class ScramDirectory(Protocol):
    """Knows the salts."""

    async def parameters(self, hash: ScramHash, login_name: str) -> ScramParameters | Denied:
        """What a client needs for its proof; for a name that nobody has, or a password without keys, something that
        looks the same and stays the same. Denied when nothing can be looked up now."""
        ...


Turn = Challenge | Granted | Denied | Failed
"""What the door must do: send a challenge and bring the answer, or let in, or not."""


class Exchange:
    """Belongs to one client; `answer` after each challenge."""

    def __init__(
        self, mechanism: Mechanism, authenticator: Authenticator, salts: ScramDirectory | None, attempt: Attempt
    ) -> None:
        """`salts` for mechanisms that ask for them."""
        self._mechanism = mechanism
        self._authenticator = authenticator
        self._salts = salts
        self._attempt = attempt
        self._decision: Granted | Denied | None = None

    async def begin(self, initial: bytes | None) -> Turn:
        """With the client's initial response; None when it sent none."""
        return await self._follow(self._mechanism.start(initial))

    async def answer(self, data: bytes) -> Turn:
        """The client's answer to the last challenge."""
        if self._decision is not None:
            return self._decision  # whatever it said: it knows now, and so do we
        return await self._follow(self._mechanism.respond(data))

    async def _follow(self, step: Step) -> Turn:
        while isinstance(step, Lookup):
            assert self._salts is not None
            parameters = await self._salts.parameters(step.hash, step.login_name)
            if isinstance(parameters, Denied):
                return parameters
            step = step.then(parameters)
        if isinstance(step, Challenge | Failed):
            return step
        self._decision = await self._authenticator.decide(step, self._attempt)
        last_word = self._mechanism.decided(self._decision)
        return self._decision if last_word is None else Challenge(last_word)
