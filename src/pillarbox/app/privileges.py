"""Started as root, the server becomes somebody who may do less; whoever it is, it can never gain rights again.

    choose   who to be: `run_as.user`; else the owner of the data folder; for a new folder the user `pillarbox`
    become   that user, with two capabilities left: ports below 1024, and reading keys that only root may read
    seal     when everything is open: no capability, no new privileges (prctl), no core dumps, and nothing for other
             processes of the same user to look into (not dumpable)

All file work happens after `become`, so that a link that the user put into the folder leads root nowhere.

Must never: go on when a step failed; be called after a thread was started, for the kernel counts them one by one.
"""

from __future__ import annotations

import ctypes
import grp
import os
import pwd
import resource
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pillarbox

DEFAULT_USER: Final = "pillarbox"
"""Whose a new data folder is."""

_SET_DUMPABLE: Final = 4
_SET_KEEPCAPS: Final = 8
_CAPBSET_DROP: Final = 24
_SET_NO_NEW_PRIVS: Final = 38
_CAP_AMBIENT: Final = 47
_AMBIENT_CLEAR_ALL: Final = 4
"""prctl(2)."""
_DAC_READ_SEARCH: Final = 2
_NET_BIND_SERVICE: Final = 10
"""capabilities(7)."""
_MOST_CAPABILITIES: Final = 64
_CAPABILITY_VERSION: Final = 0x20080522


@dataclass(frozen=True, slots=True)
class RunAsSettings:
    user: str | None = None
    """Whom to become when started as root. None is the owner of the data folder, and the user `pillarbox`, when there
    is one, for a folder that is new. `root` stays root, without its powers: not for a server that strangers reach."""
    group: str | None = None
    """The group to be of then; none is the user's own. All other groups are left, but for `lmtp.socket_group`."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom to be."""

    name: str
    user: int
    group: int
    other_groups: tuple[int, ...] = ()


class PrivilegesUnusable(Exception):
    """The server can't become whom it should be. The text is for the operator, and says what to do."""


def choose(settings: RunAsSettings, folder: Path, other_groups: Iterable[str]) -> Identity | None:
    """Whom to become; None: who it is already. Raises PrivilegesUnusable, OSError."""
    if os.geteuid() != 0:
        _check_user(settings)
        return None
    name, user, group = _wanted(settings, folder)
    if settings.group:
        group = _group(settings.group)
    return Identity(name, user, group, tuple(_group(each) for each in other_groups if each))


def settle(settings: RunAsSettings, folder: Path, other_groups: Iterable[str]) -> None:
    """Become whom the server is to be, and let the folder be theirs. Raises PrivilegesUnusable, OSError."""
    identity = choose(settings, folder, other_groups)
    if identity is not None:
        prepare_folder(folder, identity)
        become(identity, folder)


def prepare_folder(folder: Path, identity: Identity) -> None:
    """Make the folder, or see that it is theirs: what root made is not given away unasked.

    Raises PrivilegesUnusable, OSError.
    """
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
    elif folder.stat().st_uid == identity.user:
        return
    elif any(folder.iterdir()):
        raise PrivilegesUnusable(
            f"{folder} belongs to user {folder.stat().st_uid}, and the server is to run as {identity.name}; "
            f"hand it over: chown -R {identity.user}:{identity.group} {folder}"
        )
    os.chown(folder, identity.user, identity.group, follow_symlinks=False)


def become(identity: Identity, folder: Path) -> None:
    """Be somebody else from now on. Raises PrivilegesUnusable, OSError."""
    is_linux = sys.platform == "linux"
    if is_linux:
        _drop_bounds()
        _prctl(_SET_KEEPCAPS, 1)
    try:
        os.setgroups(identity.other_groups)
        os.setgid(identity.group)
        os.setuid(identity.user)
    except PermissionError as error:
        if identity.user != os.geteuid():
            raise PrivilegesUnusable(
                f"this root may not become {identity.name} (a container without CAP_SETUID and CAP_SETGID?): start the "
                f"server as {identity.name}, such as with docker run --user"
            ) from error
    if is_linux:
        _set_capabilities({_NET_BIND_SERVICE, _DAC_READ_SEARCH})
    if identity.user == 0:
        return
    try:
        os.setuid(0)
    except PermissionError:
        _check_reach(identity, folder)
        return
    raise PrivilegesUnusable("the way back to root is open; this system is not supported")


