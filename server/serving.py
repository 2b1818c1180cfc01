"""The whole product as one context: inside it everything runs, after it nothing is left."""

from __future__ import annotations

import dataclasses
import http.client
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TextIO

from server.adapters.embedded_postgres import WEB_ROLE, EmbeddedPostgres, Place, socket_folder, url_at
from server.config import Settings
from server.datafolder import DataFolder, claim, own_by
from server.faults import StartFault
from server.launch import Launcher, out_of_reach
from server.listening import check_media_ports, listen
from server.processes import Account, forbid_dumps, my_account, unprivileged_account
from server.supervisor import Program, Supervisor

READY_POLL_S = 0.05
# A child that dies so often in a row before the first readiness will not come up; its own message says why.
GIVES_UP_AFTER_DEATHS = 4
POSTGRES_STOPS_WITHIN_S = 30.0
Say = Callable[[str], None]
"""Tells the person at the terminal what takes long."""


class ChildFailed(StartFault):
    """A command of ours that had to succeed did not; it has said why."""

    code = "child-failed"


@dataclass(frozen=True)
class Running:
    """A product that serves."""

    settings: Settings
    """With the embedded database's address and the relays' sockets filled in."""
    folder: DataFolder
    supervisor: Supervisor
    launcher: Launcher

    def pids(self) -> dict[str, int | list[int] | None]:
        """Return the process ids as the headless demo reports them."""
        relays = [self.supervisor.pid(f"relay-{index}") for index in range(self.settings.relays)]
        own = os.getpid()
        embedded = self.supervisor.pid("postgres") if self.supervisor.has("postgres") else None
        return {"supervisor": own, "web": self.supervisor.pid("web"), "postgres": embedded, "relays": list(relays)}


@dataclass(frozen=True)
class Start:
    """How to start."""

    settings: Settings
    say: Say
    logs_to_files: bool = False
    """Children write to DATA_DIR/logs instead of our standard error."""
    prepare: tuple[str, ...] = ()
    """Arguments of a `python -m server …` to run once after the migrations."""


@contextmanager
def product(how: Start) -> Iterator[Running]:
    """
    Start everything, yield when /readyz says so, and end everything in order: web, relays, database.

    Raises:
        StartFault: something stands in the way; nothing keeps running.
        StopRequested: a signal came meanwhile.
    """
    settings = how.settings
    forbid_dumps(hide_memory=False)
    database_account = unprivileged_account()
    with listen(settings.host, settings.port) as listening:
        check_media_ports(settings.media_host, settings.media_port, settings.relays)
        folder = claim(settings.data_dir, database_account)
        with _events(how, folder) as events, (supervisor := Supervisor(events)).signals():
            launcher = _launcher(how, folder, database_account)
            own_by(folder, launcher.account, how.settings.key_file)
            if folder.is_new:  # before anything else is kept: a start that fails later finds its key again
                _run(supervisor, launcher, "make-key")
            launcher = _with_database(how, supervisor, launcher, database_account)
            _run(supervisor, launcher, "prepare")
            launcher = _without_ownership(how, launcher)
            _start_all(how, supervisor, launcher, listening)
            yield Running(launcher.settings, folder, supervisor, launcher)


def _events(how: Start, folder: DataFolder) -> AbstractContextManager[TextIO | None]:
    """Where the supervisor writes that a child was started or died."""
    if not how.logs_to_files:
        return nullcontext()
    path = folder.logs / "supervisor.log"
    path.touch(mode=0o600)
    return path.open("a", encoding="utf-8")


def _start_all(how: Start, supervisor: Supervisor, launcher: Launcher, listening: socket.socket) -> None:
    for index in range(launcher.settings.relays):
        supervisor.add(launcher.relay(index))
    supervisor.add(launcher.web(listening.fileno()))
    if how.prepare:
        _run(supervisor, launcher, *how.prepare)
    _wait_ready(supervisor, launcher.settings)


def _launcher(how: Start, folder: DataFolder, wanted: Account) -> Launcher:
    settings = how.settings
    place = out_of_reach(wanted, settings)
    account = wanted if place is None else my_account()
    if account.uid == 0:
        how.say(f"Warning: web and relays run as root, because the account that they should have cannot enter {place}.")
        how.say("  What to do: keep it where every user may go, such as /opt or /srv.")
    sockets = socket_folder(settings.data_dir, wanted)
    launcher = Launcher(settings, account, sockets, folder.logs if how.logs_to_files else None)
    paths = tuple(launcher.relay_socket(index) for index in range(settings.relays))
    return dataclasses.replace(launcher, settings=dataclasses.replace(settings, relay_sockets=paths))


def _with_database(how: Start, supervisor: Supervisor, launcher: Launcher, account: Account) -> Launcher:
    if launcher.settings.database_url is not None:
        return launcher
    url = _start_postgres(how, supervisor, account)
    return dataclasses.replace(launcher, settings=dataclasses.replace(launcher.settings, database_url=url))


def _without_ownership(how: Start, launcher: Launcher) -> Launcher:
    """Have web log in to the embedded database as a role that owns nothing: `SET ROLE NONE` leads nowhere."""
    if how.settings.database_url is not None:
        return launcher
    settings = dataclasses.replace(launcher.settings, database_url=url_at(launcher.sockets, WEB_ROLE))
    return dataclasses.replace(launcher, settings=settings)


def _start_postgres(how: Start, supervisor: Supervisor, account: Account) -> str:
    postgres = EmbeddedPostgres(Place(how.settings.data_dir, account, how.settings.postgres_bin))
    if not (postgres.cluster / "PG_VERSION").exists():
        how.say(f"Making a PostgreSQL {postgres.binaries.major} database in {postgres.cluster}…")
    postgres.prepare()
    supervisor.add(Program("postgres", postgres.start, signal.SIGINT, POSTGRES_STOPS_WITHIN_S))
    postgres.wait_ready(supervisor.pause, is_watched=True)
    postgres.bootstrap()
    return postgres.url()


def _run(supervisor: Supervisor, launcher: Launcher, *argv: str) -> None:
    status = supervisor.run_once(launcher.command(*argv))
    if status != 0:
        raise ChildFailed(f"`python -m server {argv[0]}` failed.", "see its message above.")


def _wait_ready(supervisor: Supervisor, settings: Settings) -> None:
    """Return when web says that it is ready and every relay listens."""
    waiting = set(settings.relay_sockets)
    while waiting or not _answers_ready(settings):
        supervisor.pause(READY_POLL_S)
        supervisor.check(GIVES_UP_AFTER_DEATHS)
        waiting = {path for path in waiting if not _is_listening(path)}


def _answers_ready(settings: Settings) -> bool:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    connection = http.client.HTTPConnection(host, settings.port, timeout=0.5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _is_listening(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except OSError:
            return False
    return True
