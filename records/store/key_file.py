"""The key file on disk: made once, 0600, never replaced in place."""

import asyncio
import os
import secrets
import stat
from pathlib import Path

from records.crypto.file_provider import FileKeyProvider, KeyFile
from records.crypto.keyring import Keyring, Wrapped
from records.crypto.suites import KEY_BYTES
from records.errors import KeyFileInvalid

MAX_BYTES = 64 * 1024  # 800 keys; a file that is larger is something else


def create_key_file(path: Path) -> None:
    """Make a key file with one fresh key. Raises FileExistsError: a key file is never overwritten."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write_new(path, KeyFile("k1", {"k1": secrets.token_bytes(KEY_BYTES)}))


def load_key_file(path: Path) -> KeyFile:
    """Read a key file. Raises KeyFileInvalid when it is missing, damaged, or open to anyone but its owner."""
    try:
        # A pipe in its place would keep the start waiting for a writer for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise KeyFileInvalid(
            f"no key file at {path}: restore it from its backup; without it nothing sealed can be read"
        ) from None
    except OSError as error:
        raise KeyFileInvalid(f"the key file {path} cannot be read: {error.strerror}") from None
    try:
        _check_mode(path, os.fstat(descriptor))
    except KeyFileInvalid:
        os.close(descriptor)
        raise
    with os.fdopen(descriptor, encoding="utf-8") as file:
        try:
            return KeyFile.from_text(file.read(MAX_BYTES))
        except UnicodeDecodeError:
            raise KeyFileInvalid(f"the key file {path} is damaged: restore it from its backup") from None


class KeyFileService:
    """A KeyProvider over the file as it is now: a rotation by another process is seen without a restart."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._provider = FileKeyProvider(load_key_file(path))

    async def current(self) -> str:
        """Return the key that wraps, as the file has it now."""
        await self._reload()
        return self._provider.kek_id

    async def wrap(self, key: bytes, context: bytes) -> Wrapped:
        """Wrap a key under the file's current key; rare, so the file is read again each time."""
        await self._reload()
        return await self._provider.wrap(key, context)

    async def unwrap(self, wrapped: Wrapped, context: bytes) -> bytes:
        """Unwrap a key. Raises CannotOpen."""
        if not self._provider.holds(wrapped.kek_id):
            await self._reload()
        return await self._provider.unwrap(wrapped, context)

    async def rewrap(self, wrapped: Wrapped, context: bytes) -> Wrapped:
        """Wrap a wrapped key anew under the file's current key."""
        return await self.wrap(await self.unwrap(wrapped, context), context)

    async def healthy(self) -> bool:
        """Say whether the file is still there, whole and private."""
        try:
            await asyncio.to_thread(load_key_file, self._path)
        except KeyFileInvalid:
            return False
        return True

    async def _reload(self) -> None:
        self._provider = FileKeyProvider(await asyncio.to_thread(load_key_file, self._path))


def load_keyring(path: Path) -> Keyring:
    """Return a keyring over a key file. Raises KeyFileInvalid."""
    return Keyring(KeyFileService(path))


def rotate_key_file(path: Path) -> KeyFile:
    """Add a new current key, atomically; old ones stay until `drop_old_keys`."""
    return _replace(path, load_key_file(path).rotated(secrets.token_bytes(KEY_BYTES)))


def drop_old_keys(path: Path) -> KeyFile:
    """Keep the current key alone. Only after every tenant key was rewrapped (records.store.rotation)."""
    return _replace(path, load_key_file(path).without_old())


def _check_mode(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise KeyFileInvalid(f"the key file {path} is not a regular file")
    if status.st_mode & 0o077:
        raise KeyFileInvalid(f"the key file {path} is open to others: chmod 600 {path}")
    # Root may read everything anyway: it runs commands beside a server that runs under its own account.
    if os.geteuid() != 0 and status.st_uid not in (os.geteuid(), 0):
        raise KeyFileInvalid(f"the key file {path} belongs to another user: chown it to the one that serves")


def _replace(path: Path, content: KeyFile) -> KeyFile:
    beside = path.with_name(path.name + ".new")
    beside.unlink(missing_ok=True)
    _write_new(beside, content)
    kept = path.stat()
    os.chown(beside, kept.st_uid, kept.st_gid)  # root may rotate what the serving account must read
    os.replace(beside, path)
    _sync_folder(path.parent)
    return content


def _write_new(path: Path, content: KeyFile) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content.to_text())
        file.flush()
        os.fsync(file.fileno())
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    # A file that was synced but whose name was not is lost with the power.
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
