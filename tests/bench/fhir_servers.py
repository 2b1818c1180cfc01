"""The two servers of fhir_ratio.py, each a process: ours, and a bare handler that keeps JSON in the clear."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
from aiohttp import web

from records.store.clients import Clients
from records.store.key_file import create_key_file
from server.processes import settle_memory
from tests.fakes.hospital import SYSTEM, HospitalKey, start_application

POOL_SIZE = 10  # as ours


class Bare:
    """What one writes in an afternoon: no encryption, no audit, no validation, no versions."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool

    async def create(self, request: web.Request) -> web.Response:
        resource = {**json.loads(await request.read()), "id": str(uuid4())}
        await self._insert([resource])
        return _answer(201, json.dumps(resource))

    async def read(self, request: web.Request) -> web.Response:
        body = await self.pool.fetchval("select body from bare where id = $1", request.match_info["id"])
        return _answer(200, body)

    async def update(self, request: web.Request) -> web.Response:
        body = (await request.read()).decode()
        resource = json.loads(body)
        sql = "update bare set body = $2, identifier = $3 where id = $1"
        await self.pool.execute(sql, request.match_info["id"], body, _identifier(resource))
        return _answer(200, body)

    async def search(self, request: web.Request) -> web.Response:
        value = request.query["identifier"].rpartition("|")[2]
        rows = await self.pool.fetch("select body from bare where identifier = $1", value)
        entries = [{"resource": json.loads(row["body"])} for row in rows]
        return _answer(200, json.dumps({"resourceType": "Bundle", "type": "searchset", "entry": entries}))

    async def transaction(self, request: web.Request) -> web.Response:
        bundle = json.loads(await request.read())
        resources = [{**entry["resource"], "id": str(uuid4())} for entry in bundle["entry"]]
        await self._insert(resources)
        return _answer(200, json.dumps({"resourceType": "Bundle", "entry": [{"id": r["id"]} for r in resources]}))

    async def _insert(self, resources: list[dict[str, Any]]) -> None:
        rows = [(r["id"], json.dumps(r), _identifier(r)) for r in resources]
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.executemany("insert into bare (id, body, identifier) values ($1, $2, $3)", rows)


def _identifier(resource: dict[str, Any]) -> str:
    return str(resource["identifier"][0]["value"])


def _answer(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=text, content_type="application/fhir+json")


async def serve_bare(url: str, port: int) -> None:
    """Serve until killed."""
    pool = await asyncpg.create_pool(url, min_size=POOL_SIZE, max_size=POOL_SIZE)
    await pool.execute("create table if not exists bare (id text primary key, body text, identifier text)")
    await pool.execute("create index if not exists bare_identifier on bare (identifier)")
    bare = Bare(pool)
    app = web.Application(client_max_size=16 << 20)
    app.add_routes([
        web.post("/fhir/Patient", bare.create), web.get("/fhir/Patient", bare.search),
        web.post("/fhir", bare.transaction),
        web.get("/fhir/Patient/{id}", bare.read), web.put("/fhir/Patient/{id}", bare.update),
    ])  # fmt: skip
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    print(json.dumps({"base": f"http://127.0.0.1:{port}/fhir"}), flush=True)
    await asyncio.Event().wait()


async def serve_ours(url: str, port: int, folder: Path) -> None:
    """Serve /fhir as the product does, and print how to get in."""
    if not (folder / "kek.json").exists():
        create_key_file(folder / "kek.json")
    app, origin = await start_application(url, folder, port)
    key = HospitalKey()
    async with app.database.unit(SYSTEM) as unit:
        clients: Clients = unit.clients
        await clients.register("bench", ["system/*.cruds"], jwks={"keys": [key.jwk]})
    settle_memory()  # as server/web.py does
    access = {"client_id": "bench", "pem": key.pem, "kid": key.kid, "alg": key.alg}
    print(json.dumps({"base": f"{origin}/fhir", "token_url": f"{origin}/auth/token", **access}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    kind, database_url, port_text, *rest = sys.argv[1:]
    if kind == "bare":
        asyncio.run(serve_bare(database_url, int(port_text)))
    else:
        asyncio.run(serve_ours(database_url, int(port_text), Path(rest[0])))
