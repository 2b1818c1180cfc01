"""
The sealed files of recordings: written chunk by chunk, each on disk before the next; read by what a player asks for.

`FOLDER/RECORDING.PART.sealed`, 0600. Format: records/README.md "Sealed streams". These calls block: use a thread.
"""

import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from records.crypto.format import Context
from records.crypto.stream import HEAD_BYTES, HEADER_BYTES, SALT_BYTES, Head, Kind, Opener, Sealer, parse_head
from records.errors import CannotOpen
from records.store.recordings import MediaKey

NAME = re.compile(r"([0-9a-f-]{36})\.(\d{1,4})\.sealed")
MAX_CHUNKS = 200_000  # 24 hours of a chunk a second, with marks


class PartWriter:
    """One file that grows. Every call leaves it readable."""

    def __init__(self, folder: Path, key: MediaKey, part: int) -> None:
        """Create the file; it must not be there."""
        folder.mkdir(mode=0o700, exist_ok=True)
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.open(folder / file_name(key.recording_id, part), flags, 0o600)
        self._sealer = Sealer(key.material, _place(key, part), key.suite, secrets.token_bytes(SALT_BYTES))
        self._write(self._sealer.header)
        directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def put(self, kind: Kind, data: bytes, times: tuple[int, int] = (0, 0), *, is_seekable: bool = False) -> None:
        """Seal a chunk and bring it to disk."""
        self._write(self._sealer.seal(kind, data, times, is_seekable=is_seekable))

    def finish(self, times: tuple[int, int]) -> None:
        """Say that nothing follows."""
        self.put(Kind.END, b"", times)
        self.close()

    def close(self) -> None:
        """Leave the file as it is: unfinished when `finish` was not called."""
        os.close(self._file)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]
        os.fsync(self._file)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Where one chunk lies."""

    number: int
    at: int
    """Of its ciphertext in the file."""
    head: Head


class PartReader:
    """One file as it is now: its whole chunks. What a kill cut off is left out."""

    def __init__(self, folder: Path, key: MediaKey, part: int) -> None:
        """Read the heads. Raises FileNotFoundError, CannotOpen."""
        self._file = (folder / file_name(key.recording_id, part)).open("rb")  # noqa: SIM115  # lives as long as we
        try:
            self._opener = Opener(key.material, _place(key, part), self._file.read(HEADER_BYTES))
            self.chunks = tuple(self._heads())
        except BaseException:  # whatever ends it, the file must not stay open
            self._file.close()
            raise

    @property
    def is_finished(self) -> bool:
        """Whether the writer closed it in order. The last chunk's own tag says so, not the file's length."""
        if not self.chunks or not self.chunks[-1].head.is_final:
            return False
        try:
            self.open(self.chunks[-1])
        except CannotOpen:
            return False
        return True

    def of(self, kind: Kind) -> list[Chunk]:
        """Return the chunks of a kind, in order."""
        return [chunk for chunk in self.chunks if chunk.head.kind is kind]

    def open(self, chunk: Chunk) -> bytes:
        """Return what a chunk holds. Raises CannotOpen."""
        self._file.seek(chunk.at)
        return self._opener.open(chunk.number, chunk.head, self._file.read(chunk.head.length))

    def close(self) -> None:
        self._file.close()

    def _heads(self) -> Iterator[Chunk]:
        size = os.fstat(self._file.fileno()).st_size
        at = HEADER_BYTES
        for number in range(MAX_CHUNKS):
            if at + HEAD_BYTES > size:
                return
            self._file.seek(at)
            head = parse_head(self._file.read(HEAD_BYTES))
            if at + HEAD_BYTES + head.length > size:
                return  # written while we look, or cut off
            yield Chunk(number, at + HEAD_BYTES, head)
            at += HEAD_BYTES + head.length


def parts_of(folder: Path, recording_id: UUID) -> list[int]:
    """Return the numbers of a recording's files that are on this node."""
    return sorted(part for found, part in _files(folder) if found == recording_id)


def recordings_in(folder: Path) -> set[UUID]:
    """Return every recording that has a file here."""
    return {found for found, _ in _files(folder)}


def written_at(folder: Path, recording_id: UUID) -> datetime:
    """Return when something was last added to a recording's files. Raises ValueError when it has none here."""
    names = [folder / file_name(recording_id, part) for part in parts_of(folder, recording_id)]
    return datetime.fromtimestamp(max(name.stat().st_mtime for name in names), UTC)


def remove(folder: Path, recording_id: UUID) -> None:
    """Delete a recording's files; their key is gone already."""
    for part in parts_of(folder, recording_id):
        (folder / file_name(recording_id, part)).unlink(missing_ok=True)


def file_name(recording_id: UUID, part: int) -> str:
    return f"{recording_id}.{part}.sealed"


def _files(folder: Path) -> Iterator[tuple[UUID, int]]:
    for name in os.listdir(folder) if folder.is_dir() else []:
        match = NAME.fullmatch(name)
        if match is not None:
            yield UUID(match[1]), int(match[2])


def _place(key: MediaKey, part: int) -> Context:
    return Context(key.tenant_id, key.patient_id, "recording", f"{key.recording_id}/{part}", "media")
