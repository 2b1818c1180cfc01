"""`serve`: everything, in the foreground, for people and for service managers."""

from __future__ import annotations

import sys
from pathlib import Path

from server.config import Settings
from server.demo import banner
from server.faults import StopRequested
from server.serving import Start, product


def serve(settings: Settings, *, with_demo_data: bool, logs_to_files: bool) -> int:
    """Run until told to end. The exit status is 0 then: an operator's SIGTERM is no failure."""
    demo_file = settings.data_dir / "demo" / "demo.json"
    prepare = _prepare(demo_file) if with_demo_data else ()
    try:
        with product(Start(settings, say, logs_to_files, prepare)) as running:
            say(banner.text(running, demo_file if with_demo_data else None))
            running.supervisor.watch()
    except StopRequested:
        say("Teleconsult has ended.")
    return 0


def _prepare(demo_file: Path) -> tuple[str, ...]:
    """Demo data is made once; later starts find a link that works."""
    if demo_file.exists():
        return ("invite", "--json", str(demo_file))
    return ("seed", "--json", str(demo_file), "--rooms", "1")


def say(text: str) -> None:
    """Tell the person at the terminal; standard output is for people, logs go to standard error."""
    print(text, file=sys.stdout, flush=True)
