"""Work that is done aside, in a process of its own: what it loads is given back with it, and only its result stays.

A server reads its settings and makes its certificates so: the command line, pydantic and cryptography take 23 MB, which
every process that was forked later would hold on to.

Must never: be used where other threads run, for a fork takes their locks along.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn, TypeVar, cast

T = TypeVar("T")


def aside(work: Callable[[], T]) -> T:
    """What `work` returns in a child process; values that can be pickled.

    What it raises is printed there with its traceback, for that is a bug; here it is SystemExit with the child's code.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    ours, theirs = os.pipe()
    child = os.fork()
    if not child:
        os.close(ours)
        _work(work, theirs)
    os.close(theirs)
    with open(ours, "rb") as result:
        told = result.read()
    _, status = os.waitpid(child, 0)
    if not told:
        raise SystemExit(abs(os.waitstatus_to_exitcode(status)) or 1)
    return cast(T, pickle.loads(told))  # noqa: S301 - from our own child


def _work(work: Callable[[], T], result: int) -> NoReturn:
    code = 1
    try:
        signal.set_wakeup_fd(-1)  # a supervisor's: signals for the child are none for it
        told = pickle.dumps(work())
        sys.stdout.flush()
        sys.stderr.flush()
        with open(result, "wb") as pipe:
            pipe.write(told)
        code = 0
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)  # never back into the parent's frames
