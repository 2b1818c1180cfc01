"""Behind a TLS proxy: what browsers see as https (security.md §13, rows 10, 21, 23, 28)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from records.store.database import Database
from server.auth import passwords
from server.auth.throttle import Rate
from server.http import middleware
from server.keys import ROOMS
from tests.server.clinic import PASSWORD, Answer, Clinic, MovableClock
from tests.server.conftest import edge_app

PUBLIC = "https://clinic.example"
EMAIL = "lin@clinic.example"


@pytest.fixture
async def clinic(
    database: tuple[Database, MovableClock], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Clinic]:
    """A clinic whose public address is https and whose proxy is on this machine."""
    monkeypatch.setattr(passwords, "MEMORY_KIB", 64)
    opened, clock = database
    settings = {"TELECONSULT_PUBLIC_URL": PUBLIC, "TELECONSULT_TRUSTED_PROXIES": "127.0.0.0/8,10.0.0.0/8"}
    app = edge_app(opened, tmp_path, clock, **settings)
    server = TestServer(app)
    await server.start_server(access_log=None)
    made = Clinic(server, app, clock, app[ROOMS])  # type: ignore[arg-type]  # edge_app put a FakeRooms there
    yield made
    for client in made.people:
        await client.close()
    await server.close()


async def log_in(clinic: Clinic, origin: str = PUBLIC) -> Answer:
    await clinic.employ(EMAIL)
    return await (await clinic.person()).post("/api/session", {"email": EMAIL, "password": PASSWORD}, Origin=origin)


class TestHttps:
    """Only this host, only over TLS."""

    async def test_cookies_are_tied_to_this_host_and_to_tls(self, clinic: Clinic) -> None:
        answer = await log_in(clinic)
        cookies = answer.headers.getall("Set-Cookie")  # type: ignore[attr-defined]  # aiohttp's headers are a multidict
        assert sorted(cookie.partition("=")[0] for cookie in cookies) == ["__Host-browser", "__Host-session"]
        assert all("Secure" in cookie and "Path=/" in cookie and "Domain" not in cookie for cookie in cookies)

    async def test_a_cookie_that_another_host_of_the_domain_may_have_set_is_nobodys(self, clinic: Clinic) -> None:
        """evil.clinic.example can set `session` for all of clinic.example, but nothing that begins with __Host-."""
        cookies = (await log_in(clinic)).headers.getall("Set-Cookie")  # type: ignore[attr-defined]  # a multidict
        cookie = next(each for each in cookies if each.startswith("__Host-session")).partition(";")[0]
        stranger = await clinic.person()
        for sent, status in ((cookie, 200), (cookie.removeprefix("__Host-"), 401)):
            assert (await stranger.get("/api/session", Cookie=sent)).status == status

    @pytest.mark.parametrize("path", ["/", "/visit", "/api/config", "/nothing", "/static/api.js"])
    async def test_browsers_are_told_to_stay_on_tls_for_a_year(self, clinic: Clinic, path: str) -> None:
        answer = await (await clinic.person()).get(path)
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"

    async def test_our_public_address_is_our_origin(self, clinic: Clinic) -> None:
        assert (await log_in(clinic)).status == 200

    @pytest.mark.parametrize(
        "origin", ["http://clinic.example", "https://clinic.example.evil", "https://clinic.example:8443"]
    )
    async def test_another_scheme_name_or_port_is_another_origin(self, clinic: Clinic, origin: str) -> None:
        assert (await log_in(clinic, origin)).code == "forbidden-origin"

    async def test_links_name_the_public_address(self, clinic: Clinic) -> None:
        token = (await log_in(clinic)).headers["Set-Cookie"].partition("=")[2].partition(";")[0]
        answer = await (await clinic.person()).post(
            "/api/visits", {"patient": {"name": "Ada"}, "lang": "en"}, Cookie=f"__Host-session={token}"
        )
        assert answer.body["link"].startswith(f"{PUBLIC}/visit#t=")


class TestProxies:
    """A proxy of the settings says who calls, by the entry that it wrote itself."""

    async def tries(self, clinic: Clinic, *forwarded: str) -> list[int]:
        person = await clinic.person()
        answers = [await person.post("/api/join", {"token": "x"}, X_Forwarded_For=each) for each in forwarded]
        return [answer.status for answer in answers]

    async def test_each_address_has_its_own_budget(self, clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(middleware.RATES, ("POST", "/api/join"), Rate(burst=1, per_s=0.001))
        assert await self.tries(clinic, "198.51.100.1", "198.51.100.2", "198.51.100.1") == [404, 404, 429]

    async def test_what_a_client_wrote_before_the_proxy_counts_for_nothing(
        self, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(middleware.RATES, ("POST", "/api/join"), Rate(burst=1, per_s=0.001))
        assert await self.tries(clinic, "1.1.1.1, 198.51.100.9", "2.2.2.2, 198.51.100.9") == [404, 429]

    async def test_one_household_of_ipv6_has_one_budget(self, clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(middleware.RATES, ("POST", "/api/join"), Rate(burst=1, per_s=0.001))
        assert await self.tries(clinic, "2001:db8:1:2::1", "2001:db8:1:2::ffff", "2001:db8:1:3::1") == [404, 429, 404]

    @pytest.mark.parametrize("forwarded", ["", "nonsense", "198.51.100.1, ", "[::1]:80", "1" * 5_000])
    async def test_a_header_that_names_nobody_falls_back_to_the_proxy(self, clinic: Clinic, forwarded: str) -> None:
        assert await self.tries(clinic, forwarded) == [404]


class TestThisMachine:
    """Load tests and probes from here are not slowed, but for what costs a password hash or a row."""

    async def test_a_burst_of_reads_from_here_passes(self, clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(middleware, "USUAL", Rate(burst=1, per_s=0.001))
        person = await clinic.person()
        assert [(await person.get("/api/config")).status for _ in range(3)] == [200, 200, 200]

    async def test_a_burst_of_reads_from_elsewhere_does_not(
        self, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(middleware, "USUAL", Rate(burst=1, per_s=0.001))
        person = await clinic.person()
        answers = [await person.get("/api/config", X_Forwarded_For="198.51.100.1") for _ in range(3)]
        assert [answer.status for answer in answers] == [200, 429, 429]
