"""
`make bench`: what one forwarded packet costs here, in Janus, in pion and in aiortc's own MediaRelay; and FHIR
requests/s beside a bare handler.

    python -m tests.bench [--rounds 3] [--seconds 4] [--peers native,python,pion-full,pion,janus,mediarelay]
                          [--share 0.7] [--patients 100000] [--cross-check ../shared/bench/relay]

Prints Markdown tables with machine, commit and command. Servers that are not installed are named and left out. The
cross-check is another program's measurement of the same, with feedback from the clients; only where its folder is.
"""

import argparse
import asyncio
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from signaling.net import native
from tests.bench import fhir_ratio, media_relay, servers
from tests.bench.load import PACKETS_PER_S, Load, Result, run
from tests.bench.servers import ROOT, NotHere, Open

SCENARIOS = ((20, 1), (10, 5))
PEERS = ("native", "python", "pion-full", "pion", "janus", "mediarelay")
SAMPLED_ROOMS = 10  # of the run at a share of a core: what one Python process can read beside what it sends
HEADER = (
    "| load | server | µs/packet | to pion-full | packets/s a core | rooms of 2 a core | rooms of 4 a core "
    "| loss | p50 ms | p95 ms | p99 ms |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
)

Found = dict[tuple[str, str], list[Result]]


def openers(names: list[str], folder: Path) -> dict[str, Open]:
    """Return how each server is started; what is missing is told, and left out."""
    made = {
        "native": lambda: servers.ours("native"),
        "python": lambda: servers.ours("python"),
        "pion-full": lambda: servers.pion(servers.build_pion(folder), full=True),
        "pion": lambda: servers.pion(servers.build_pion(folder), full=False),
        "janus": lambda: servers.janus(folder),
    }
    found: dict[str, Open] = {}
    for name in names:
        if name == "native" and native.is_missing():
            print("native is left out: no compiler, or not built (python -m signaling.net.native)")
        elif name in made:
            try:
                found[name] = made[name]()
            except NotHere as missing:
                print(f"{name} is left out: {missing}")
    return found


def median(results: list[Result], name: str) -> float:
    return statistics.median(getattr(result, name) for result in results)


def row(load: str, server: str, results: list[Result], reference: list[Result] | None) -> str:
    """Return one line of the table: medians over the rounds."""
    per_core = 1e6 / median(results, "us_per_packet")
    rate = median(results, "forwarded_per_s") if server == "mediarelay" else PACKETS_PER_S  # of one forwarded camera
    rooms = [per_core / (rate * seats * (seats - 1)) for seats in (2, 4)]
    ratio = median(results, "us_per_packet") / median(reference, "us_per_packet") if reference else math.nan
    numbers = [f"{median(results, 'us_per_packet'):.1f}", f"{ratio:.2f}", f"{per_core:,.0f}"]
    numbers += [f"{room:.1f}" if room < 10 else f"{room:.0f}" for room in rooms]
    numbers += [f"{100 * median(results, 'loss'):.2f} %"]
    numbers += [f"{median(results, name):.1f}" for name in ("p50_ms", "p95_ms", "p99_ms")]
    return " | ".join(["| " + load, server, *numbers]).replace("nan", "–").replace("– %", "–") + " |"


def machine() -> str:
    """Return what the figures were taken on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "?")
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout
    software = f"Linux {platform.release()}, Python {platform.python_version()}"
    return f"{model}, {os.cpu_count()} cores, {software}, commit {commit.strip()}, load {os.getloadavg()[0]:.1f}"


def measure(options: argparse.Namespace, folder: Path) -> Found:
    """Run every server under every load, next to each other in time, so that a busy neighbour hits all."""
    found: Found = {}
    opening = openers(options.peers, folder)
    for _ in range(options.rounds):
        for rooms, subscribers in SCENARIOS:
            for name, opener in opening.items():
                result = asyncio.run(run(opener, Load(rooms, subscribers, options.seconds)))
                found.setdefault((f"{rooms} × 1→{subscribers}", name), []).append(result)
    if "mediarelay" in options.peers:
        found["1 × 1→1, 640×480", "mediarelay"] = [asyncio.run(media_relay.run(options.seconds))]
    return found


def at_share(found: Found, share: float, seconds: float) -> str:
    """Load our native loop to this share of a core with rooms of 1→5, and tell delay and loss there."""
    cost = median(found["10 × 1→5", "native"], "us_per_packet")
    rooms = round(share * 1e6 / cost / (5 * PACKETS_PER_S))
    load = Load(rooms, 5, seconds, sampled_rooms=SAMPLED_ROOMS)
    result = asyncio.run(run(servers.ours("native"), load))
    return (
        f"{rooms} × 1→5: {result.forwarded_per_s:,.0f} packets/s in {100 * result.core_share:.0f} % of a core, "
        f"{result.us_per_packet:.1f} µs each, loss {100 * result.loss:.2f} %, "
        f"p50 {result.p50_ms:.1f} ms, p95 {result.p95_ms:.1f} ms, p99 {result.p99_ms:.1f} ms"
    )


def cross_check(folder: Path, rounds: int) -> int:
    """Run the shared load generator against the relay and its peers; it prints its own table."""
    shim = f"{sys.executable} -m tests.bench.whip_shim --udp {{udp_port}} --http {{port}}"
    command = [
        sys.executable, str(folder / "compare.py"), "--full-client", "--peers", "ours,pion-full,pion,janus",
        "--profiles", "gcm", "--rounds", str(rounds), "--checkout", str(ROOT),
        "--ours-cmd", shim, "--ours-base", "http://127.0.0.1:{port}",
    ]  # fmt: skip
    os.sched_setaffinity(0, range(os.cpu_count() or 1))  # our own load took one core; the other program chooses itself
    return subprocess.run(command, cwd="/tmp", env={**os.environ, "PYTHONPATH": str(ROOT)}).returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--peers", type=lambda text: text.split(","), default=list(PEERS))
    parser.add_argument("--share", type=float, default=0.7, help="of a core, for the run at load; 0 leaves it out")
    parser.add_argument("--patients", type=int, default=100_000, help="of the FHIR comparison; 0 leaves it out")
    parser.add_argument("--cross-check", type=Path, default=ROOT.parent / "shared/bench/relay")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(options, Path(folder))
    print(f"\n{machine()}\n\n{' '.join(['python -m tests.bench', *sys.argv[1:]])}\n\n{HEADER}")
    for (load, name), results in found.items():
        print(row(load, name, results, found.get((load, "pion-full"))))
    if options.share and ("10 × 1→5", "native") in found:
        print(f"\nAt load: {at_share(found, options.share, options.seconds)}", flush=True)
    if options.patients:
        os.sched_setaffinity(0, range(os.cpu_count() or 1))  # the relay's load took one core
        print(f"\nFHIR, load {os.getloadavg()[0]:.1f} before:\n", flush=True)
        fhir_ratio.compare(fhir_ratio.Plan(options.patients, options.seconds, options.rounds))
    if (options.cross_check / "compare.py").exists():
        print("\nThe shared load generator, with peers:\n", flush=True)
        return cross_check(options.cross_check, options.rounds)
    print(f"\nNo cross-check: {options.cross_check} is not there.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
