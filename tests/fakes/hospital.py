"""A hospital system's side: keys, assertions, tokens; and our /fhir and /auth/token on a real port and database."""

from __future__ import annotations

import asyncio
import io
import json
import socket
import threading
import uuid
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from yarl import URL

from records.actors import Actor, ActorKind, Purpose
from records.store.database import DEFAULT_TENANT, Database
from records.store.key_file import create_key_file, load_keyring
from server.clock import Clock
from server.config import read_settings
from server.http import fhir, middleware, token
from server.http.smart_services import smart_context
from server.keys import CLOCK, DATABASE, SETTINGS

T = TypeVar("T")
SYSTEM = Actor(DEFAULT_TENANT, ActorKind.SYSTEM, "test", Purpose.OPERAT, "test")


@dataclass
class HospitalKey:
    """A client's key pair."""

    alg: str = "ES384"
    kid: str = "key-1"
    private: Any = field(init=False)

    def __post_init__(self) -> None:
        if self.alg.startswith("ES"):
            self.private = ec.generate_private_key(ec.SECP384R1())
        else:
            self.private = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def pem(self) -> str:
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    @property
    def jwk(self) -> dict[str, Any]:
        algorithm = jwt.get_algorithm_by_name(self.alg)
        found: dict[str, Any] = json.loads(algorithm.to_jwk(self.private.public_key()))
        return {**found, "kid": self.kid, "alg": self.alg, "use": "sig"}

    def assertion(self, client_id: str, audience: str, headers: dict[str, Any] | None = None, **claims: Any) -> str:
        """Sign an assertion; `claims` replace the usual ones, None takes one away."""
        now = datetime.now(UTC)
        usual = {
            "iss": client_id, "sub": client_id, "aud": audience, "jti": str(uuid.uuid4()),
            "exp": int((now + timedelta(minutes=4)).timestamp()), "iat": int(now.timestamp()),
        }  # fmt: skip
        body = {k: v for k, v in {**usual, **claims}.items() if v is not None}
        return jwt.encode(body, self.private, self.alg, headers={"kid": self.kid, **(headers or {})})


def sign_assertion(access: Mapping[str, str]) -> str:
    """Sign an assertion with a key that travels as PEM (`client_id`, `pem`, `kid`, `alg`, `token_url`)."""
    now = int(datetime.now(UTC).timestamp())
    claims = {"iss": access["client_id"], "sub": access["client_id"], "aud": access["token_url"]}
    claims |= {"jti": str(uuid.uuid4()), "exp": now + 200, "iat": now}  # type: ignore[dict-item]  # numbers are claims
    return jwt.encode(claims, access["pem"], access["alg"], headers={"kid": access["kid"]})


@dataclass
class Hospital:
    """Our server as a hospital system sees it, on a loop and thread of its own, so that clients may block."""

    loop: asyncio.AbstractEventLoop
    database: Database
    origin: str
    runner: web.AppRunner

    @property
    def base(self) -> str:
        return f"{self.origin}/fhir"

    @property
    def token_url(self) -> str:
        return f"{self.origin}/auth/token"

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the server's loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout=60)

    def register(self, client_id: str, scopes: Sequence[str], **keys: Any) -> None:
        async def register() -> None:
            async with self.database.unit(SYSTEM) as unit:
                await unit.clients.register(client_id, list(scopes), **keys)

        self.call(register())

    def token(self, *scopes: str, client_id: str = "", organization: str | None = None, purpose: str = "TREAT") -> str:
        """Register a client, a fresh one unless it is named, and give its access token."""
        key, client_id = HospitalKey(), client_id or f"client-{uuid.uuid4()}"
        self.register(client_id, scopes, jwks={"keys": [key.jwk]})

        async def describe() -> None:
            async with self.database.unit(SYSTEM) as unit:
                await unit.clients.describe(client_id, organization=organization, purposes=["TREAT", purpose])

        self.call(describe())
        asked = {"extensions": {"hl7-b2b": {"purpose_of_use": [purpose]}}}
        assertion = key.assertion(client_id, self.token_url, **asked)
        status, body = self.call(self.ask_token(assertion, " ".join(scopes)))
        assert status == 200, body
        return str(body["access_token"])

    async def ask_token(self, assertion: str, scope: str, **form: str) -> tuple[int, dict[str, Any]]:
        """POST /auth/token."""
        fields = {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion,
            "scope": scope,
            **form,
        }
        async with aiohttp.ClientSession() as session, session.post(self.token_url, data=fields) as response:
            return response.status, await response.json()


@contextmanager
def hospital(database_url: str, folder: Path) -> Iterator[Hospital]:
    """Serve /fhir and /auth/token until the end of the block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        started = asyncio.run_coroutine_threadsafe(_start(loop, database_url, folder), loop).result(timeout=60)
        yield started
        started.call(_stop(started))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=10)
        loop.close()


async def _start(loop: asyncio.AbstractEventLoop, database_url: str, folder: Path) -> Hospital:
    create_key_file(folder / "kek.json")
    application, origin = await start_application(database_url, folder, 0)
    return Hospital(loop, application.database, origin, application.runner)


@dataclass
class Application:
    """What runs."""

    database: Database
    runner: web.AppRunner


async def start_application(database_url: str, folder: Path, port: int) -> tuple[Application, str]:
    """Serve /fhir and /auth/token on a port (0: any) with the key file of a folder; give our address too."""
    database = await Database.open(database_url, load_keyring(folder / "kek.json"), clock=Clock())
    app = web.Application()
    app[CLOCK], app[DATABASE] = Clock(), database
    middleware.install(app)
    app.add_routes(fhir.routes)
    app.add_routes(token.routes)
    app.cleanup_ctx.append(smart_context)
    runner = web.AppRunner(app)
    listener = _listener(port)
    origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
    app[SETTINGS] = read_settings({"TELECONSULT_PUBLIC_URL": origin, "TELECONSULT_DATA_DIR": str(folder)})
    database.fhir_base = f"{origin}/fhir"
    await runner.setup()
    await web.SockSite(runner, listener).start()
    return Application(database, runner), origin


def _listener(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    return listener


async def _stop(started: Hospital) -> None:
    await started.runner.cleanup()
    await started.database.close()


@dataclass
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.raw)

    @property
    def ids(self) -> list[str]:
        """Ids of a searchset, in order."""
        return [e["resource"]["id"] for e in self.json.get("entry", [])]

    @property
    def version(self) -> str:
        return self.headers["ETag"]


@dataclass
class Caller:
    """Sends plain HTTP with one access token."""

    server: Hospital
    token: str

    def __call__(self, method: str, path: str | URL, body: Any = None, **headers: str) -> Reply:
        return self.server.call(self.send(method, path, body, headers))

    async def send(self, method: str, path: str | URL, body: Any, headers: dict[str, str]) -> Reply:
        sent = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/fhir+json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, bytes | str | io.BytesIO | None) else json.dumps(body)
        url = path if isinstance(path, URL) or path.startswith("http") else f"{self.server.base}{path}"
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, url, data=data, headers=sent) as response,
        ):
            return Reply(response.status, response.headers.copy(), await response.read())

    def together(self, requests: Sequence[tuple[str, str, Any, dict[str, str]]]) -> list[Reply]:
        """Send all at once."""

        async def all_of_them() -> list[Reply]:
            return list(await asyncio.gather(*(self.send(*request) for request in requests)))

        return self.server.call(all_of_them())
