"""server/README.md "TURN": credentials that end, and a real coturn that believes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from records.store.database import Database
from server.auth import passwords
from server.keys import ROOMS
from server.turn import Turn
from tests.fakes.coturn import coturn
from tests.server.clinic import Clinic, MovableClock
from tests.server.conftest import edge_app
from tests.signaling.net.browser_seat import BrowserSeat, chromium, negotiating, open_seat
from tests.signaling.net.worker_process import relay_process

NOW = datetime(2026, 11, 22, 20, tzinfo=UTC)
TURN = Turn(("turn:turn.example:3478?transport=udp", "turns:turn.example:443"), "secret", 300)


class TestCredentials:
    """The TURN REST mechanism."""

    def test_username_and_password_as_coturn_computes_them(self) -> None:
        (server,) = TURN.ice_servers(NOW, "s_1").servers
        assert server == {
            "urls": ["turn:turn.example:3478?transport=udp", "turns:turn.example:443"],
            "username": "1795377900:77ceec1a9c3f6d4a",  # sha256("s_1"), 16 characters
            # printf 1795377900:… | openssl dgst -sha1 -hmac secret -binary | base64
            "credential": "4DKuVqHy2PvmfAF8p3WGxMNfwBc=",
        }

    def test_the_seat_is_not_told_to_the_turn_server(self) -> None:
        (server,) = TURN.ice_servers(NOW, "s_1").servers
        assert "s_1" not in server["username"]

    def test_without_addresses_there_is_none_and_nothing_ends(self) -> None:
        assert (Turn().ice_servers(NOW, "s_1").servers, Turn().ice_servers(NOW, "s_1").ttl_s) == ((), 0)

    def test_a_device_gets_a_link_header_for_each_address(self) -> None:
        first, second = TURN.ice_servers(NOW, "l_1").link_headers()
        assert re.fullmatch(
            r'<turn:turn\.example:3478\?transport=udp>; rel="ice-server"; username="1795377900:[0-9a-f]{16}"; '
            r'credential="[A-Za-z0-9+/=]{28}"; credential-type="password"',
            first,
        )
        assert second.startswith("<turns:turn.example:443>; ")

    def test_the_secret_stays_out_of_what_may_be_logged(self) -> None:
        assert "secret" not in repr(TURN) and "credential" not in repr(TURN.ice_servers(NOW, "s_1"))


class TestPages:
    """GET /api/ice."""

    async def test_nothing_is_told_without_a_turn_server(self, clinic: Clinic) -> None:
        answer = await (await clinic.staff()).get("/api/ice")
        assert (answer.status, answer.body) == (200, {"ice_servers": [], "ttl_s": 0})

    async def test_a_page_with_a_session_gets_credentials_of_this_moment(
        self, database: tuple[Database, MovableClock], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(passwords, "MEMORY_KIB", 64)
        opened, clock = database
        settings = {"TELECONSULT_TURN_URLS": "turn:turn.example", "TELECONSULT_TURN_SECRET": "x" * 22}
        app = edge_app(opened, tmp_path, clock, **settings)
        async with TestServer(app) as server:
            clinic = Clinic(server, app, clock, app[ROOMS])
            told = (await (await clinic.staff()).get("/api/ice")).body
            for person in clinic.people:
                await person.close()
        expiry = int(told["ice_servers"][0]["username"].partition(":")[0])
        assert (told["ttl_s"], expiry - int(clock.now().timestamp())) == (300, 300)


async def through_turn_only(seat: BrowserSeat, turn: Turn, now: datetime) -> None:
    """Let a seat's links use nothing but the TURN server, as a page behind a closed firewall would."""
    servers = list(turn.ice_servers(now, seat.seat).servers)
    script = """(iceServers) => { window.refused = [];
      for (const pc of [up, down]) {
        pc.onicecandidateerror = event => refused.push(event.errorCode);
        pc.setConfiguration({bundlePolicy: 'max-bundle', iceServers, iceTransportPolicy: 'relay'});
      } }"""
    await seat.page.evaluate(script, servers)


async def way_of(seat: BrowserSeat) -> dict[str, Any]:
    """Return what kind of candidate the down link uses."""
    found: dict[str, Any] = await seat.page.evaluate("""async () => {
      const report = await down.getStats();
      const transport = [...report.values()].find(s => s.type === 'transport');
      const pair = report.get(transport.selectedCandidatePairId);
      const { candidateType, relayProtocol } = report.get(pair.localCandidateId);
      return { candidateType, relayProtocol };
    }""")
    return found


@pytest.mark.journey
class TestRealServer:
    """Chromium, coturn, relay: media with nothing but TURN between."""

    @pytest.mark.parametrize("way", ["udp", "tcp"])
    async def test_media_flows_both_ways_through_coturn(self, tmp_path: Path, way: str) -> None:
        async with relay_process(tmp_path) as relay, coturn(tmp_path) as turn, chromium() as browser:
            seats = [await open_seat(browser, relay.client, "room", seat) for seat in ("s_a", "s_b")]
            only = Turn(tuple(url for url in turn.urls if url.endswith(way)), turn.secret, turn.ttl_s)
            for seat in seats:
                await through_turn_only(seat, only, datetime.now(UTC))
            async with negotiating(relay.client, seats):
                for seat in seats:
                    await seat.subscribe()
                    await seat.publish()
                for seat in seats:
                    await seat.wait_until("d.frames > 20 && d.energy > 0.01")
                    assert await way_of(seat) == {"candidateType": "relay", "relayProtocol": way}

    async def test_credentials_that_ended_are_refused(self, tmp_path: Path) -> None:
        async with relay_process(tmp_path) as relay, coturn(tmp_path) as turn, chromium() as browser:
            seat = await open_seat(browser, relay.client, "room", "s_a")
            await through_turn_only(seat, turn, datetime.now(UTC) - timedelta(seconds=turn.ttl_s + 60))
            await seat.publish()
            await seat.page.wait_for_function("refused.includes(401)", timeout=15_000)
