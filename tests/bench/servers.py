"""The servers of the benchmark, each a process of its own on one core, and how a client joins a room there."""

import asyncio
import contextlib
import ctypes
import glob
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import aiohttp

from signaling.net.control import RelayClient
from tests.signaling.net.call_client import CallClient

ROOT = Path(__file__).resolve().parents[2]
PEERS = Path(__file__).resolve().parent / "peers"
SERVER_CORE = 0
GO_SOURCE = Path("/usr/share/gocode/src/github.com/pion")
PR_SET_PDEATHSIG = 1
READY_S = 20.0


class NotHere(Exception):
    """A server's program is not installed."""


class Calls(Protocol):
    """How clients join; rooms and subscribers are counted from 0."""

    async def publish(self, room: int) -> CallClient: ...

    async def subscribe(self, room: int, number: int) -> CallClient: ...


@dataclass(frozen=True, slots=True)
class Server:
    """A server that is up."""

    pid: int
    calls: Calls


Open = Callable[[], AbstractAsyncContextManager[Server]]


@contextlib.asynccontextmanager
async def process(*command: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a command on the servers' core; it ends with the block, and dies with us."""

    def settle() -> None:
        os.sched_setaffinity(0, {SERVER_CORE})
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    child = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, cwd=ROOT, preexec_fn=settle,
        env={**os.environ, **environment},
    )  # fmt: skip
    try:
        yield child
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.terminate()
        await child.communicate()


async def until_listening(port: int) -> None:
    """Wait until something takes connections there."""
    async with asyncio.timeout(READY_S):
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.05)  # another program's start is not ours to turn


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# Ours


@dataclass(frozen=True, slots=True)
class OurCalls:
    client: RelayClient

    async def publish(self, room: int) -> CallClient:
        publisher = CallClient()
        await publisher.publish(self.client, f"room{room}", "s_a")
        return publisher

    async def subscribe(self, room: int, number: int) -> CallClient:
        subscriber = CallClient()
        await subscriber.subscribe(self.client, f"room{room}", f"s_{number}")
        return subscriber


def ours(plane: str) -> Open:
    """Our relay with one of its two packet loops."""

    @contextlib.asynccontextmanager
    async def running() -> AsyncIterator[Server]:
        with tempfile.TemporaryDirectory() as folder:
            control = os.path.join(folder, "relay.sock")
            options = ("--control", control, "--udp", "127.0.0.1:0", "--public-address", "127.0.0.1")
            async with process(sys.executable, "-m", "signaling.net.worker", *options, "--plane", plane) as child:
                assert child.stdout is not None  # asked for
                await child.stdout.readline()
                client = await RelayClient.connect(control)
                yield Server(child.pid, OurCalls(client))
                await client.close()

    return running


# pion


@dataclass(frozen=True, slots=True)
class WhipCalls:
    http: aiohttp.ClientSession
    base: str

    async def publish(self, room: int) -> CallClient:
        return await self._join(CallClient(), f"{self.base}/whip/{room}", "sendonly")

    async def subscribe(self, room: int, number: int) -> CallClient:
        return await self._join(CallClient(), f"{self.base}/whep/{room}", "recvonly")

    async def _join(self, client: CallClient, url: str, direction: str) -> CallClient:
        async with self.http.post(url, data=client.offer(direction)) as response:
            text = await response.text()
            if response.status != 201:
                raise RuntimeError(f"{url}: {response.status} {text[:200]}")
        await client.connect(text)
        return client


def build_pion(folder: Path) -> Path:
    """Compile peers/pion.go against Debian's packages, some of which lie without their /v3; NotHere without them."""
    if not shutil.which("go") or not (GO_SOURCE / "webrtc").is_dir():
        raise NotHere("pion: Debian packages golang-go golang-github-pion-webrtc.v3-dev")
    for module in ("webrtc", "sdp"):
        if not (GO_SOURCE / module / "v3").is_dir():
            target = folder / "gopath/src/github.com/pion" / module / "v3"
            shutil.copytree(GO_SOURCE / module, target, ignore=shutil.ignore_patterns("*_test.go"), dirs_exist_ok=True)
    environment = {**os.environ, "GOPATH": f"{folder}/gopath:/usr/share/gocode", "GO111MODULE": "off", "GOFLAGS": ""}
    binary = folder / "pion"
    command = ["go", "build", "-o", str(binary), str(PEERS / "pion.go")]
    subprocess.run(command, env=environment, cwd=folder, check=True, capture_output=True)
    return binary


def pion(binary: Path, *, full: bool) -> Open:
    """A forwarding server on pion; `full` has NACK history, reports and transport-wide numbers, as ours has."""

    @contextlib.asynccontextmanager
    async def running() -> AsyncIterator[Server]:
        port = free_port()
        command = [str(binary), "-http", str(port), *(["-full"] if full else [])]
        async with process(*command, GOMAXPROCS="1") as child, aiohttp.ClientSession() as http:
            await until_listening(port)
            yield Server(child.pid, WhipCalls(http, f"http://127.0.0.1:{port}"))

    return running


