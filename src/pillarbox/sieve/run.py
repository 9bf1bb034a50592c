"""The state of one run: its budget, variables, flags, and the actions so far.

Must never: outlive its run; let a script go past a limit. RFC 5228 section 2.10 (the implicit keep, duplicate actions,
limits), RFC 5229 (variables), RFC 5232 section 2 (flags).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from pillarbox.mail.flags import SYSTEM_FLAGS, canonical_flag
from pillarbox.sieve.environment import Envelope, Environment
from pillarbox.sieve.errors import RunFailed
from pillarbox.sieve.limits import SieveLimits
from pillarbox.sieve.message import SieveMessage
from pillarbox.sieve.outcome import Action, Answer, FileInto, Keep, Outcome, Redirect, Reject, Remember
from pillarbox.sieve.text import Text

_keyword = re.compile(r"""[^\x00-\x20\x7f-\U0010ffff(){%*"\\\]]+""")


class Stopped(Exception):
    """The script said `stop`."""


class Run:
    """One script on one message."""

    def __init__(
        self, message: SieveMessage, envelope: Envelope, environment: Environment, limits: SieveLimits
    ) -> None:
        self.message = message
        self.envelope = envelope
        self.environment = environment
        self.limits = limits
        self.flags: list[str] = []
        """The internal variable of imap4flags."""
        self.matches: Sequence[str] = ()
        """Match variables."""
        self._variables: dict[str, str] = {}
        self._steps_left = limits.steps
        self._actions: list[Action] = []
        self._keeps = True
        self._remember: dict[str, Remember] = {}

    def spend(self, steps: int) -> None:
        """Account for work. Raises RunFailed when the budget is used up."""
        self._steps_left -= steps
        if self._steps_left < 0:
            raise RunFailed("the script takes too long on this message")

    def spend_on_header(self) -> None:
        """Account for work on all of the header: walking through its fields and decoding them."""
        self.spend(120 * self.message.field_count + 5 * self.message.header_bytes)

    # --- strings ---------------------------------------------------------------------------------

    def expand(self, text: Text) -> str:
        """A string with its variables filled in."""
        if text.constant is not None:
            return text.constant
        pieces: list[str] = []
        size = 0
        for piece in text.pieces:
            if not isinstance(piece, str):
                piece = self._value(piece.name, piece.number)
            size += len(piece)
            if size > self.limits.string_characters:
                raise RunFailed("a string becomes too long when its variables are filled in")
            pieces.append(piece)
        self.spend(size)
        return "".join(pieces)

    def expand_all(self, texts: Iterable[Text]) -> list[str]:
        return [self.expand(text) for text in texts]

    def _value(self, name: str, index: int) -> str:
        if index >= 0:
            return self.matches[index] if index < len(self.matches) else ""
        return self._variables.get(name, "")

    def variable(self, name: str) -> str:
        return self._variables.get(name.lower(), "")

    def set_variable(self, name: str, value: str) -> None:
        name = name.lower()
        if name not in self._variables and len(self._variables) >= self.limits.variables:
            raise RunFailed(f"there can be {self.limits.variables} variables at most")
        self._variables[name] = value[: self.limits.variable_characters]

    # --- actions ---------------------------------------------------------------------------------

    def cancel_keep(self) -> None:
        """The message is kept no more unless an action says so."""
        self._keeps = False

    def add(self, action: Action) -> None:
        """Add an action; the same again takes the place of the first (RFC 5228 section 2.10.3). Raises RunFailed."""
        for index, earlier in enumerate(self._actions):
            if self._place(earlier) == self._place(action):
                if isinstance(action, Reject | Answer):
                    raise RunFailed(f"{'reject' if isinstance(action, Reject) else 'vacation'} can be done once only")
                self._actions[index] = action
                return
        kinds = {type(earlier) for earlier in self._actions} | {type(action)}
        if Reject in kinds and len(kinds) > 1:
            raise RunFailed("reject goes with no action that answers, keeps, files or redirects the message")
        self._actions.append(action)
        if len(self._actions) > self.limits.actions:
            raise RunFailed(f"a script can do {self.limits.actions} things with a message at most")
        if sum(isinstance(each, Redirect) for each in self._actions) > self.limits.redirects:
            raise RunFailed(f"a message can be redirected {self.limits.redirects} times at most")

    def remember(self, key: str, seconds: int) -> None:
        """Have it remembered once all is done."""
        self._remember[key] = Remember(key, seconds)

    def outcome(self) -> Outcome:
        """The end of a run that went well."""
        if self._keeps and not any(isinstance(action, Reject) for action in self._actions):
            self.add(Keep(self.flag_set(self.flags), self.message.changed_header))
        return Outcome(tuple(self._actions), tuple(self._remember.values()))

    def _place(self, action: Action) -> object:
        """What makes two actions the same one."""
        match action:
            case Keep():
                return "mailbox", self.environment.keep_mailbox
            case FileInto():
                return "mailbox", action.mailbox
            case Redirect():
                return "address", action.address.lower()
        return type(action)

    # --- flags -----------------------------------------------------------------------------------

    @staticmethod
    def flag_names(texts: Iterable[str]) -> list[str]:
        """The flags that lists of flags name, each once; what no mailbox could keep is left out."""
        names: dict[str, str] = {}
        for name in (name for text in texts for name in text.split()):
            canonical = canonical_flag(name)
            if canonical in SYSTEM_FLAGS or _keyword.fullmatch(name):
                names.setdefault(canonical.lower(), canonical)
        return list(names.values())

    def flag_set(self, texts: Iterable[str]) -> frozenset[str]:
        return frozenset(self.flag_names(texts))


def failed(error: str) -> Outcome:
    """The end of a run that went wrong: the message is kept as it came."""
    return replace(Outcome((Keep(),)), error=error)