def seal() -> None:
    """Give up what is left, for good; for every process that is forked from now on too.

    Raises PrivilegesUnusable, OSError.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform != "linux":
        return
    if len(os.listdir("/proc/self/task")) != 1:
        raise PrivilegesUnusable("a thread was started too early; please report this")
    _prctl(_CAP_AMBIENT, _AMBIENT_CLEAR_ALL)
    _set_capabilities(set())
    _prctl(_SET_NO_NEW_PRIVS, 1)
    _prctl(_SET_DUMPABLE, 0)


def default_identity() -> Identity | None:
    """Whose a new data folder is, when this machine has that user."""
    try:
        found = pwd.getpwnam(DEFAULT_USER)
    except KeyError:
        return None
    return Identity(found.pw_name, found.pw_uid, found.pw_gid)


# --- whom -------------------------------------------------------------------------------------------


def _wanted(settings: RunAsSettings, folder: Path) -> tuple[str, int, int]:
    if settings.user:
        try:
            found = pwd.getpwnam(settings.user)
        except KeyError as error:
            raise PrivilegesUnusable(
                f'run_as.user: there is no user "{settings.user}"; make it: useradd --system {settings.user}'
            ) from error
        return found.pw_name, found.pw_uid, found.pw_gid
    if folder.is_dir() and any(folder.iterdir()):
        there = folder.stat()
        try:
            owner = pwd.getpwuid(there.st_uid)
        except KeyError:
            return f"#{there.st_uid}", there.st_uid, there.st_gid
        return owner.pw_name, owner.pw_uid, owner.pw_gid
    default = default_identity() or Identity("root", 0, 0)
    return default.name, default.user, default.group


def _group(name: str) -> int:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError as error:
        raise PrivilegesUnusable(f"there is no group {name}; make it: groupadd --system {name}") from error


def _check_user(settings: RunAsSettings) -> None:
    if settings.user is None:
        return
    try:
        wanted = pwd.getpwnam(settings.user).pw_uid
    except KeyError:
        wanted = -1
    if wanted != os.geteuid():
        raise PrivilegesUnusable(
            f'run_as.user is "{settings.user}", and only root can become somebody else: start the server as root or as '
            f"{settings.user}"
        )


def _check_reach(identity: Identity, folder: Path) -> None:
    """access(2) asks for the user alone, whatever capabilities are left."""
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise PrivilegesUnusable(
            f"the user {identity.name} can't get at {folder}: a folder above it is closed to others (namei -l {folder})"
        )
    for place in (Path(pillarbox.__file__), Path(os.__file__)):
        if not os.access(place, os.R_OK):
            raise PrivilegesUnusable(
                f"the user {identity.name} can't read {place}: install Python and Pillarbox where everybody can read "
                'them, such as /opt/pillarbox; or stay root with run_as.user = "root"'
            )


# --- the kernel -------------------------------------------------------------------------------------


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def _set_capabilities(wanted: set[int]) -> None:
    """Have these and no other: of what is held now."""
    libc = ctypes.CDLL(None, use_errno=True)
    held = _held(libc)
    if not held:
        return  # a filter of system calls may refuse what would change nothing
    mask = sum(1 << each for each in wanted & held)
    sets = (_Sets * 2)(_Sets(mask & 0xFFFFFFFF, mask & 0xFFFFFFFF, 0), _Sets(mask >> 32, mask >> 32, 0))
    if libc.capset(ctypes.byref(_Header(_CAPABILITY_VERSION, 0)), sets):
        raise OSError(ctypes.get_errno(), f"capset: {os.strerror(ctypes.get_errno())}")


def _held(libc: ctypes.CDLL) -> set[int]:
    sets = (_Sets * 2)()
    if libc.capget(ctypes.byref(_Header(_CAPABILITY_VERSION, 0)), sets):
        raise OSError(ctypes.get_errno(), f"capget: {os.strerror(ctypes.get_errno())}")
    mask = int(sets[0].permitted) | int(sets[1].permitted) << 32
    return {number for number in range(_MOST_CAPABILITIES) if mask >> number & 1}


def _drop_bounds() -> None:
    """No program that is started later gets a capability from its file (EINVAL: the kernel knows no more of them)."""
    libc = ctypes.CDLL(None, use_errno=True)
    for number in range(_MOST_CAPABILITIES):
        if libc.prctl(_CAPBSET_DROP, ctypes.c_ulong(number), 0, 0, 0):
            return


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    rest = (ctypes.c_ulong(0),) * 3
    if libc.prctl(option, ctypes.c_ulong(value), *rest):
        raise OSError(ctypes.get_errno(), f"prctl {option}: {os.strerror(ctypes.get_errno())}")
