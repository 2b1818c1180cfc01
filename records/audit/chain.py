"""
The hash chain of one tenant's audit entries, and the signed checkpoints that pin it down from outside.

    hash = SHA-256(previous hash 32 | number 8 | recorded time, microseconds since 1970, 8 | leaf, UTF-8)

The first previous hash is SHA-256 of the tenant id's text. The database computes the same in `append_audit`.
"""

import base64
import hashlib
import json
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the chain."""

    number: int
    recorded_us: int
    leaf: str
    hash: bytes


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A signed statement that entry `number` had `hash`. Copied outside the database."""

    tenant: UUID
    number: int
    hash: bytes
    recorded_us: int
    key_version: int
    signature: bytes = b""

    def message(self) -> bytes:
        """Return the bytes that are signed: lines, as C2SP tlog-checkpoint has them."""
        lines = (f"teleconsult audit {self.tenant}", str(self.number), base64.b64encode(self.hash).decode(),
                 str(self.recorded_us), str(self.key_version), "")  # fmt: skip
        return "\n".join(lines).encode()

    def to_line(self) -> str:
        """Return the JSON line of the checkpoint file."""
        return json.dumps({
            "tenant": str(self.tenant), "number": self.number, "hash": self.hash.hex(),
            "recorded_us": self.recorded_us, "key_version": self.key_version, "signature": self.signature.hex(),
        }, sort_keys=True)  # fmt: skip

    @classmethod
    def from_line(cls, line: str) -> "Checkpoint":
        """Read a line of the checkpoint file. Raises ValueError for anything that `to_line` does not write."""
        try:
            fields = json.loads(line)
            return cls(UUID(fields["tenant"]), int(fields["number"]), bytes.fromhex(fields["hash"]),
                       int(fields["recorded_us"]), int(fields["key_version"]),
                       bytes.fromhex(fields["signature"]))  # fmt: skip
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("not a checkpoint line") from error


def genesis(tenant: UUID) -> bytes:
    """Return the hash before the first entry."""
    return hashlib.sha256(str(tenant).encode()).digest()


def link(previous: bytes, number: int, recorded_us: int, leaf: str) -> bytes:
    """Return the hash of an entry."""
    return hashlib.sha256(previous + number.to_bytes(8) + recorded_us.to_bytes(8, signed=True) + leaf.encode()).digest()
