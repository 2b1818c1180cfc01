"""
schemathesis over /openapi.json of the running product: any answer but a 5xx.

    python -m tests.fuzz.api [--cases 100000] [--seed 1] [--only /fhir] [--workers 2]

Each case is drawn by schemathesis from the description; three in four are then made to reach deeper: real ids, search
parameters of the type with values of their kind, resources from the R4 model, Bundles of them. Prints every fault's
request once, and at the end how many cases got which status. Exit code 1 when there was a 5xx.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import hypothesis
import requests
import schemathesis
from hypothesis import strategies as st
from schemathesis import GenerationMode

from records.fhir import text
from records.fhir.interactions import SERVED_TYPES
from tests.fakes.hospital import sign_assertion
from tests.fuzz.api_cases import deepen
from tests.journeys.product import Product, running

# Each example is one request; a broken one is kept, not shrunk: the run goes on and finds the others.
TOKEN_LIFE_S = 200.0
_COOKIES = {"staff": "session", "link": "visit"}
MAX_TRIES = 60
VISIT_CASES = 300  # the page's visit is left, ended, voided by cases; then comes a new one


@dataclass
class Caller:
    """Credentials of every kind for the running product, renewed as cases use them up."""

    facts: dict[str, Any]
    base: str
    session: requests.Session = field(default_factory=requests.Session)
    cookies: dict[str, str] = field(default_factory=dict)
    ids: dict[str, list[str]] = field(default_factory=dict)
    _token: str = ""
    _token_until: float = 0.0
    _count: int = 0

    def send(self, case: Any) -> requests.Response:
        """Send one case with the credentials that its operation asks for."""
        self._count += 1
        if self._count % VISIT_CASES == 1:
            self._log_in()
            self._new_visit()
        headers = {"Authorization": f"Bearer {self._bearer()}"} if case.operation.path.startswith("/fhir") else {}
        names = {name for need in case.operation.definition.raw.get("security", []) for name in need}
        cookies = {_COOKIES[name]: self.cookies[name] for name in names & set(_COOKIES)}
        arguments = case.as_transport_kwargs(base_url=self.base)
        arguments["headers"] = {**arguments.get("headers", {}), **headers}
        if isinstance(case.body, dict | list) and "json" in str(arguments["headers"].get("Content-Type", "json")):
            arguments.pop("json", None)
            arguments["data"] = text.dumps(case.body)
        arguments["cookies"] = cookies
        return self.session.request(**arguments, timeout=30, allow_redirects=False)

    def _bearer(self) -> str:
        if time.monotonic() > self._token_until:
            client = next(c for c in self.facts["fhir"]["clients"] if "system/*.cruds" in c["scopes"])
            access = {"client_id": client["client_id"], "pem": client["private_key_pem"], "kid": client["kid"],
                      "alg": client["alg"], "token_url": self.facts["fhir"]["token_url"]}  # fmt: skip
            form = {"grant_type": "client_credentials", "client_assertion": sign_assertion(access),
                    "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                    "scope": " ".join(client["scopes"])}  # fmt: skip
            answer = requests.post(self.facts["fhir"]["token_url"], data=form, timeout=30)
            assert answer.status_code == 200, answer.text
            self._token, self._token_until = answer.json()["access_token"], time.monotonic() + TOKEN_LIFE_S
        return self._token

    def _log_in(self) -> None:
        doctor = self.facts["doctors"][0]
        answer = self._api("/api/session", {"email": doctor["email"], "password": doctor["password"]}, "")
        self.cookies["staff"] = answer.cookies["session"]

    def _new_visit(self) -> None:
        body = {"patient": {"name": "Fuzz"}, "lang": "en"}
        made = self._api("/api/visits", body, self.cookies["staff"]).json()
        self.ids["visit"] = [made["visit_id"]]
        token = made["link"].partition("t=")[2]
        self.cookies["link"] = self._api("/api/join", {"token": token}, "").cookies["visit"]

    def _api(self, path: str, body: Any, cookie: str) -> requests.Response:
        for _ in range(MAX_TRIES):
            answer = requests.post(
                self.base + path, json=body, timeout=30, headers={"X-Requested-With": "teleconsult"},
                cookies={"session": cookie} if cookie else None,
            )  # fmt: skip
            if answer.status_code != 429:  # cases use up the throttle that our own logins and joins share
                break
            time.sleep(answer.json()["retry_after_s"])
        assert answer.status_code < 300, answer.text
        return answer


@dataclass
class Run:
    """Sends cases and counts answers."""

    caller: Caller
    statuses: Counter[int] = field(default_factory=Counter)
    faults: dict[str, str] = field(default_factory=dict)

    def operation(self, operation: Any, cases: int, seed: int) -> None:
        """Send so many cases of one operation."""
        modes = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE] if _can_be_wrong(operation) else [
            GenerationMode.POSITIVE
        ]  # fmt: skip
        strategy = st.one_of([operation.as_strategy(generation_mode=mode) for mode in modes])

        @hypothesis.seed(seed)
        @hypothesis.settings(
            max_examples=cases, database=None, deadline=None, phases=[hypothesis.Phase.generate],
            suppress_health_check=list(hypothesis.HealthCheck),
        )  # fmt: skip
        @hypothesis.given(strategy, st.integers(0, 2**32 - 1))
        def each(case: Any, number: int) -> None:
            self.one(case, number)

        each()

    def one(self, case: Any, number: int) -> None:
        """Send one case, three in four made deeper."""
        random = Random(number)
        if random.random() < 0.75:
            deepen(case, random, self.caller.ids)
        try:
            answer = self.caller.send(case)
        except (requests.exceptions.InvalidHeader, UnicodeError, requests.exceptions.InvalidURL):
            return  # no HTTP client sends this
        self.statuses[answer.status_code] += 1
        self._learn(answer)
        if answer.status_code >= 500:
            label = f"{case.operation.label} {answer.status_code}"
            if label not in self.faults:
                self.faults[label] = _told(answer)
                print(f"FAULT {label}\n{self.faults[label]}", flush=True)

    def _learn(self, answer: requests.Response) -> None:
        """Remember ids that exist, so that later cases find something."""
        parts = answer.headers.get("Location", "").split("/fhir/")[-1].split("/")
        if len(parts) >= 2 and parts[0] in SERVED_TYPES:
            known = self.caller.ids.setdefault(parts[0], [])
            known.append(parts[1])
            del known[:-20]


def _told(answer: requests.Response) -> str:
    """The request that went wrong, its body whole, and the answer."""
    sent = answer.request
    body = sent.body.decode(errors="replace") if isinstance(sent.body, bytes) else sent.body
    headers = {name: value for name, value in sent.headers.items() if name not in ("Authorization", "Cookie")}
    return f"{sent.method} {sent.url}\n{headers}\n{body}\n{answer.text[:300]}"


def _can_be_wrong(operation: Any) -> bool:
    """A description without any parameter or body leaves nothing to do wrong."""
    raw = operation.definition.raw
    return bool(raw.get("parameters") or raw.get("requestBody"))


@dataclass(frozen=True)
class Share:
    """One worker's part of the operations: drawing takes as long as answering, so two draw for one product."""

    number: int = 0
    of: int = 1
    only: str = ""


