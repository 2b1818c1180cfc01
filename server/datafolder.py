"""The data folder: made on the first start, owned by one running product at a time."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

from server.faults import DataFolderInUse, DataFolderUnusable
from server.processes import Account

RECORDINGS = "recordings"  # sealed files of recordings, in the data folder


@dataclass(frozen=True)
class DataFolder:
    """A data folder that we hold the lock of; the lock ends with the process, however it ends."""

    path: Path
    is_new: bool
    """Nothing was ever kept here: the only time when a key may be made."""
    lock: int
    """File descriptor; not inherited by children."""

    @property
    def logs(self) -> Path:
        """Where children's output goes when it does not go to our own standard error."""
        return self.path / "logs"


def claim(path: Path, account: Account) -> DataFolder:
    """
    Make the folder when missing, and take its lock.

    Raises:
        DataFolderInUse: another product runs on it.
        DataFolderUnusable: it cannot be made or entered.
    """
    try:
        if not path.exists():
            path.mkdir(parents=True)
            # Another account than ours must walk through to the cluster; what is inside is 0700 each.
            path.chmod(0o700 if account.is_mine else 0o711)
        is_new = not [entry for entry in os.listdir(path) if entry not in ("lock", "logs", "run")]
        lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise DataFolderUnusable(
            f"The data folder {path} cannot be used: {error.strerror}.",
            "give it to this user (chown), make room on the disk, or choose another one with TELECONSULT_DATA_DIR.",
        ) from None
    _take(lock, path)
    logs = path / "logs"
    logs.mkdir(mode=0o700, exist_ok=True)
    return DataFolder(path, is_new, lock)


def _take(lock: int, path: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.pread(lock, 20, 0).decode(errors="replace").strip() or "unknown"
        os.close(lock)
        raise DataFolderInUse(
            f"Another Teleconsult (process {owner}) already uses the data folder {path}.",
            "end it first, or choose another folder with TELECONSULT_DATA_DIR.",
        ) from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)


def own_by(folder: DataFolder, account: Account, key_file: Path) -> None:
    """Give what web writes itself to the account that it runs under: key, checkpoints, demo, recordings."""
    folders = [folder.path / "audit", folder.path / "demo", folder.path / RECORDINGS]
    if key_file.parent.parent == folder.path:
        folders.append(key_file.parent)
    for kept in folders:
        kept.mkdir(mode=0o700, exist_ok=True)
        if os.geteuid() == 0:
            for path in [kept, *kept.iterdir()]:
                os.chown(path, account.uid, account.gid, follow_symlinks=False)
