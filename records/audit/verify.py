"""
Checks a chain entry by entry and names the first bad one. Pure: entries, checkpoints and the head come as values.

A chain alone shows neither a cut tail nor a full rewrite; the signed checkpoints outside the database show both.
"""

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from records.audit.chain import Checkpoint, Entry, link

# Time services step a clock by less than this; someone who hides something sets it back by more.
CLOCK_TOLERANCE_US = 1_000_000


class Tampering(enum.Enum):
    """What was done to a chain. Drawn in records/README.md, which a test compares."""

    CHANGED = "changed"
    DELETED = "deleted"
    SWAPPED = "swapped"
    INSERTED = "inserted"
    CUT_TAIL = "cut tail"
    REWRITTEN = "rewritten chain"
    CLOCK_SET_BACK = "clock set back"


@dataclass(frozen=True, slots=True)
class Finding:
    """The first bad entry, and what happened to it as far as the chain tells."""

    tampering: Tampering
    number: int
    other: int | None = None
    """The other entry of a swap; for a rewritten chain the checkpoint that disagrees."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a verification found."""

    entries: int
    checkpoints: int
    last_number: int
    last_hash: bytes
    finding: Finding | None

    @property
    def is_sound(self) -> bool:
        """Return whether nothing was found."""
        return self.finding is None


class Verifier:
    """
    Takes a chain's entries in the order of their numbers, then says what is wrong with it.

    After a break it keeps reading, since what was broken shows only in what follows: a swapped entry's partner, or the
    shift that an insertion or a deletion leaves.
    """

    def __init__(self, genesis: bytes, checkpoints: Iterable[Checkpoint] = ()) -> None:
        self._previous = Entry(0, 0, "", genesis)
        # By number; two that differ are a fork: one of them was signed on another copy of the database.
        self._checkpoints: dict[int, set[bytes]] = {}
        for checkpoint in checkpoints:
            self._checkpoints.setdefault(checkpoint.number, set()).add(checkpoint.hash)
        self._pinned = 0  # the newest number that a checkpoint confirmed
        self._entries = 0
        self._finding: Finding | None = None
        self._suspect: Entry | None = None
        self._after: list[Entry] = []

    def receive(self, entry: Entry) -> None:
        """Take the next entry."""
        self._entries += 1
        if self._finding is not None:
            return
        if self._suspect is not None:
            self._compare(entry)
            return
        self._check(entry)

    def finish(self, head: tuple[int, bytes] | None = None, beyond: int | None = None) -> Report:
        """Return the report; `head` is the head row's number and hash, `beyond` the first entry above it, if known."""
        if self._finding is None and self._suspect is not None:
            self._finding = self._explain(self._suspect)
        if self._finding is None:
            self._finding = self._check_tail(head)
        if self._finding is None and beyond is not None:
            self._finding = Finding(Tampering.INSERTED, beyond)
        last = self._previous
        return Report(self._entries, len(self._checkpoints), last.number, last.hash, self._finding)

    def _check(self, entry: Entry) -> None:
        expected = self._previous.number + 1
        if entry.number > expected:
            self._finding = Finding(Tampering.DELETED, expected)
        elif entry.number < expected:
            self._finding = Finding(Tampering.INSERTED, entry.number)
        elif self._at(expected, entry) != entry.hash:
            self._suspect = entry
        elif entry.recorded_us < self._previous.recorded_us - CLOCK_TOLERANCE_US:
            self._finding = Finding(Tampering.CLOCK_SET_BACK, entry.number)
        else:
            self._check_checkpoint(entry)

    def _check_checkpoint(self, entry: Entry) -> None:
        signed = self._checkpoints.get(entry.number)
        if signed is not None and signed != {entry.hash}:
            self._finding = Finding(Tampering.REWRITTEN, self._pinned + 1, entry.number)
            return
        if signed is not None:
            self._pinned = entry.number
        self._previous = entry

    def _compare(self, entry: Entry) -> None:
        assert self._suspect is not None, "called only after a break"
        if len(self._after) < 2:
            self._after.append(entry)
        number = self._suspect.number
        fits_here = self._at(number, entry)
        is_alone = fits_here == self._suspect.hash  # the hashes stayed where they were
        is_whole = fits_here == entry.hash and (entry.number > number + 1 or self._fits_after(entry))
        if is_alone or is_whole:
            self._finding = Finding(Tampering.SWAPPED, number, entry.number)

    def _fits_after(self, entry: Entry) -> bool:
        """Say whether the suspect is the one that belongs behind `entry`: neighbours swapped, rather than one added."""
        assert self._suspect is not None, "called only after a break"
        suspect = self._suspect
        return link(entry.hash, suspect.number + 1, suspect.recorded_us, suspect.leaf) == suspect.hash

    def _explain(self, suspect: Entry) -> Finding:
        if self._after:
            following = self._after[0]
            if self._at(suspect.number, following) == following.hash:
                return Finding(Tampering.INSERTED, suspect.number)
            moved_up = link(suspect.hash, suspect.number + 2, following.recorded_us, following.leaf)
            if moved_up == following.hash:
                return Finding(Tampering.DELETED, suspect.number)
        return Finding(Tampering.CHANGED, suspect.number)

    def _check_tail(self, head: tuple[int, bytes] | None) -> Finding | None:
        last = self._previous
        newest = max(self._checkpoints, default=0)
        if newest > last.number or (head is not None and head[0] > last.number):
            return Finding(Tampering.CUT_TAIL, last.number + 1)
        if head is not None and head[0] == last.number and head[1] != last.hash:
            return Finding(Tampering.REWRITTEN, self._pinned + 1, last.number)
        return None

    def _at(self, number: int, entry: Entry) -> bytes:
        """Return the hash that an entry would have right after the last good one."""
        return link(self._previous.hash, number, entry.recorded_us, entry.leaf)
