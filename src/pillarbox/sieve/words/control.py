"""if, elsif, else, stop, and the tests that join tests (RFC 5228 sections 3 and 5).

Must never: evaluate more tests than needed (RFC 5229 section 3.2).
"""

from __future__ import annotations

from pillarbox.sieve.run import Run, Stopped
from pillarbox.sieve.script import Call, Tests, Word, holds, perform


def _if(run: Run, call: Call) -> None:
    while True:
        if not call.tests or holds(run, call.tests[0]):
            perform(run, call.block)
            return
        if not call.otherwise:
            return
        call = call.otherwise[0]


def _stop(run: Run, call: Call) -> None:
    raise Stopped


WORDS = (
    Word("if", "5228 3.1", tests=Tests.ONE, block=True, act=_if),
    Word("elsif", "5228 3.1", tests=Tests.ONE, block=True, act=_if),
    Word("else", "5228 3.1", block=True, act=_if),
    Word("stop", "5228 3.3", act=_stop),
    Word("allof", "5228 5.2", tests=Tests.LIST, test=lambda run, call: all(holds(run, test) for test in call.tests)),
    Word("anyof", "5228 5.3", tests=Tests.LIST, test=lambda run, call: any(holds(run, test) for test in call.tests)),
    Word("not", "5228 5.8", tests=Tests.ONE, test=lambda run, call: not holds(run, call.tests[0])),
    Word("true", "5228 5.10", test=lambda run, call: True),
    Word("false", "5228 5.6", test=lambda run, call: False),
)
