"""ICE-TCP: frames become datagrams of the relay's port and back; nobody can fill it up or crash it."""

import asyncio
import socket
from pathlib import Path

from signaling.net.tcp_bridge import TcpBridge
from tests.signaling.net.call_client import CallClient
from tests.signaling.net.worker_process import relay_process


def framed(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data


class TestBridge:
    async def test_frames_go_both_ways_in_any_pieces(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as relay:
            relay.bind(("127.0.0.1", 0))
            relay.setblocking(False)
            port = relay.getsockname()[1]
            bridge = TcpBridge(("0.0.0.0", port))
            await bridge.start("127.0.0.1", port)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for byte in framed(b"hello") + framed(b"again"):
                writer.write(bytes((byte,)))
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(60):
                data, address = await loop.sock_recvfrom(relay, 2048)
                assert data == b"hello"
                assert await loop.sock_recv(relay, 2048) == b"again"
                relay.sendto(b"answer", address)
                assert await reader.readexactly(8) == framed(b"answer")
            writer.close()
            await bridge.close()

    async def test_oversized_frame_ends_the_connection(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as relay:
            relay.bind(("127.0.0.1", 0))
            port = relay.getsockname()[1]
            bridge = TcpBridge(("127.0.0.1", port))
            await bridge.start("127.0.0.1", port)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"\xff\xff")
            assert await asyncio.wait_for(reader.read(), 5) == b""
            writer.close()
            await bridge.close()


class TestAddressFamilies:
    async def test_call_over_ipv6(self, tmp_path: Path) -> None:
        options = ("--udp", "[::1]:0", "--public-address", "::1")
        async with relay_process(tmp_path, options=options) as relay:
            publisher, subscriber = CallClient("::1"), CallClient("::1")
            await publisher.publish(relay.client, "room", "s_a")
            await subscriber.subscribe(relay.client, "room", "s_b")
            publisher.send_video(20)
            await subscriber.until_packets(20)
            await publisher.close()
            await subscriber.close()

    async def test_wildcard_socket_serves_both_families_and_names_both(self, tmp_path: Path) -> None:
        options = ("--udp", "[::]:0", "--public-address", "127.0.0.1,::1")
        async with relay_process(tmp_path, options=options) as relay:
            publisher, subscriber = CallClient("127.0.0.1"), CallClient("127.0.0.1")
            await publisher.publish(relay.client, "room", "s_a")
            await subscriber.subscribe(relay.client, "room", "s_b")
            publisher.send_video(20)
            await subscriber.until_packets(20)
            await publisher.close()
            await subscriber.close()
