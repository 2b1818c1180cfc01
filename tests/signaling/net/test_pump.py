"""When the port is drained, on both planes: by the event loop's selector while the loop has nothing else to do."""

import asyncio
import os
import time
from collections.abc import Iterator

import pytest

from signaling.media.guard import Datagram
from signaling.net.native import SOURCES
from signaling.net.native_plane import NativePlane
from signaling.net.plane import Plane
from signaling.net.pump import BUSY, BUSY_INTERVAL_S, IDLE_S, INTERVAL_S, PortSelector, Pump, Serve
from signaling.net.records import Leftover
from tests.signaling.net.planes import PLANES, Bench, output, packet, video

STUN = bytes((0, 1, 0, 0)) + b"\x21\x12\xa4\x42" + bytes(12)
SHORT_S, LONG_S = 0.02, 5.0  # a wait that ends by itself, and one that something else must end


def serve_of(plane: Plane | NativePlane, bench: Bench) -> Serve:
    if isinstance(plane, NativePlane):
        return plane.serve
    return Pump(bench.sock, plane.poll, lambda: plane.work).serve


@pytest.fixture(params=PLANES, ids=["python", "native"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    made = Bench(request.param)
    yield made
    made.close()


@pytest.fixture
def loop_fd() -> Iterator[int]:
    """What an event loop's selector waits for."""
    reader, writer = os.pipe()
    yield reader
    os.close(reader)
    os.close(writer)


@pytest.fixture
def ready_fd() -> Iterator[int]:
    reader, writer = os.pipe()
    os.write(writer, b"!")
    yield reader
    os.close(reader)
    os.close(writer)


class TestServing:
    def test_media_goes_on_while_the_loop_waits(self, bench: Bench, loop_fd: int) -> None:
        publisher, subscriber = bench.peer(), bench.peer()
        stream = bench.plane.table.add_stream(publisher.record, video())
        bench.plane.table.add_output(stream, subscriber.record, output())
        publisher.send(packet(1))
        assert serve_of(bench.plane, bench)(loop_fd, SHORT_S) == []
        assert len(subscriber.received()) == 1

    def test_what_is_not_media_ends_the_wait(self, bench: Bench, loop_fd: int) -> None:
        bench.peer().sock.sendto(STUN, bench.address)
        [leftover] = serve_of(bench.plane, bench)(loop_fd, LONG_S)
        assert (leftover.kind, leftover.data) == (Datagram.STUN, STUN)

    def test_a_readable_descriptor_of_the_loop_ends_the_wait(self, bench: Bench, ready_fd: int) -> None:
        before = time.monotonic()
        assert serve_of(bench.plane, bench)(ready_fd, LONG_S) == []
        assert time.monotonic() - before < LONG_S / 2

    def test_the_loops_next_timer_ends_the_wait(self, bench: Bench, loop_fd: int) -> None:
        before = time.monotonic()
        assert serve_of(bench.plane, bench)(loop_fd, SHORT_S) == []
        assert SHORT_S <= time.monotonic() - before < LONG_S / 2

    def test_no_wait_at_all_drains_what_is_due(self, bench: Bench, loop_fd: int) -> None:
        bench.peer().sock.sendto(STUN, bench.address)
        assert len(serve_of(bench.plane, bench)(loop_fd, 0)) == 1

    def test_an_idle_port_is_waited_for(self, bench: Bench, loop_fd: int) -> None:
        serve, peer = serve_of(bench.plane, bench), bench.peer()
        assert serve(loop_fd, 2 * IDLE_S) == []  # by now it is idle
        before = time.monotonic()
        peer.sock.sendto(STUN, bench.address)
        assert len(serve(loop_fd, None)) == 1
        assert time.monotonic() - before < LONG_S / 2

    def test_leftovers_are_told_once(self, bench: Bench, loop_fd: int) -> None:
        serve = serve_of(bench.plane, bench)
        bench.peer().sock.sendto(STUN, bench.address)
        assert (len(serve(loop_fd, LONG_S)), serve(loop_fd, SHORT_S)) == (1, [])


class TestPace:
    def test_a_call_waits_less_than_the_ten_milliseconds_that_are_allowed(self) -> None:
        assert BUSY_INTERVAL_S < INTERVAL_S < 0.010

    def test_c_has_the_numbers_of_the_reference(self) -> None:
        source = (SOURCES / "serve.c").read_text()
        for line in (
            f"INTERVAL_S {INTERVAL_S}",
            f"BUSY_INTERVAL_S {BUSY_INTERVAL_S}",
            f"IDLE_S {IDLE_S}",
            f"BUSY {BUSY}",
        ):
            assert f"#define {line}" in source

    def test_a_poll_that_fails_is_not_repeated_at_once(self, loop_fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(time, "monotonic", lambda: 100.0)
        polls: list[float] = []

        def fail(now: float) -> list[Leftover]:
            polls.append(now)
            raise RuntimeError("a bug")

        bench = Bench(Plane)
        serve = Pump(bench.sock, fail, lambda: 0).serve
        with pytest.raises(RuntimeError):
            serve(loop_fd, 0)
        assert serve(loop_fd, 0) == []
        assert len(polls) == 1
        bench.close()


class TestSelector:
    def test_a_loop_runs_timers_and_gets_leftovers(self, bench: Bench) -> None:
        selector = PortSelector()
        found: list[Leftover] = []

        async def run() -> None:
            arrived = asyncio.Event()

            def receive(leftovers: list[Leftover]) -> None:
                found.extend(leftovers)
                arrived.set()

            selector.attach(serve_of(bench.plane, bench), receive)
            asyncio.get_running_loop().call_later(SHORT_S, bench.peer().sock.sendto, STUN, bench.address)
            async with asyncio.timeout(LONG_S):
                await arrived.wait()
            selector.detach()

        with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
            runner.run(run())
        assert [leftover.kind for leftover in found] == [Datagram.STUN]

    def test_a_bug_in_one_poll_does_not_end_the_loop(self, caplog: pytest.LogCaptureFixture) -> None:
        def fail(loop_fd: int, timeout_s: float | None) -> list[Leftover]:
            raise RuntimeError("a bug")

        selector = PortSelector()
        selector.attach(fail, lambda leftovers: None)
        assert selector.select(0) == []
        assert "relay.poll_failed" in caplog.text
        selector.close()
