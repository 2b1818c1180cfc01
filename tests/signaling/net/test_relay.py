"""A running relay process: calls, moves between networks, hostile traffic, web's death, refusals."""

import asyncio
import contextlib
import os
import random
import socket
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from signaling.media import rtcp
from signaling.media.reports import RelayDraining
from signaling.net.control import LinkState, PathChanged, RelayClient, RelayError, RelayLost, TracksChanged
from tests.signaling.net.call_client import CallClient, offer
from tests.signaling.net.worker_process import Running, relay_process


@pytest.fixture(params=["python", "native"])
async def relay(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Running]:
    async with relay_process(tmp_path, "--plane", request.param) as running:
        yield running


@contextlib.asynccontextmanager
async def call(client: RelayClient, room: str) -> AsyncIterator[tuple[CallClient, CallClient]]:
    """A publisher and a subscriber, connected."""
    publisher, subscriber = CallClient(), CallClient()
    await publisher.publish(client, room, "s_a")
    await subscriber.subscribe(client, room, "s_b")
    try:
        yield publisher, subscriber
    finally:
        await publisher.close()
        await subscriber.close()


async def flows(publisher: CallClient, subscriber: CallClient) -> None:
    """Media sent now arrives now."""
    before = len(subscriber.packets)
    publisher.send_video(20)
    await subscriber.until_packets(before + 20)


async def next_event(relay: Running, kind: type) -> object:
    async with asyncio.timeout(60):
        async for event in relay.client.events():
            if isinstance(event, kind):
                return event
    raise AssertionError("events ended")


class TestCall:
    async def test_media_flows_and_a_key_frame_is_asked_for_the_newcomer(self, relay: Running) -> None:
        async with call(relay.client, "room") as (publisher, subscriber):
            await flows(publisher, subscriber)
            requests = [p for data in publisher.rtcp for p in rtcp.parse(data) if isinstance(p, rtcp.KeyframeRequest)]
            assert requests == [rtcp.KeyframeRequest(publisher.ssrcs[1])]

    async def test_subscriber_who_came_first_gets_the_track_on_its_free_line(self, relay: Running) -> None:
        publisher, subscriber = CallClient(), CallClient()
        await subscriber.subscribe(relay.client, "room", "s_b")
        await publisher.publish(relay.client, "room", "s_a")
        await flows(publisher, subscriber)
        await publisher.close()
        await subscriber.close()

    async def test_lost_packets_are_asked_for_and_sent_again(self, relay: Running) -> None:
        async with call(relay.client, "room") as (publisher, subscriber):
            publisher.send_video(5)
            publisher._sequence += 2  # lost on the way
            publisher.send_video(5)
            async with asyncio.timeout(3):
                while not any(isinstance(p, rtcp.Nack) for data in publisher.rtcp for p in rtcp.parse(data)):
                    await asyncio.sleep(0.01)
            await subscriber.until_packets(10)
            ssrc = int.from_bytes(subscriber.packets[0][8:12], "big")
            subscriber.send_rtcp(rtcp.nack(1, ssrc, [3]))
            async with asyncio.timeout(3):
                while not (await relay.client.snapshot()).counters.get("nack_answered"):
                    await asyncio.sleep(0.01)

    async def test_moving_to_another_network_keeps_the_call(self, relay: Running) -> None:
        async with call(relay.client, "room") as (publisher, subscriber):
            await flows(publisher, subscriber)
            publisher.answers_checks = False
            publisher.move()
            publisher.check()
            event = await next_event(relay, PathChanged)
            assert isinstance(event, PathChanged)
            assert (event.cause, event.direction, event.protocol) == ("migration", "up", "udp")
            await flows(publisher, subscriber)

    async def test_a_nat_that_forgets_costs_one_round_trip(self, relay: Running) -> None:
        """No check is sent: the next media packet brings the challenge, and its answer moves the path."""
        async with call(relay.client, "room") as (publisher, subscriber):
            await flows(publisher, subscriber)
            publisher.move()
            before = len(subscriber.packets)
            publisher.send_video(5)
            await subscriber.until_packets(before + 5)  # what came meanwhile is forwarded too
            event = await next_event(relay, PathChanged)
            assert isinstance(event, PathChanged)
            assert event.cause == "rebinding"
            await flows(publisher, subscriber)

    async def test_a_subscriber_behind_such_a_nat_is_found_by_its_reports(self, relay: Running) -> None:
        async with call(relay.client, "room") as (publisher, subscriber):
            subscriber.send_rtcp(rtcp.receiver_report(1, ()))
            await flows(publisher, subscriber)
            await asyncio.sleep(0.05)  # who moved is silent at its old address
            subscriber.move()
            subscriber.send_rtcp(rtcp.receiver_report(1, ()))
            event = await next_event(relay, PathChanged)
            assert isinstance(event, PathChanged)
            assert (event.cause, event.direction) == ("rebinding", "down")
            await flows(publisher, subscriber)

    async def test_who_copies_packets_gets_no_media(self, relay: Running) -> None:
        """A copy that overtakes the original is used, but its sender cannot answer the challenge."""
        async with call(relay.client, "room") as (publisher, subscriber):
            await flows(publisher, subscriber)
            publisher.answers_checks = False
            publisher.move()
            before = len(subscriber.packets)
            publisher.send_video(3)
            await subscriber.until_packets(before + 3)
            publisher.check()
            event = await next_event(relay, PathChanged)
            assert isinstance(event, PathChanged)
            assert event.cause == "migration"  # nothing had moved before the check

    async def test_the_silence_of_a_move_is_measured_and_counted(self, relay: Running) -> None:
        async with call(relay.client, "room") as (publisher, subscriber):
            for _ in range(60):  # 1.2 s of media: the relay looks every quarter second whether it flows
                publisher.send_video(1)
                await asyncio.sleep(0.02)
            publisher.move()
            await asyncio.sleep(0.3)
            publisher.check()
            await asyncio.sleep(0.05)
            publisher.send_video(5)
            event = await next_event(relay, PathChanged)
            assert isinstance(event, PathChanged)
            assert event.gap_ms is not None and 300 <= event.gap_ms < 2000
            snapshot = await relay.client.snapshot()
            assert [(row.cause, row.direction, sum(row.counts)) for row in snapshot.path_gaps] == [
                ("migration", "up", 1)
            ]
            assert set(snapshot.path_gap_ms) == {"up_p50", "up_p95", "up_p99"}

    async def test_seat_does_not_get_its_own_media(self, relay: Running) -> None:
        publisher, own = CallClient(), CallClient()
        await publisher.publish(relay.client, "room", "s_a")
        await own.subscribe(relay.client, "room", "s_a")
        publisher.send_video(20)
        await relay.client.snapshot()
        assert own.packets == []
        await publisher.close()
        await own.close()

    async def test_closing_alert_ends_the_link_and_its_tracks(self, relay: Running) -> None:
        async with call(relay.client, "room") as (publisher, _):
            await publisher._dtls.close()
            async with asyncio.timeout(60):
                async for event in relay.client.events():
                    if isinstance(event, TracksChanged) and event.tracks == ():
                        break


