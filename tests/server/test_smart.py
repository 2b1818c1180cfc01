"""SMART Backend Services 2.2: who gets a token, who does not, and what the token opens."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest
from aiohttp import web

from tests.fakes.hospital import Hospital, HospitalKey, hospital
from tests.fakes.visits import signed_visit

KEYS = {alg: HospitalKey(alg, f"key-{alg}") for alg in ("ES384", "RS384")}
KEY = KEYS["ES384"]


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Iterator[Hospital]:
    with hospital(database_url, tmp_path) as running:
        running.register("his", ["system/*.rs"], jwks={"keys": [k.jwk for k in KEYS.values()]})
        yield running


def ask(server: Hospital, assertion: str, scope: str = "system/Patient.rs", **form: str) -> tuple[int, dict[str, Any]]:
    return server.call(server.ask_token(assertion, scope, **form))


def get(server: Hospital, path: str, token: str | None) -> tuple[int, dict[str, Any], dict[str, str]]:
    async def fetch() -> tuple[int, dict[str, Any], dict[str, str]]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with aiohttp.ClientSession() as session, session.get(f"{server.base}{path}", headers=headers) as answer:
            return answer.status, await answer.json(content_type=None), dict(answer.headers)

    return server.call(fetch())


class TestToken:
    """A registered client that signs with its key gets a token for five minutes."""

    @pytest.mark.parametrize("alg", ["ES384", "RS384"])
    def test_both_required_algorithms(self, server: Hospital, alg: str) -> None:
        status, body = ask(server, KEYS[alg].assertion("his", server.token_url))
        assert (status, body["token_type"], body["expires_in"], body["scope"]) == (
            200, "bearer", 300, "system/Patient.rs",
        )  # fmt: skip

    def test_keys_by_url(self, server: Hospital) -> None:
        async def serve_keys() -> tuple[web.AppRunner, str]:
            app = web.Application()

            async def keys(_: web.Request) -> web.Response:
                return web.json_response({"keys": [KEY.jwk]}, headers={"Cache-Control": "max-age=60"})

            app.router.add_get("/jwks", keys)
            runner = web.AppRunner(app)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            return runner, f"http://127.0.0.1:{runner.addresses[0][1]}/jwks"

        runner, url = server.call(serve_keys())
        server.register("by-url", ["system/*.rs"], jwks_url=url)
        good = ask(server, KEY.assertion("by-url", server.token_url))
        named = ask(server, KEY.assertion("by-url", server.token_url, {"jku": url}))
        other = ask(server, KEY.assertion("by-url", server.token_url, {"jku": "https://evil/jwks"}))
        server.call(runner.cleanup())
        assert (good[0], named[0], other[0]) == (200, 200, 401)

    def test_assertion_serves_once_even_in_parallel(self, server: Hospital) -> None:
        assertion = KEY.assertion("his", server.token_url)

        async def all_at_once() -> list[int]:
            asked = (server.ask_token(assertion, "system/Patient.rs") for _ in range(20))
            return [status for status, _ in await asyncio.gather(*asked)]

        assert sorted(server.call(all_at_once())) == [200] + [401] * 19


def forged(now: int) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Claims and headers that differ from a good assertion's; `now` of the moment of use, not of the import."""
    return {
        "unknown client": ({"iss": "who", "sub": "who"}, {}),
        "other subject": ({"sub": "who"}, {}),
        "other audience": ({"aud": "https://elsewhere/token"}, {}),
        "no audience": ({"aud": None}, {}),
        "expired": ({"exp": now - 120}, {}),
        "lives too long": ({"exp": now + 3600}, {}),
        "exp is a text": ({"exp": "tomorrow"}, {}),
        "no exp": ({"exp": None}, {}),
        "issued in the future": ({"iat": now + 600}, {}),
        "no jti": ({"jti": None}, {}),
        "jti is a number": ({"jti": 7}, {}),
        "unknown kid": ({}, {"kid": "other"}),
        "kid of the RSA key": ({}, {"kid": "key-RS384"}),
        "jku of somebody": ({}, {"jku": "https://evil/jwks.json"}),
        "critical header": ({}, {"crit": ["x"], "x": 1}),
    }


class TestForged:
    """security.md §13, 12 and 13."""

    @pytest.mark.parametrize("name", sorted(forged(0)))
    def test_is_invalid_client(self, server: Hospital, name: str) -> None:
        claims, headers = forged(int(time.time()))[name]
        status, body = ask(server, KEY.assertion("his", server.token_url, headers, **claims))
        assert (status, body["error"]) == (401, "invalid_client")

    @pytest.mark.parametrize("alg", ["HS256", "HS384", "none"])
    def test_algorithm_confusion(self, server: Hospital, alg: str) -> None:
        claims = {"iss": "his", "sub": "his", "aud": server.token_url, "jti": "x", "exp": int(time.time()) + 100}
        secret = "x" * 64 if alg != "none" else None
        assertion = jwt.encode(claims, secret, alg, headers={"kid": KEY.kid})
        assert ask(server, assertion)[1]["error"] == "invalid_client"

    def test_other_key_of_the_same_name(self, server: Hospital) -> None:
        other = HospitalKey("ES384", KEY.kid)
        assert ask(server, other.assertion("his", server.token_url))[1]["error"] == "invalid_client"

    @pytest.mark.parametrize("assertion", ["", "a.b.c", "x" * 9000, "e30.e30."])
    def test_no_jwt(self, server: Hospital, assertion: str) -> None:
        assert ask(server, assertion)[1]["error"] == "invalid_client"


