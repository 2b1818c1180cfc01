"""/livez, /readyz and /metrics: for the supervisor, load balancers and Prometheus. They tell nothing about people."""

from __future__ import annotations

import asyncio
import resource
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from aiohttp import web

from server.keys import CLOCK, DATABASE, RELAYS, SETTINGS
from server.metrics import CONTENT_TYPE, Registry
from signaling.media.gaps import GAP_BUCKETS_S
from signaling.media.reports import Snapshot

routes = web.RouteTableDef()
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

METRICS: web.AppKey[Registry] = web.AppKey("metrics")
LAG: web.AppKey[LoopLag] = web.AppKey("lag")

PATH_GAP_MEANING = "Silence when a media link took another network path."
LAG_SAMPLE_S = 0.25
# security.md §1: alive below one second of loop lag; a disk below one tenth free is not ready.
MAX_LAG_S = 1.0
MIN_DISK_FREE = 0.1
# A database that takes longer to say "select 1" is not ready to take patients.
READY_WITHIN_S = 3.0


class LoopLag:
    """How late the event loop runs its timers."""

    def __init__(self) -> None:
        self.seconds = 0.0

    async def measure(self, app: web.Application) -> None:
        """Sample until cancelled."""
        clock = app[CLOCK]
        gauge = app[METRICS].gauge("teleconsult_loop_lag_seconds", "How late the event loop ran its last timer.")
        while True:
            before = clock.monotonic()
            await asyncio.sleep(LAG_SAMPLE_S)
            self.seconds = max(0.0, clock.monotonic() - before - LAG_SAMPLE_S)
            gauge.set(round(self.seconds, 6))


def install(app: web.Application) -> None:
    """Put the metrics and the lag probe into an application."""
    app[METRICS] = Registry()
    app[LAG] = LoopLag()
    app.cleanup_ctx.append(_measuring)
    app.middlewares.insert(0, _counted)


@web.middleware
async def _counted(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count every answer by route and class of status; the edge, inside, has turned errors into answers."""
    clock, registry = request.app[CLOCK], request.app[METRICS]
    begun = clock.monotonic()
    response = await handler(request)
    if not isinstance(response, web.WebSocketResponse):  # which lives as long as its call
        took = registry.histogram("teleconsult_http_seconds", "How long an answer took.")
        took.observe(clock.monotonic() - begun)
    route = request.match_info.route.resource
    counter = registry.counter("teleconsult_http_total", "Answers by route and status.")
    counter.add(route=route.canonical if route else "none", status=f"{response.status // 100}xx")
    return response


async def _measuring(app: web.Application) -> AsyncIterator[None]:
    task = asyncio.create_task(app[LAG].measure(app), name="loop-lag")
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@routes.get("/livez")
async def livez(request: web.Request) -> web.Response:
    """200 while the loop turns in time."""
    is_alive = request.app[LAG].seconds < MAX_LAG_S
    return web.json_response({"alive": is_alive}, status=200 if is_alive else 503)


@routes.get("/readyz")
async def readyz(request: web.Request) -> web.Response:
    """200 when new consultations may start; else 503, each claim by itself."""
    app = request.app
    # One relay is enough to take patients; the supervisor brings the others back.
    claims = {**await _store(app), "relay": app[RELAYS].connected > 0, "disk": _has_room(app[SETTINGS].data_dir)}
    is_ready = all(claims.values())
    headers = {} if is_ready else {"Retry-After": "1"}
    return web.json_response({"ready": is_ready, **claims}, status=200 if is_ready else 503, headers=headers)


async def _store(app: web.Application) -> dict[str, bool]:
    try:
        async with asyncio.timeout(READY_WITHIN_S):
            found = await app[DATABASE].ready()
    except TimeoutError:
        return {"database": False, "key_service": False}
    return {"database": found.database, "key_service": found.key_service}


def _has_room(folder: Path) -> bool:
    usage = shutil.disk_usage(folder)
    return usage.free > usage.total * MIN_DISK_FREE


@routes.get("/metrics")
async def metrics(request: web.Request) -> web.Response:
    """Prometheus' text format."""
    registry = request.app[METRICS]
    used = resource.getrusage(resource.RUSAGE_SELF)
    registry.counter("process_cpu_seconds_total", "CPU time of web.").rows[()] = used.ru_utime + used.ru_stime
    registry.gauge("process_max_resident_memory_bytes", "Memory of web at its peak.").set(used.ru_maxrss * 1024)
    registry.gauge("teleconsult_relays", "Relays that web is connected to.").set(request.app[RELAYS].connected)
    for snapshot in await request.app[RELAYS].snapshots():
        _relay(registry, snapshot)
    return web.Response(body=registry.text().encode(), headers={"Content-Type": CONTENT_TYPE})


def _relay(registry: Registry, snapshot: Snapshot) -> None:
    relay = str(snapshot.index)
    links = sum(len(room.links) for room in snapshot.rooms)
    registry.gauge("teleconsult_relay_rooms", "Rooms of a relay.").set(len(snapshot.rooms), relay=relay)
    registry.gauge("teleconsult_relay_links", "Media links of a relay.").set(links, relay=relay)
    totals = registry.counter("teleconsult_relay_total", "What a relay has counted since its start.")
    for name, value in snapshot.counters.items():
        totals.rows[(("count", name), ("relay", relay))] = value
    gaps = registry.buckets("teleconsult_path_gap_seconds", PATH_GAP_MEANING, GAP_BUCKETS_S)
    for row in snapshot.path_gaps:
        gaps.replace(row.counts, row.total_s, relay=relay, cause=row.cause, direction=row.direction)
