"""server/recording.py: a room's recording with a real recorder process, a relay and a database that fail."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from records.actors import Actor
from records.crypto.stream import Kind
from records.errors import StoreUnavailable
from records.store.recording_files import PartReader
from records.store.recordings import MediaKey
from server.recording import Recorders, RecordingLane, Wish
from server.visit_store import room_actor
from signaling import effects as e
from signaling import inputs as i
from signaling.net.channel import Channel
from signaling.net.control import RelayError
from signaling.states import Role
from tests.signaling.media.recording.publisher import Publisher

VISIT = UUID("11111111-1111-4111-8111-111111111111")
SOON_S = 20.0


class FakeStore:
    """Remembers what was stored; can be away."""

    def __init__(self) -> None:
        self.key = MediaKey(uuid4(), uuid4(), uuid4(), 1, os.urandom(32))
        self.ended: list[bool] = []
        self.consents: list[bool] = []
        self.is_away = False

    async def begin(self, visit_id: UUID, actor: Actor) -> MediaKey:
        if self.is_away:
            raise StoreUnavailable("away")
        return self.key

    async def finish(self, visit_id: UUID, recording_id: UUID, *, is_empty: bool) -> None:
        self.ended.append(is_empty)

    async def consent(self, visit_id: UUID, word: e.StoreConsent, actor: Actor) -> None:
        self.consents.append(word.given)


class FakeRelays:
    """A relay that taps by connecting, or refuses."""

    def __init__(self, control: Path) -> None:
        self._control = control
        self.channel: Channel | None = None
        self._person: Publisher | None = None
        self.is_away = False

    def client_of(self, room: str) -> Any:
        return self

    async def record(self, room: str, channel: str) -> None:
        if self.is_away:
            raise RelayError("no_such_room", room)
        if self.channel is not None:
            self.channel.close()
        self.channel = Channel(str(self._control / channel)) if channel else None

    def send(self, until_s: float, since_s: float = 0.0) -> None:
        """A stretch of one call, all at once; its clocks run on from one stretch to the next, as a browser's do."""
        assert self.channel is not None
        person = self._person = self._person or Publisher(start=time.monotonic())
        packets = person.sound(since_s, until_s) + person.picture(since_s, until_s)
        reports = [each for each in person.reports(until_s) if each[0] >= person.start + since_s]
        for _, message in sorted(person.announce() + reports + packets, key=lambda item: item[0]):
            assert self.channel.send(message)


class Bench:
    """A lane that runs, and what it said."""

    def __init__(self, folder: Path) -> None:
        self.store, self.relays = FakeStore(), FakeRelays(folder)
        self.folder = folder / "recordings"
        self._said: asyncio.Queue[i.RecordingInput] = asyncio.Queue()
        recorders = Recorders(self.store, self.folder, folder)
        self.lane = RecordingLane(VISIT, recorders, self.relays, self._said.put_nowait)  # type: ignore[arg-type]

    def wish(self, effect: e.RecordingEffect) -> None:
        self.lane.put(Wish(effect, room_actor()))

    async def hears(self, wanted: i.RecordingInput) -> None:
        """Wait until the lane says this."""
        async with asyncio.timeout(SOON_S):
            while await self._said.get() != wanted:
                pass

    async def until(self, condition: Any) -> None:
        async with asyncio.timeout(SOON_S):
            while not condition():
                await asyncio.sleep(0.02)

    def reader(self) -> PartReader:
        return PartReader(self.folder, self.store.key, 0)


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Bench]:
    bench = Bench(folder)
    task = asyncio.create_task(bench.lane.run())
    try:
        yield bench
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if bench.relays.channel is not None:
            bench.relays.channel.close()


async def on(bench: Bench) -> None:
    bench.wish(e.OpenRecording("s_doctor"))
    await bench.hears(i.RecorderReady())
    bench.wish(e.RecordMedia(True))
    await bench.hears(i.RecorderGap(False))


