"""
The key service that is a file: key-encryption keys by id, in the memory of this process.

For one machine. `records.store.key_file` reads and writes the file and refuses one that others may read.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from records.crypto.envelope import DataKey, open_sealed, seal
from records.crypto.format import Context
from records.crypto.keyring import Wrapped
from records.crypto.suites import KEY_BYTES, XAES_256_GCM
from records.errors import CannotOpen, KeyFileInvalid

FORMAT = 1


@dataclass(frozen=True, slots=True, repr=False)
class KeyFile:
    """What the file holds."""

    current: str
    keys: Mapping[str, bytes]
    """32 bytes by id; ids are k1, k2, …"""

    def to_text(self) -> str:
        """Return the file's JSON."""
        keys = {kek_id: key.hex() for kek_id, key in self.keys.items()}
        return json.dumps({"format": FORMAT, "current": self.current, "keys": keys}, indent=2) + "\n"

    @classmethod
    def from_text(cls, text: str) -> "KeyFile":
        """Read the file's JSON. Raises KeyFileInvalid, which says what is wrong without quoting the file."""
        try:
            content: dict[str, Any] = json.loads(text)
            keys = {str(kek_id): bytes.fromhex(key) for kek_id, key in content["keys"].items()}
            current = str(content["current"])
            is_known = content["format"] == FORMAT
        except (ValueError, KeyError, TypeError, AttributeError):
            raise KeyFileInvalid("the key file is damaged: restore it from its backup; nothing was changed") from None
        if not is_known or current not in keys or any(len(key) != KEY_BYTES for key in keys.values()):
            raise KeyFileInvalid("the key file is damaged: restore it from its backup; nothing was changed")
        return cls(current, keys)

    def rotated(self, material: bytes) -> "KeyFile":
        """Return the file with a new current key; the old ones stay until every tenant key is rewrapped."""
        newest = f"k{1 + max(int(kek_id[1:]) for kek_id in self.keys)}"
        return replace(self, current=newest, keys={**self.keys, newest: material})

    def without_old(self) -> "KeyFile":
        """Return the file with the current key alone."""
        return replace(self, keys={self.current: self.keys[self.current]})


class FileKeyProvider:
    """A KeyProvider over a KeyFile."""

    def __init__(self, file: KeyFile) -> None:
        self._file = file
        self._keys = {kek_id: DataKey(_number(kek_id), key, XAES_256_GCM) for kek_id, key in file.keys.items()}

    @property
    def kek_id(self) -> str:
        """The key that wraps now."""
        return self._file.current

    async def current(self) -> str:
        """Return the key that wraps now."""
        return self.kek_id

    def holds(self, kek_id: str) -> bool:
        """Say whether the file has this key."""
        return kek_id in self._keys

    async def wrap(self, key: bytes, context: bytes) -> Wrapped:
        """Wrap a key under the current one."""
        return self._wrap(key, context)

    async def unwrap(self, wrapped: Wrapped, context: bytes) -> bytes:
        """Unwrap a key. Raises CannotOpen, also for a key id that the file does not hold."""
        return self._unwrap(wrapped, context)

    async def rewrap(self, wrapped: Wrapped, context: bytes) -> Wrapped:
        """Wrap a wrapped key anew under the current one."""
        return self._wrap(self._unwrap(wrapped, context), context)

    async def healthy(self) -> bool:
        """A file that was read stays read."""
        return True

    def _wrap(self, key: bytes, context: bytes) -> Wrapped:
        return Wrapped(self.kek_id, seal(self._keys[self.kek_id], _place(context), key))

    def _unwrap(self, wrapped: Wrapped, context: bytes) -> bytes:
        key = self._keys.get(wrapped.kek_id)
        if key is None:
            raise CannotOpen
        return open_sealed(key, _place(context), wrapped.blob)


def _number(kek_id: str) -> int:
    try:
        return int(kek_id[1:])
    except ValueError:
        raise KeyFileInvalid("the key file is damaged: a key's id is not k and a number") from None


# The outer envelope carries the caller's context as its row: length-prefixed like every other field.
def _place(context: bytes) -> Context:
    return Context(UUID(int=0), None, "kek", context.hex(), "wrapped")
