"""
What a created resource costs the web process beside driver and HTTP, by step: `python -m tests.bench.fhir_pure`.

CPU time in µs a resource, the best of some rounds over a Bundle of 100 Patients; no socket and no database, so it may
run beside others. The whole with both is `tests.bench.fhir_ratio`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID, uuid4

from records.actors import Actor, ActorKind, Purpose
from records.crypto.envelope import DataKey
from records.crypto.keyring import Keyring, KeySet, Owner
from records.crypto.suites import XAES_256_GCM
from records.fhir import text
from records.fhir.index import index_of
from records.fhir.transaction import refuse_overlap, resolved_ids, steps_of, with_id
from records.fhir.validate import validate
from records.store.keys import ROOT_KINDS, Keys
from records.store.resource_rows import IndexRows
from records.store.resource_writes import insert_all
from records.store.unit import Link, Unit
from server.http.fhir_bundle import Done, _answer
from server.processes import settle_memory
from tests.bench.fhir_ratio import BUNDLE, patient

TENANT = UUID(int=1)
NOW = datetime(2026, 11, 23, 3, 0, 0, 123456, UTC)


class Store:
    """A driver that keeps nothing."""

    async def fetch(self, sql: str, *arguments: Any) -> list[dict[str, Any]]:
        return [{"n": n, "row": n} for n in range(1, BUNDLE + 1)]


class Asker:
    """As much of a Call as an answer needs."""

    base = "https://clinic.example/fhir"

    def prefer(self, name: str) -> str:
        return ""


def new_unit() -> Unit:
    keyring = Keyring(cast(Any, None))
    keyring.suites[TENANT] = 1
    for number, kind in enumerate(ROOT_KINDS, 1):
        key = DataKey(1, bytes((number,)) * 32, XAES_256_GCM, layout=2)
        keyring.cache.put(Owner(TENANT, kind), KeySet((key,)), 0.0)
    actor = Actor(TENANT, ActorKind.SERVICE, "his", Purpose.TREAT, str(uuid4()))
    return Unit(Link(cast(Any, None), cast(Any, Store())), actor, NOW, Keys(keyring, cast(Any, None), TENANT, 0.0))


def raw_bundle(first: int) -> bytes:
    entries = [{"resource": patient(first + n), "request": {"method": "POST", "url": "Patient"}} for n in range(BUNDLE)]
    return json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}).encode()


class Clock:
    """Adds up the CPU time of each step."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}

    def __call__(self, step: str, work: Callable[[], Any]) -> Any:
        begun = time.process_time()
        done = work()
        self.spent[step] = time.process_time() - begun
        return done


def once(number: int) -> dict[str, float]:
    """Take one Bundle through every step; give seconds by step."""
    clock, unit = Clock(), new_unit()
    asyncio.run(unit.start())
    raw = raw_bundle(number * BUNDLE)
    body = clock("parse", lambda: text.loads_resource(raw))
    clock("validate", lambda: validate(body))
    resources = clock("steps", lambda: _resources(body))
    stored = clock("write", lambda: asyncio.run(insert_all(unit, resources, is_fresh=True)))
    pairs = [(r, s.content) for r, s in zip(resources, stored, strict=True)]
    index = clock("index (of write)", lambda: [index_of(r, "", content) for r, content in pairs])
    clock("blind (of write)", lambda: IndexRows(unit, index))
    clock("audit", lambda: unit.audit.committing())
    clock("answer", lambda: _answer(cast(Any, Asker()), "transaction-response", [Done(201, s) for s in stored]))
    return clock.spent


def _resources(body: Any) -> list[Any]:
    steps = [with_id(s, str(uuid4())) for s in steps_of(body, "https://clinic.example/fhir")]
    refuse_overlap(steps)
    resolved_ids(steps, "https://clinic.example/fhir")
    return [{**s.resource, "id": s.id} for s in steps if s.resource]


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    once(0)
    settle_memory()  # as a server that has started
    rounds = [once(n) for n in range(parser.parse_args().rounds)]
    best = {step: min(r[step] for r in rounds) / BUNDLE * 1e6 for step in rounds[0]}
    for step, spent in best.items():
        print(f"{step:20}{spent:8.1f} µs")
    print(f"{'in all':20}{sum(v for k, v in best.items() if '(of' not in k):8.1f} µs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
