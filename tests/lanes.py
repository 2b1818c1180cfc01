"""
`make test`: everything once, in three lanes one after the other.

What computes, in two workers; what waits for packets and killed processes, in two; calls in real browsers, alone and
with a second try: on a busy machine an encoder may starve. The report counts such tries. README tells why no lane runs
beside another.
"""

from __future__ import annotations

import subprocess
import sys
import time

BROWSERS = (
    "tests/journeys",
    *(f"tests/signaling/net/test_{name}.py" for name in ("chromium", "firefox", "impaired", "wrtc")),
)
WAITING = ("tests/signaling/net", "tests/chaos", "tests/interop")
PAIR = ("--numprocesses", "2", "--dist", "loadfile")
# Ten minutes are usual for the longest; a worker that died may leave the other one waiting for ever.
LONGEST_S = 2400


def pytest_of(*arguments: str) -> list[str]:
    """The command of one lane."""
    return [sys.executable, "-m", "pytest", *arguments]


def without(*paths: str) -> list[str]:
    """Leave out what another lane runs."""
    return [f"--ignore={path}" for path in paths]


LANES = {
    "what computes": pytest_of(*PAIR, *without(*BROWSERS, *WAITING)),
    "packets and killed processes": pytest_of(*PAIR, *WAITING, *without(*BROWSERS)),
    "calls in browsers": pytest_of("--reruns", "1", *BROWSERS),
}


def run(name: str) -> bool:
    """Run one lane and tell whether all of it passed."""
    begun = time.monotonic()
    try:
        has_passed = subprocess.run(LANES[name], timeout=LONGEST_S).returncode == 0
    except subprocess.TimeoutExpired:
        print(f"The lane hung: {name}, not done after {LONGEST_S} s")
        has_passed = False
    print(f"Lane of {name}: {time.monotonic() - begun:.0f} s", flush=True)
    return has_passed


def main() -> int:
    """Run every lane, whatever the one before found."""
    passed = [run(name) for name in LANES]
    print("All passed" if all(passed) else "Something failed, see above", flush=True)
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
