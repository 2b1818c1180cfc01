"""
`make test`: everything once, on two cores, in an order that keeps both busy and no call waiting.

Calls in real browsers leave about half of two cores idle, so what computes runs beside them in two workers at a lower
priority. Then what waits for packets and killed processes; last, alone, calls whose silences and pictures are judged.
A browser has a second try: on a busy machine an encoder may starve. The report counts such tries.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

# Journeys and browsers whose gaps and losses are measured: nothing may run beside them.
MEASURED = ("tests/journeys/test_drain.py", "tests/journeys/test_roaming.py", "tests/signaling/net/test_impaired.py")
BROWSERS = (
    "tests/journeys",
    *(f"tests/signaling/net/test_{name}.py" for name in ("chromium", "firefox", "wrtc")),
)
WAITING = ("tests/signaling/net", "tests/chaos", "tests/interop")
PAIR = ("--numprocesses", "2", "--dist", "loadfile")
REPORT = Path("build/computing.txt")
# About five minutes are left of it then on two cores; a worker that died may leave the others waiting for ever.
LONGEST_S = 1800


def pytest_of(*arguments: str) -> list[str]:
    """The command of one lane."""
    return [sys.executable, "-m", "pytest", *arguments]


def without(*paths: str) -> list[str]:
    """Leave out what another lane runs."""
    return [f"--ignore={path}" for path in paths]


COMPUTING = pytest_of(*PAIR, *without(*BROWSERS, *WAITING))
BESIDE = pytest_of("--reruns", "1", *BROWSERS, *without(*MEASURED))
PACKETS = pytest_of(*PAIR, *WAITING, *without(*BROWSERS, *MEASURED))
ALONE = pytest_of("--reruns", "1", *MEASURED)


def both() -> bool:
    """Run what computes beside the browsers; its report is shown when it is whole. Tell whether all passed."""
    REPORT.parent.mkdir(exist_ok=True)
    print(f"Browsers, and beside them what computes: its report follows, and grows in {REPORT}", flush=True)
    with REPORT.open("wb") as report:
        computing = subprocess.Popen(["nice", "-n", "10", *COMPUTING], stdout=report, stderr=subprocess.STDOUT)
        try:
            browsers = subprocess.call(BESIDE)
            computing.wait(LONGEST_S)
        except subprocess.TimeoutExpired:
            print(f"What computes hangs: not done {LONGEST_S} s after the browsers", flush=True)
        finally:
            computing.terminate()  # ended already, unless it hangs or we were stopped
            computing.wait()
    print(REPORT.read_text(errors="replace"), flush=True)
    return browsers == 0 and computing.returncode == 0


def main() -> int:
    """Run every lane, whatever the one before found."""
    begun = time.monotonic()
    passed = [both(), subprocess.call(PACKETS) == 0, subprocess.call(ALONE) == 0]
    print(f"{'All passed' if all(passed) else 'Something failed, see above'}: {time.monotonic() - begun:.0f} s")
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