class TestManyRooms:
    async def test_rooms_closed_in_mid_request_leave_nothing_behind(self, relay: Running) -> None:
        """A key frame was asked for and none came; the room goes; the timer still runs over what was open."""
        for number in range(60):
            async with call(relay.client, f"room{number}") as (publisher, subscriber):
                publisher.send_video(5, payload=b"\x10\x01" + bytes(100))
                await subscriber.until_packets(5)
                await relay.client.close_room(f"room{number}")
        async with call(relay.client, "last") as pair:
            await flows(*pair)
        assert len((await relay.client.snapshot()).rooms) == 1


class TestHostileTraffic:
    """security.md §9: 2,000 packets a second of everything bad leave running calls and new ones alone."""

    async def test_running_and_new_calls_survive_the_mix(self, relay: Running) -> None:
        random_source = random.Random(9)
        async with contextlib.AsyncExitStack() as stack:
            running = [await stack.enter_async_context(call(relay.client, f"old{n}")) for n in range(5)]
            spoofed = [client.sock for pair in running for client in pair]
            attack = asyncio.create_task(hostile_mix(relay.port, spoofed, random_source, seconds=3.0))
            new = [await stack.enter_async_context(call(relay.client, f"new{n}")) for n in range(5)]
            while not attack.done():
                for pair in running + new:
                    await flows(*pair)
            await attack
            assert relay.process.returncode is None
            counters = (await relay.client.snapshot()).counters
            assert counters["dropped_junk"] > 100
            assert counters["dropped_stranger"] > 100

    async def test_stranger_is_never_answered(self, relay: Running) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for data in attack_datagrams(random.Random(1), 300):
                sock.sendto(data, ("127.0.0.1", relay.port))
            await relay.client.snapshot()
            sock.setblocking(False)
            with pytest.raises(BlockingIOError):
                sock.recv(2048)


HELLO = b"\x16\xfe\xff\x00\x00\x00\x00\x00\x00\x00\x00\x00\x30\x01\x00\x00\x24" + bytes(44)


def attack_datagrams(source: random.Random, count: int) -> list[bytes]:
    """Empty, ClientHello, plaintext alert, junk RTP and RTCP, bad STUN, noise."""
    stun_request = b"\x00\x01\x00\x08\x21\x12\xa4\x42" + bytes(12) + b"\x00\x06\x00\x04abcd"
    kinds = (
        lambda: b"",
        lambda: HELLO,
        lambda: b"\x15\xfe\xfd\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x02\x28",
        lambda: b"\x80\x60" + source.randbytes(60),
        lambda: b"\x80\xc9" + source.randbytes(40),
        lambda: stun_request,
        lambda: stun_request[: source.randrange(1, 28)] + source.randbytes(8),
        lambda: source.randbytes(source.randrange(0, 1400)),
    )
    return [source.choice(kinds)() for _ in range(count)]