class TestOAuthErrors:
    """RFC 6749 §5.2: the codes that clients switch on."""

    def test_other_grant(self, server: Hospital) -> None:
        assertion = KEY.assertion("his", server.token_url)
        status, body = ask(server, assertion, grant_type="password")
        assert (status, body["error"]) == (400, "unsupported_grant_type")

    def test_other_assertion_type(self, server: Hospital) -> None:
        status, body = ask(server, KEY.assertion("his", server.token_url), client_assertion_type="x")
        assert (status, body["error"]) == (400, "invalid_request")

    @pytest.mark.parametrize("scope", ["", "system/Patient.cruds", "user/*.read", "system/Nothing.rs", "openid"])
    def test_scope_that_is_not_registered(self, server: Hospital, scope: str) -> None:
        status, body = ask(server, KEY.assertion("his", server.token_url), scope)
        assert (status, body["error"]) == (400, "invalid_scope")


class TestScopes:
    """v1 and v2 scopes; a restriction of the registration is never lost."""

    @pytest.mark.parametrize("scope", ["system/Patient.read", "system/Patient.rs", "system/*.rs", "system/*.read"])
    def test_reading(self, server: Hospital, scope: str) -> None:
        seen = server.call(signed_visit(server.database))
        _, body = ask(server, KEY.assertion("his", server.token_url), scope)
        assert get(server, f"/Patient/{seen.patient}", body["access_token"])[0] == 200

    def test_other_type_is_forbidden(self, server: Hospital) -> None:
        _, body = ask(server, KEY.assertion("his", server.token_url), "system/Patient.rs")
        status, outcome, _ = get(server, "/Encounter", body["access_token"])
        assert (status, outcome["issue"][0]["code"]) == (403, "forbidden")

    def test_restriction_of_the_registration_is_added(self, server: Hospital) -> None:
        granular = "system/Observation.rs?code=http://loinc.org|8867-4"
        server.register("cardio", [granular], jwks={"keys": [KEY.jwk]})
        server.call(signed_visit(server.database))
        _, body = ask(server, KEY.assertion("cardio", server.token_url), "system/Observation.rs")
        _, bundle, _ = get(server, "/Observation", body["access_token"])
        assert body["scope"] == granular
        assert [e["resource"]["code"]["coding"][0]["code"] for e in bundle["entry"]] == ["8867-4"]


    @pytest.mark.parametrize(
        ("scope", "found"),
        [("system/Observation.rs?category=vital-signs", 1), ("system/Observation.rs?category=laboratory", 0),
         ("system/Observation.rs?category=laboratory system/Observation.rs?code=8867-4", 1)],
    )  # fmt: skip
    def test_finer_scope_is_a_search(self, server: Hospital, scope: str, found: int) -> None:
        server.call(signed_visit(server.database))
        _, body = ask(server, KEY.assertion("his", server.token_url), scope)
        _, bundle, _ = get(server, "/Observation", body["access_token"])
        assert (len(bundle.get("entry", [])) > 0) == bool(found)


class TestBearer:
    """What is not our token opens nothing."""

    def test_without_token(self, server: Hospital) -> None:
        status, outcome, headers = get(server, "/Patient", None)
        assert (status, outcome["resourceType"]) == (401, "OperationOutcome")
        assert headers["WWW-Authenticate"].startswith("Bearer")

    @pytest.mark.parametrize("token", ["x", "a.b.c", "e30.e30.e30", "x" * 9000])
    def test_with_junk(self, server: Hospital, token: str) -> None:
        if len(token) < 8000:  # aiohttp refuses longer header lines by itself, with 400
            assert get(server, "/Patient", token)[0] == 401

    def test_with_a_token_of_another_key(self, server: Hospital) -> None:
        now = int(time.time())
        claims = {"iss": "teleconsult", "sub": "his", "scope": "system/*.rs", "iat": now, "exp": now + 200}
        forged = jwt.encode(claims, "k" * 32, "HS256", headers={"kid": "1", "typ": "at+jwt"})
        assert get(server, "/Patient", forged)[0] == 401


class TestDiscovery:
    """Where clients look before they have a token."""

    def test_smart_configuration(self, server: Hospital) -> None:
        _, body, _ = get(server, "/.well-known/smart-configuration", None)
        assert body["token_endpoint"] == server.token_url
        assert body["token_endpoint_auth_signing_alg_values_supported"] == ["RS384", "ES384"]

    def test_metadata_carries_oauth_uris(self, server: Hospital) -> None:
        _, body, _ = get(server, "/metadata", None)
        extension = body["rest"][0]["security"]["extension"][0]
        assert extension["url"].endswith("oauth-uris")
        assert extension["extension"] == [{"url": "token", "valueUri": server.token_url}]
