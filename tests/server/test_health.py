"""README "Health": what the supervisor, load balancers and Prometheus ask."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from records.store.database import Readiness
from server.config import read_settings
from server.http import health
from server.keys import CLOCK, DATABASE, RELAYS, SETTINGS
from signaling.media.reports import Snapshot
from tests.server.clinic import MovableClock

Client = TestClient[web.Request, web.Application]


class FakeDatabase:
    def __init__(self) -> None:
        self.readiness = Readiness(database=True, key_service=True)

    async def ready(self) -> Readiness:
        return self.readiness


class FakeRelays:
    connected = 1

    async def snapshots(self) -> list[Snapshot]:
        return [Snapshot(index=0, draining=False, rooms=(), counters={"packets_in": 7})]


@pytest.fixture
def app(tmp_path: Path) -> web.Application:
    made = web.Application()
    fakes: dict[Any, Any] = {DATABASE: FakeDatabase(), RELAYS: FakeRelays(), CLOCK: MovableClock()}
    for key, fake in fakes.items():
        made[key] = fake
    made[SETTINGS] = read_settings({"TELECONSULT_DATA_DIR": str(tmp_path)})
    health.install(made)
    made.add_routes(health.routes)
    return made


@pytest.fixture
async def client(app: web.Application) -> AsyncIterator[Client]:
    async with TestClient(TestServer(app)) as connected:
        yield connected


async def test_a_turning_loop_is_alive(client: Client) -> None:
    assert (await client.get("/livez")).status == 200


async def test_a_loop_that_is_a_second_late_is_not(client: Client, app: web.Application) -> None:
    app[health.LAG].seconds = 1.5
    assert (await client.get("/livez")).status == 503


async def test_everything_there_is_ready(client: Client) -> None:
    answer = await client.get("/readyz")
    assert answer.status == 200
    assert (await answer.json())["ready"] is True


async def test_a_database_that_is_away_is_named(client: Client, app: web.Application) -> None:
    app[DATABASE].readiness = Readiness(database=False, key_service=True)  # type: ignore[attr-defined]  # the fake's
    answer = await client.get("/readyz")
    assert answer.status == 503
    assert answer.headers["Retry-After"] == "1"
    assert (await answer.json())["database"] is False


async def test_no_relay_is_not_ready(client: Client, app: web.Application, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeRelays, "connected", 0)
    answer = await client.get("/readyz")
    assert answer.status == 503
    assert (await answer.json())["relay"] is False


async def test_the_metrics_count_routes_and_relays(client: Client) -> None:
    await client.get("/livez")
    text = await (await client.get("/metrics")).text()
    assert 'teleconsult_http_total{route="/livez",status="2xx"} 1' in text
    assert 'teleconsult_relay_total{count="packets_in",relay="0"} 7' in text
