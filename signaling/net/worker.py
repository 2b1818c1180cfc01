"""The relay process: `python -m signaling.net.worker --control PATH --udp HOST:PORT --public-address A --index N`."""

import argparse
import asyncio
import contextlib
import gc
import ipaddress
import json
import logging
import os
import signal
import socket
import sys
import time

from signaling.net import dtls, port
from signaling.net.clockwork import Clockwork
from signaling.net.control_server import ControlServer
from signaling.net.link import Surroundings
from signaling.net.native_plane import NativePlane
from signaling.net.plane import Plane
from signaling.net.pump import PortSelector, Pump
from signaling.net.registry import Registry, drain
from signaling.net.tcp_bridge import TcpBridge

log = logging.getLogger(__name__)

DRAIN_LOOK_S = 0.25
# Web moves rooms within ten seconds. What is still here after a minute (web is gone, or there is no other relay) is
# told by the closing alert, and its pages set up anew.
DRAIN_MOST_S = 60.0


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; 1 with a message when the port or the socket can not be had."""
    options = _parse(arguments)
    try:
        sock = port.open_port(*options.udp)
    except OSError as error:
        host, number = options.udp
        print(f"UDP {host}:{number} can not be opened: {error.strerror}. Choose another port.", file=sys.stderr)
        return 1
    with contextlib.closing(sock), contextlib.suppress(asyncio.CancelledError):
        selector = PortSelector()
        with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
            runner.run(_run(options, sock, selector))
    return 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m signaling.net.worker", description="The media relay.")
    parser.add_argument("--control", required=True, metavar="PATH", help="Unix socket for the web process")
    parser.add_argument("--udp", required=True, type=_host_port, metavar="HOST:PORT", help="where media is received")
    parser.add_argument("--public-address", required=True, type=_addresses, metavar="A[,B]", help="candidates")
    parser.add_argument("--plane", choices=("auto", "native", "python"), default="auto", help="packet loop")
    parser.add_argument("--dscp", choices=("on", "off"), default="on", help="mark packets for the network (RFC 8837)")
    parser.add_argument("--index", type=int, default=0, metavar="N", help="number of this relay")
    return parser.parse_args(arguments)


def _host_port(text: str) -> tuple[str, int]:
    host, _, number = text.rpartition(":")
    if not host or not number.isdigit() or int(number) > 65535:
        raise argparse.ArgumentTypeError("HOST:PORT, such as 0.0.0.0:8081 or [::]:8081")
    return host.strip("[]"), int(number)


def _addresses(text: str) -> list[str]:
    try:
        return [str(ipaddress.ip_address(item.strip())) for item in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"IP addresses with commas: {error}") from None


def open_plane(sock: socket.socket, choice: str, *, marking: bool) -> Plane:
    """Return the packet loop: in C where it is built (`auto`), else in Python; OSError when `native` is not there."""
    if choice != "python":
        try:
            return NativePlane(sock, marking=marking)  # type: ignore[return-value]  # the same interface, tested on both
        except OSError:
            if choice == "native":
                raise
    return Plane(sock, marking=marking)


async def _run(options: argparse.Namespace, sock: socket.socket, selector: PortSelector) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    bound = sock.getsockname()[1]
    async with asyncio.TaskGroup() as tasks:
        addresses = tuple((address, bound) for address in options.public_address)
        bridge = TcpBridge((options.udp[0], bound))
        has_tcp = await _start(bridge, options.udp[0], bound)
        plane = open_plane(sock, options.plane, marking=options.dscp == "on")
        around = Surroundings(
            plane,
            dtls.make_certificate(),
            addresses,
            tasks,
            has_tcp,
            tcp_addresses=bridge.addresses,
            channels=os.path.dirname(options.control),
        )
        registry = Registry(around)
        clockwork = Clockwork(registry)
        server = ControlServer(registry, options.index)
        await server.start(options.control)
        serve = plane.serve if isinstance(plane, NativePlane) else Pump(sock, plane.poll, lambda: plane.work).serve
        selector.attach(serve, clockwork.receive)
        running = [tasks.create_task(server.tell()), tasks.create_task(_tick(clockwork))]
        # What was loaded so far lives as long as the process: the collector need not look at it again and again.
        gc.freeze()
        loop_name = "native" if isinstance(around.plane, NativePlane) else "python"
        ready = {"ready": True, "udp": bound, "tcp": has_tcp, "index": options.index, "plane": loop_name}
        print(json.dumps(ready), flush=True)
        loop.add_signal_handler(signal.SIGUSR1, drain, registry)
        running.append(tasks.create_task(_end_when_drained(registry, stop)))
        await stop.wait()
        for room in list(registry.rooms.values()):
            registry.drop_room(room)
        await server.close()
        await bridge.close()
        selector.detach()
        for task in running:
            task.cancel()


async def _end_when_drained(registry: Registry, stop: asyncio.Event) -> None:
    """A drained relay ends, and its supervisor starts a fresh one."""
    drained_at: float | None = None
    while not stop.is_set():
        await asyncio.sleep(DRAIN_LOOK_S)
        now = time.monotonic()
        drained_at = drained_at if drained_at is not None else (now if registry.is_draining else None)
        if drained_at is not None and (not registry.rooms or now - drained_at >= DRAIN_MOST_S):
            stop.set()


async def _start(bridge: TcpBridge, host: str, port: int) -> bool:
    """Return whether TCP is served too; where another program has the port, calls go on by UDP."""
    try:
        await bridge.start(host, port)
    except OSError:
        return False
    return True


async def _tick(clockwork: Clockwork) -> None:
    while True:
        try:
            clockwork.handle_timer(time.monotonic())
        except Exception:  # noqa: BLE001  # outermost frame: a bug in one room must not end the others' calls
            log.exception("relay.timer_failed")
        await asyncio.sleep(clockwork.rest_s)


if __name__ == "__main__":
    sys.exit(main())