async def test_what_was_said_between_on_and_seal_is_in_a_sealed_file(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await on(bench)
        bench.relays.send(3)
        bench.wish(e.RecordMedia(False))
        bench.wish(e.SealRecording())
        await bench.until(lambda: bench.store.ended == [False])
        reader = bench.reader()
        assert reader.is_finished
        assert 2_800 <= max(chunk.head.end_ms for chunk in reader.of(Kind.MEDIA)) <= 3_100
        assert (reader.of(Kind.MEDIA)[0].head.is_seekable, bench.lane.is_idle) == (True, True)
        reader.close()


async def test_one_that_recorded_nothing_is_forgotten(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        bench.wish(e.OpenRecording("s_doctor"))
        await bench.hears(i.RecorderReady())
        bench.wish(e.SealRecording())
        await bench.until(lambda: bench.store.ended == [True])


async def test_without_a_database_it_fails_and_says_so(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        bench.store.is_away = True
        bench.wish(e.OpenRecording("s_doctor"))
        await bench.hears(i.RecorderFailed())


async def test_a_recorder_that_is_killed_is_told_and_leaves_what_it_wrote(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await on(bench)
        bench.relays.send(5)
        await bench.until(lambda: bench.folder.is_dir() and _media(bench) >= 2)
        running_now = bench.lane._running
        assert running_now is not None
        os.kill(running_now.process._process.pid, signal.SIGKILL)
        await bench.hears(i.RecorderFailed())
        await bench.until(lambda: bench.store.ended == [False])
        reader = bench.reader()
        assert not reader.is_finished
        assert all(reader.open(chunk) for chunk in reader.of(Kind.MEDIA))
        reader.close()


async def test_a_relay_that_is_away_makes_a_gap_and_is_tapped_when_it_is_back(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        bench.wish(e.OpenRecording("s_doctor"))
        await bench.hears(i.RecorderReady())
        bench.relays.is_away = True
        bench.wish(e.RecordMedia(True))
        await bench.hears(i.RecorderGap(True))
        bench.relays.is_away = False
        await bench.hears(i.RecorderGap(False))


async def test_a_relay_that_dies_in_between_leaves_a_gap_and_both_halves_are_kept(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await on(bench)
        bench.relays.send(3)
        assert bench.relays.channel is not None
        bench.relays.channel.close()
        await bench.hears(i.RecorderGap(True))
        await bench.hears(i.RecorderGap(False))  # the room's next relay
        bench.relays.send(11, since_s=6)
        await bench.until(lambda: _has_second_half(bench))
        bench.wish(e.RecordMedia(False))
        bench.wish(e.SealRecording())
        await bench.until(lambda: bench.store.ended == [False])
        reader = bench.reader()
        assert reader.is_finished
        assert all(reader.open(chunk) for chunk in reader.of(Kind.MEDIA))
        reader.close()


async def test_a_yes_is_told_when_it_is_stored_and_a_no_needs_no_answer(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        for given in (False, True):
            bench.wish(e.StoreConsent("s_p", Role.PATIENT, given, "1"))
        await bench.hears(i.ConsentStored("s_p", True))
        assert bench.store.consents == [False, True]


def _has_second_half(bench: Bench) -> bool:
    """It goes on in the same file, or in a new one where the relay was away for long."""
    return bool(_ends_ms(bench, 1)) or max(_ends_ms(bench, 0), default=0) > 5_500


def _media(bench: Bench) -> int:
    return len(_ends_ms(bench, 0))


def _ends_ms(bench: Bench, part: int) -> list[int]:
    """When each piece of media ends, in its file's own time; none of a file that is not there."""
    try:
        reader = PartReader(bench.folder, bench.store.key, part)
    except FileNotFoundError:
        return []
    ends = [chunk.head.end_ms for chunk in reader.of(Kind.MEDIA)]
    reader.close()
    return ends