def fuzz(product: Product, cases: int, seed: int, share: Share | None = None) -> Run:
    """Send about so many cases in all to a running product, or this worker's share of them."""
    share = share or Share()
    caller = Caller(product.facts, product.base_url)
    schema = schemathesis.openapi.from_url(f"{product.base_url}/openapi.json", wait_for_schema=10)
    operations = [o.ok() for o in schema.get_all_operations() if o.ok().path.startswith(share.only)]
    # /api/session hashes a password and the stream never ends: a few of each.
    slow = [o for o in operations if o.path in ("/api/session", "/api/queue/stream")]
    usual = [o for o in operations if o not in slow]
    run = Run(caller)
    for number, operation in list(enumerate(usual))[share.number :: share.of]:
        begun = time.monotonic()
        run.operation(operation, -(-cases // len(usual)), seed + number)
        print(f"{operation.label}: {time.monotonic() - begun:.0f} s, {sum(run.statuses.values())} in all", flush=True)
    for operation in slow:
        if "stream" not in operation.path and not share.number:
            run.operation(operation, max(1, cases // 1000), seed)
    return run


def _counted(product: Product, cases: int, seed: int, share: Share) -> tuple[Counter[int], dict[str, str]]:
    run = fuzz(product, cases, seed, share)
    return run.statuses, run.faults


def fuzz_together(product: Product, arguments: argparse.Namespace) -> tuple[Counter[int], dict[str, str]]:
    """Share the operations among processes; give the statuses and the faults of all."""
    statuses: Counter[int] = Counter()
    faults: dict[str, str] = {}
    shares = [Share(number, arguments.workers, arguments.only) for number in range(arguments.workers)]
    with ProcessPoolExecutor(arguments.workers, multiprocessing.get_context("spawn")) as pool:
        sent = [pool.submit(_counted, product, arguments.cases, arguments.seed, share) for share in shares]
        for each in sent:
            found = each.result()
            statuses += found[0]
            faults |= found[1]
    return statuses, faults


def _fault_lines(folder: Path) -> list[str]:
    """What the log says about where each fault was, once each."""
    lines = [line for log in folder.rglob("*.log") for line in log.read_text(errors="replace").splitlines()]
    return sorted({line.partition('"where"')[2] for line in lines if "http.fault" in line})


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="paths that begin so")
    parser.add_argument("--workers", type=int, default=2, help="processes that draw and send")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        os.chmod(folder, 0o755)  # the database's unprivileged account walks through
        async with running(Path(folder)) as product:
            begun = time.monotonic()
            statuses, faults = await asyncio.to_thread(fuzz_together, product, arguments)
            for line in await asyncio.to_thread(_fault_lines, product.data_dir):
                print(line)
    total = sum(statuses.values())
    print(f"{total} cases in {time.monotonic() - begun:.0f} s: {json.dumps(dict(sorted(statuses.items())))}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