async def hostile_mix(port: int, spoofed: list[socket.socket], source: random.Random, *, seconds: float) -> None:
    """2,000 packets/s, a tenth of them from the calls' own addresses."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for _ in range(int(seconds * 100)):
            for data in attack_datagrams(source, 20):
                sender = source.choice(spoofed) if source.random() < 0.1 else sock
                with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
                    sender.sendto(data, ("127.0.0.1", port))
            await asyncio.sleep(0.01)  # the rate


class TestControl:
    async def test_socket_is_the_owners_alone(self, relay: Running) -> None:
        assert stat.S_IMODE(os.stat(relay.control).st_mode) == 0o600

    async def test_rooms_outlive_web_and_the_next_one_finds_them(self, relay: Running) -> None:
        async with call(relay.client, "room") as (publisher, subscriber):
            await relay.client.close()
            again = await RelayClient.connect(relay.control)
            await flows(publisher, subscriber)
            snapshot = await again.snapshot()
            assert [(link.seat, link.direction, link.state) for link in snapshot.rooms[0].links] == [
                ("s_a", "up", "connected"),
                ("s_b", "down", "connected"),
            ]
            await again.close()

    async def test_events_end_and_requests_fail_when_the_relay_dies(self, relay: Running) -> None:
        relay.process.kill()
        assert [event async for event in relay.client.events()] == []
        with pytest.raises(RelayLost):
            await relay.client.snapshot()

    async def test_closed_room_is_gone_and_closing_twice_is_no_error(self, relay: Running) -> None:
        async with call(relay.client, "room"):
            await relay.client.close_room("room")
            await relay.client.close_room("room")
            assert (await relay.client.snapshot()).rooms == ()

    async def test_draining_relay_keeps_its_rooms_and_takes_no_new_one(self, relay: Running) -> None:
        async with call(relay.client, "room") as (publisher, subscriber):
            await relay.client.drain()
            await flows(publisher, subscriber)
            with pytest.raises(RelayError, match="draining"):
                await relay.client.subscribe("other", "s_a", "l_1")

    @pytest.mark.parametrize(
        ("text", "code"),
        [("hello", "bad_sdp"), ("v=0\r\n", "bad_sdp"), ("v=0\r\n" + "a=x\r\n" * 9000, "sdp_too_large"),
         (offer("sendonly", "abcd").replace("a=fingerprint", "a=x"), "bad_sdp"),
         (offer("sendonly", "abcd").replace("opus", "pcma").replace("VP8", "H261"), "bad_sdp")],
    )  # fmt: skip
    async def test_bad_offers_have_a_code_and_leave_no_link(self, relay: Running, text: str, code: str) -> None:
        for send in (relay.client.subscribe_offer, lambda *a: relay.client.publish(*a, {})):
            with pytest.raises(RelayError) as caught:
                await send("room", "s_a", "l_1", text)
            assert caught.value.code == code
        rooms = (await relay.client.snapshot()).rooms
        assert [room.links for room in rooms] in ([], [()])

    async def test_unknown_names_have_codes(self, relay: Running) -> None:
        with pytest.raises(RelayError, match="no_such_room"):
            await relay.client.answer("room", "l_1", 1, "v=0")
        await relay.client.subscribe("room", "s_a", "l_1")
        with pytest.raises(RelayError, match="no_such_link"):
            await relay.client.close_link("room", "l_2")
        with pytest.raises(RelayError, match="stale_generation"):
            await relay.client.answer("room", "l_1", 9, "v=0")
        with pytest.raises(RelayError, match="bad_request"):
            await relay.client.request("dance")

    async def test_room_takes_so_many_links_and_no_more(self, relay: Running) -> None:
        for number in range(64):
            await relay.client.subscribe("room", "s_a", f"l_{number}")
        with pytest.raises(RelayError, match="room_full"):
            await relay.client.subscribe("room", "s_a", "l_64")

    async def test_port_in_use_is_told_with_its_remedy(self, relay: Running, tmp_path: Path) -> None:
        command = ["-m", "signaling.net.worker", "--control", str(tmp_path / "x"), "--udp", f"127.0.0.1:{relay.port}"]
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, "--public-address", "127.0.0.1", stderr=asyncio.subprocess.PIPE
        )
        _, error = await process.communicate()
        assert process.returncode == 1
        assert b"Choose another port" in error


class TestStates:
    async def test_states_are_told_in_order(self, relay: Running) -> None:
        async with call(relay.client, "room"):
            found = []
            async with asyncio.timeout(60):
                async for event in relay.client.events():
                    if isinstance(event, LinkState):
                        found.append((event.seat, event.state))
                    if len(found) == 4:
                        break
            for seat in ("s_a", "s_b"):
                assert [state for who, state in found if who == seat] == ["connecting", "connected"]


class TestDrain:
    async def test_a_drained_relay_takes_no_room_and_ends_with_its_last_one(self, relay: Running) -> None:
        async with call(relay.client, "room") as pair:
            await relay.client.drain()
            event = await next_event(relay, RelayDraining)
            assert isinstance(event, RelayDraining)
            with pytest.raises(RelayError) as refusal:
                await relay.client.subscribe("other", "s_a", "l_1")
            assert refusal.value.code == "draining"
            await flows(*pair)  # what it has goes on
            await relay.client.close_room("room")
        assert await asyncio.wait_for(relay.process.wait(), 5) == 0