# Janus


@dataclass(slots=True)
class JanusCalls:
    """Janus' videoroom over its HTTP API; there the server offers to subscribers."""

    http: aiohttp.ClientSession
    session: str
    _waiting: dict[str, asyncio.Future[Any]] = field(default_factory=dict)
    _feeds: dict[int, int] = field(default_factory=dict)

    async def publish(self, room: int) -> CallClient:
        handle, client = await self._attach(), CallClient()
        create = {"request": "create", "room": 1000 + room, "publishers": 6, "bitrate": 0, "videocodec": "vp8"}
        await self._message(handle, create)
        joined = await self._message(handle, {"request": "join", "ptype": "publisher", "room": 1000 + room})
        self._feeds[room] = joined["plugindata"]["data"]["id"]
        reply = await self._message(handle, {"request": "configure"}, ("offer", client.offer("sendonly")))
        await client.connect(reply["jsep"]["sdp"])
        return client

    async def subscribe(self, room: int, number: int) -> CallClient:
        handle, client = await self._attach(), CallClient()
        join = {"request": "join", "ptype": "subscriber", "room": 1000 + room, "streams": [{"feed": self._feeds[room]}]}
        offer = (await self._message(handle, join))["jsep"]["sdp"]
        await self._message(handle, {"request": "start"}, ("answer", client.answer(offer)))
        await client.connect(offer)
        return client

    async def listen(self) -> None:
        """Take the session's events until cancelled."""
        while True:
            async with self.http.get(f"{self.session}?maxev=10") as response:
                events = await response.json(content_type=None)
            for event in events if isinstance(events, list) else [events]:
                waiting = self._waiting.pop(event.get("transaction", ""), None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(event)

    async def _attach(self) -> str:
        reply = await self.post(self.session, {"janus": "attach", "plugin": "janus.plugin.videoroom"})
        return f"{self.session}/{reply['data']['id']}"

    async def _message(self, handle: str, body: dict[str, Any], jsep: tuple[str, str] | None = None) -> Any:
        transaction = secrets.token_hex(6)
        message: dict[str, Any] = {"janus": "message", "body": body, "transaction": transaction}
        if jsep is not None:
            message["jsep"] = {"type": jsep[0], "sdp": jsep[1]}
        waiting = self._waiting[transaction] = asyncio.get_running_loop().create_future()
        reply = await self.post(handle, message)
        return await asyncio.wait_for(waiting, READY_S) if reply["janus"] == "ack" else reply

    async def post(self, url: str, body: dict[str, Any]) -> Any:
        async with self.http.post(url, json={"transaction": secrets.token_hex(6), **body}) as response:
            reply = await response.json(content_type=None)
        if reply.get("janus") == "error":
            raise RuntimeError(f"Janus: {reply['error']}")
        return reply


def write_janus_settings(folder: Path, library: str, port: int) -> None:
    """Fill in peers/janus, with every plugin and transport off that is not needed."""

    def others(kind: str, keep: str) -> str:
        names = (os.path.basename(path) for path in glob.glob(f"{library}/{kind}/*.so"))
        return ",".join(sorted(name for name in names if name != keep))

    values = {
        "CONF": str(folder), "LIB": library, "PORT": str(port), "LOGGERS": others("loggers", ""),
        "OTHER_PLUGINS": others("plugins", "libjanus_videoroom.so"),
        "OTHER_TRANSPORTS": others("transports", "libjanus_http.so"),
    }  # fmt: skip
    for path in (PEERS / "janus").iterdir():
        text = path.read_text()
        for key, value in values.items():
            text = text.replace(f"@{key}@", value)
        (folder / path.name).write_text(text)


def janus(folder: Path) -> Open:
    """Debian's Janus with its videoroom, as a plain process; NotHere without it."""
    found = glob.glob("/usr/lib/*/janus/plugins/libjanus_videoroom.so")
    if not shutil.which("janus") or not found:
        raise NotHere("Janus: Debian package janus")
    library = os.path.dirname(os.path.dirname(found[0]))
    shim = folder / "loshim.so"
    subprocess.run(
        ["cc", "-O2", "-shared", "-fPIC", "-o", str(shim), str(PEERS / "loshim.c"), "-ldl"],
        check=True, capture_output=True,
    )  # fmt: skip

    @contextlib.asynccontextmanager
    async def running() -> AsyncIterator[Server]:
        port = free_port()
        write_janus_settings(folder, library, port)
        async with (
            process("janus", "-F", str(folder), LD_PRELOAD=str(shim)) as child,
            aiohttp.ClientSession() as http,
        ):
            await until_listening(port)
            calls = JanusCalls(http, f"http://127.0.0.1:{port}/janus")
            created = await calls.post(calls.session, {"janus": "create"})
            calls.session += f"/{created['data']['id']}"
            listening = asyncio.create_task(calls.listen())
            yield Server(child.pid, calls)
            listening.cancel()

    return running
