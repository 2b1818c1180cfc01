"""`serve`: everything, in the foreground, for people and for service managers."""

from __future__ import annotations

import sys

from server.config import Settings
from server.faults import StopRequested
from server.serving import Running, Start, product


def serve(settings: Settings, *, with_demo_data: bool, logs_to_files: bool) -> int:
    """Run until told to end. The exit status is 0 then: an operator's SIGTERM is no failure."""
    from server.demo import banner

    demo_file = settings.data_dir / "demo.json"
    prepare = ("seed", "--json", str(demo_file), "--rooms", "1") if with_demo_data and not demo_file.exists() else ()
    try:
        with product(Start(settings, say, logs_to_files, prepare)) as running:
            say(banner.text(running, demo_file if with_demo_data else None))
            running.supervisor.watch()
    except StopRequested:
        say("Teleconsult has ended.")
    return 0


def say(text: str) -> None:
    """Tell the person at the terminal; standard output is for people, logs go to standard error."""
    print(text, file=sys.stdout, flush=True)


__all__ = ["Running", "say", "serve"]
