"""A sealed part as a player asks for it: a whole Matroska file, of which only the chunks wanted are opened."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from records.crypto.stream import Kind
from records.errors import CannotOpen
from records.store.recording_files import Chunk, PartReader, parts_of
from records.store.recordings import MediaKey, StoredRecording
from signaling.media.recording.matroska import BadMatroska, Cue, playable


class NotPlayable(Exception):
    """The file is not there, damaged, or has no media yet."""


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A chunk's place in the player's file."""

    start: int
    chunk: Chunk


class PlayFile:
    """
    The bytes of one part as a finished file: a header with duration and cues, then the clusters as they were written.

    Blocks: use a thread. Close it.
    """

    def __init__(self, folder: Path, key: MediaKey, part: int) -> None:
        """Read the part's heads. Raises NotPlayable."""
        try:
            self.reader = PartReader(folder, key, part)
        except (OSError, CannotOpen):
            raise NotPlayable from None
        try:
            self._head = self._header()
        except (CannotOpen, BadMatroska):
            self.reader.close()
            raise NotPlayable from None
        self._stretches: list[_Stretch] = []
        at = len(self._head)
        for chunk in self._media():
            self._stretches.append(_Stretch(at, chunk))
            at += chunk.head.plain_bytes
        self.size = at
        """Bytes of the file."""

    @property
    def is_matroska(self) -> bool:
        """H.264 is not for WebM."""
        return b"matroska" in self._head[:64]

    def read(self, start: int, end: int) -> Iterator[bytes]:
        """Yield the bytes from `start` up to `end`, chunk by chunk. Raises CannotOpen at a damaged one."""
        if start < len(self._head):
            yield self._head[start:end]
        for stretch in self._stretches:
            size = stretch.chunk.head.plain_bytes
            if stretch.start + size <= start or stretch.start >= end:
                continue
            data = self.reader.open(stretch.chunk)
            yield data[max(0, start - stretch.start) : end - stretch.start]

    def close(self) -> None:
        self.reader.close()

    def _media(self) -> list[Chunk]:
        return self.reader.of(Kind.MEDIA)

    def _header(self) -> bytes:
        headers, media = self.reader.of(Kind.HEADER), self._media()
        if not headers or not media:
            raise NotPlayable
        cues, offset = list[Cue](), 0
        for chunk in media:
            if chunk.head.is_seekable:
                cues.append(Cue(chunk.head.start_ms, offset))
            offset += chunk.head.plain_bytes
        return playable(self.reader.open(headers[0]), duration_ms(media), offset, cues)


def duration_ms(media: list[Chunk]) -> int:
    """Return how long a part's media lasts."""
    return max((chunk.head.end_ms for chunk in media), default=0)


def describe(folder: Path, key: MediaKey, recording: StoredRecording) -> dict[str, Any]:
    """Return a recording as the console shows it: its parts, gaps, and whether it is whole. Blocks: use a thread."""
    parts = [found for part in parts_of(folder, key.recording_id) if (found := _part(folder, key, part)) is not None]
    is_whole = recording.ended_at is not None and all(part["is_finished"] for part in parts)
    lengths = [part["start_ms"] + part["duration_ms"] for part in parts]
    return {
        "id": str(recording.id),
        "started_at": recording.started_at.isoformat(),
        "ended_at": recording.ended_at.isoformat() if recording.ended_at is not None else None,
        "is_finished": is_whole,
        "duration_ms": max(lengths, default=0),
        "parts": parts,
    }


def _part(folder: Path, key: MediaKey, part: int) -> dict[str, Any] | None:
    try:
        reader = PartReader(folder, key, part)
    except (OSError, CannotOpen):
        return None
    try:
        marks = [json.loads(reader.open(chunk)) for chunk in reader.of(Kind.MARK)]
        opened = next((mark["part"] for mark in marks if "part" in mark), None)
        if opened is None:
            return None
        return {
            "part": part,
            "seat": opened["seat"],
            "start_ms": opened["start_ms"],
            "duration_ms": duration_ms(reader.of(Kind.MEDIA)),
            "is_finished": reader.is_finished,
            "tracks": [
                {"kind": track["kind"], "source": track["source"], "codec": track["codec"]}
                for track in opened["tracks"]
            ],
            "gaps": [mark["gap"] for mark in marks if "gap" in mark],
        }
    except CannotOpen:
        return None
    finally:
        reader.close()


@dataclass(frozen=True, slots=True)
class ByteRange:
    """What a player asked for (RFC 9110 §14.1.2); `end` is exclusive."""

    start: int
    end: int


def parse_range(header: str, size: int) -> ByteRange | None:
    """Return the one range of a request, None for a header to be ignored. Raises ValueError: none of it is there."""
    unit, _, asked = header.partition("=")
    first, dash, last = asked.strip().partition("-")
    is_number = all(not text or (text.isascii() and text.isdigit() and len(text) < 18) for text in (first, last))
    if unit.strip() != "bytes" or not dash or not is_number or not (first or last):
        return None
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < start:
            return None
    if start >= end:
        raise ValueError("nothing there")
    return ByteRange(start, end)


def is_uuid(text: str) -> UUID | None:
    """Return the id that a path names."""
    try:
        return UUID(text)
    except ValueError:
        return None
