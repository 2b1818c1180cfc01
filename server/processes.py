"""Child processes that never outlive us, and the unprivileged account that they run under."""

from __future__ import annotations

import ctypes
import gc
import os
import pwd
import resource
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from server.faults import AccountMissing

# Looked up now: between fork and exec nothing may be imported or located.
_PRCTL = ctypes.CDLL(None, use_errno=True).prctl
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4

ACCOUNT_NAME = "teleconsult"
# New objects before the collector looks. A transaction of 100 resources makes Python's own 700 many times over, and
# each look met the resources themselves: 15 % of what an import cost (tests/bench/README.md). Two of them at once have
# some 20,000 alive; what is garbage in cycles by then is 10 MB at most.
COLLECT_AFTER = (50_000, 20, 50)


@dataclass(frozen=True)
class Account:
    """An operating system user."""

    name: str
    uid: int
    gid: int

    @property
    def is_mine(self) -> bool:
        """Whether this process already runs under it."""
        return self.uid == os.geteuid()


@dataclass(frozen=True)
class Command:
    """What to start, and how the child is bound to us."""

    argv: Sequence[str]
    environment: Mapping[str, str] | None = None
    """None inherits ours."""
    account: Account | None = None
    """None keeps ours; another one needs root."""
    death_signal: signal.Signals = signal.SIGKILL
    """What the kernel sends to the child when our thread that started it ends, however it ends."""
    output: IO[bytes] | None = None
    """Standard output and error; None inherits ours."""
    folder: Path | None = None
    descriptors: Sequence[int] = ()
    """File descriptors that stay open under their numbers."""


def my_account() -> Account:
    """Return the account of this process."""
    entry = pwd.getpwuid(os.geteuid())
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def unprivileged_account() -> Account:
    """
    Return the account for everything that must not be root: ours, or as root `teleconsult`, made when missing.

    Raises:
        AccountMissing: we are root and the account cannot be made.
    """
    if os.geteuid() != 0:
        return my_account()
    try:
        entry = pwd.getpwnam(ACCOUNT_NAME)
    except KeyError:
        entry = _make_account()
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _make_account() -> pwd.struct_passwd:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin")
    remedy = f"start Teleconsult as an ordinary user, or make the account: useradd --system --user-group {ACCOUNT_NAME}"
    if useradd is None:
        raise AccountMissing("Started as root, and there is no useradd to make an unprivileged account.", remedy)
    options = ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    made = subprocess.run(
        [useradd, *options, "--shell", "/usr/sbin/nologin", ACCOUNT_NAME], capture_output=True, text=True
    )
    try:
        return pwd.getpwnam(ACCOUNT_NAME)
    except KeyError:
        raise AccountMissing(f"Could not make the account {ACCOUNT_NAME}: {made.stderr.strip()}", remedy) from None


def can_reach(path: Path, account: Account) -> bool:
    """Return whether the account may walk to `path`; folders that do not exist yet are ours to make."""
    if account.uid == 0:
        return True
    for folder in [path, *path.parents]:
        try:
            status = os.stat(folder)
        except FileNotFoundError:
            continue
        owner, group = status.st_uid == account.uid, status.st_gid == account.gid
        bit = 0o100 if owner else 0o010 if group else 0o001
        if not status.st_mode & bit:
            return False
    return True


def start(command: Command) -> subprocess.Popen[bytes]:
    """
    Start a child in its own process group that ends when the calling thread ends.

    Must be called from a thread that lives as long as the process: the kernel's parent-death signal follows
    the thread, not the process (prctl(2)). The signal is set after the change of user, which would clear it.
    Its own group keeps a terminal's Ctrl-C to us, so that children end in our order.
    """
    account = command.account
    drop = account is not None and not account.is_mine
    return subprocess.Popen(
        list(command.argv),
        env=None if command.environment is None else dict(command.environment),
        stdin=subprocess.DEVNULL,
        stdout=command.output,
        stderr=subprocess.STDOUT if command.output is not None else None,
        cwd=command.folder,
        user=account.uid if account is not None and drop else None,
        group=account.gid if account is not None and drop else None,
        extra_groups=[] if drop else None,
        pass_fds=command.descriptors,
        process_group=0,
        umask=0o077,
        preexec_fn=_bound_to(os.getpid(), command.death_signal),  # subprocess calls it after the change of user
    )


def _bound_to(parent: int, death_signal: signal.Signals) -> Callable[[], None]:
    def bind() -> None:
        _PRCTL(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent:  # we died before the line above took effect
            os._exit(1)

    return bind


def forbid_dumps(*, hide_memory: bool) -> None:
    """Allow no core file for us and our children; `hide_memory` also closes /proc/PID/mem to our own user."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if hide_memory:
        _PRCTL(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def settle_memory() -> None:
    """Take what start-up made out of the garbage collector's sight: it stays for ever. Call once, when ready."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
