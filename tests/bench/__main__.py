"""
`make bench`: the relay's cost for each forwarded packet, on both loops, and beside pion and Janus where they are.

    python -m tests.bench [--rounds 3] [--seconds 4] [--cross-check ../shared/bench/relay]

Prints a Markdown table with machine, commit and command. The cross-check is another program's measurement of the same.
"""

import argparse
import asyncio
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

from signaling.net import native
from tests.bench.load import PACKETS_PER_S, ROOT, Result, run

SCENARIOS = ((20, 1), (10, 5))
HEADER = (
    "| load | loop | µs/packet | packets/s a core | rooms of 2 a core | rooms of 4 a core "
    "| loss | p50 ms | p95 ms | p99 ms |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
)


def row(scenario: tuple[int, int], plane: str, results: list[Result]) -> str:
    """Return one line of the table: medians over the rounds."""

    def median(name: str) -> float:
        return statistics.median(getattr(result, name) for result in results)

    per_core = 1e6 / median("us_per_packet")
    rooms = [per_core / (PACKETS_PER_S * seats * (seats - 1)) for seats in (2, 4)]
    delays = " | ".join(f"{median(name):.1f}" for name in ("p50_ms", "p95_ms", "p99_ms"))
    return (
        f"| {scenario[0]} × 1→{scenario[1]} | {plane} | {median('us_per_packet'):.1f} | {per_core:,.0f} | "
        f"{rooms[0]:.0f} | {rooms[1]:.0f} | {100 * median('loss'):.2f} % | {delays} |"
    )


def machine() -> str:
    """Return what the figures were taken on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "?")
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout
    software = f"Linux {platform.release()}, Python {platform.python_version()}"
    return f"{model}, {os.cpu_count()} cores, {software}, commit {commit.strip()}"


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
    parser.add_argument("--cross-check", type=Path, default=ROOT.parent / "shared/bench/relay")
    options = parser.parse_args()
    planes = ["python"] if native.is_stale() else ["native", "python"]
    found: dict[tuple[tuple[int, int], str], list[Result]] = {}
    for _ in range(options.rounds):
        for scenario in SCENARIOS:
            for plane in planes:  # next to each other in time, so that a busy neighbour hits both
                result = asyncio.run(run(plane, *scenario, warmup_s=1.0, seconds=options.seconds))
                found.setdefault((scenario, plane), []).append(result)
    print(f"{machine()}\n\n{' '.join(['python -m tests.bench', *sys.argv[1:]])}\n\n{HEADER}")
    for (scenario, plane), results in sorted(found.items()):
        print(row(scenario, plane, results))
    if (options.cross_check / "compare.py").exists():
        print("\nThe shared load generator, with peers:\n", flush=True)
        return cross_check(options.cross_check, options.rounds)
    print(f"\nNo cross-check: {options.cross_check} is not there.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
