"""
Our own PostgreSQL cluster: made once, started as a direct child, reached through a private Unix socket.

The rules and their reasons: shared security facts §2. The caller holds the flock on the data folder, so nobody
else starts this cluster; what an earlier, killed supervisor left behind is waited for, never guessed at by PID.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from server.adapters.postgres_binaries import KNOWN_MAJORS, SHARED_FOLDER, Binaries, find_binaries
from server.faults import DatabaseForeign, DatabaseUnavailable
from server.processes import Account, Command, can_reach, my_account, start

SUPERUSER = "postgres"
LOGIN_ROLE = "teleconsult"
"""Owns the tables; every unit of work becomes APP_ROLE, which only uses them (migrations/protection.py)."""
APP_ROLE = "teleconsult_app"
WEB_ROLE = "teleconsult_web"
"""Logs web in and owns nothing: injected SQL that says `SET ROLE NONE` is no owner, who could take the walls down."""
OWN_ROLES = (LOGIN_ROLE, WEB_ROLE)
DATABASE = "teleconsult"

# sockaddr_un holds 108 bytes; the file name takes 17 ("/.s.PGSQL.5432"), and one is the closing zero.
MAX_SOCKET_FOLDER_BYTES = 90
# No live process can have it (pid_max is at most 2^22), so PostgreSQL sees a dead owner and checks shared memory.
_NOBODYS_PID = 2**22 + 1
# Backends of a killed postmaster notice within a second; a slow disk may hold one in fsync for longer.
ORPHANS_GONE_S = 60.0
POLL_S = 0.02
MAX_LOG_BYTES = 10_000_000

Pause = Callable[[float], None]
"""Waits so many seconds; raises StopRequested when the product is told to end meanwhile."""

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "idle_in_transaction_session_timeout": "30s",
    # How long a first large load stays without statistics: until then plans guess one row (records/fhir/README.md).
    "autovacuum_naptime": "5s",
    "password_encryption": "scram-sha-256",
    # A statement or a conflicting value in the log could be a patient's.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_statement": "none",
    "log_checkpoints": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}

_PG_HBA = f"""\
# Written by Teleconsult at every start. No TCP, no trust: only the accounts of pg_ident.conf, over the socket.
local all {SUPERUSER} peer map=admin
local all {LOGIN_ROLE} peer map=product
local all {WEB_ROLE} peer map=product
"""

_BOOTSTRAP = f"""\
SELECT 'CREATE ROLE {LOGIN_ROLE} LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{LOGIN_ROLE}') \\gexec
SELECT 'CREATE ROLE {APP_ROLE} NOLOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{APP_ROLE}') \\gexec
SELECT 'CREATE ROLE {WEB_ROLE} LOGIN'
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{WEB_ROLE}') \\gexec
GRANT {APP_ROLE} TO {LOGIN_ROLE}, {WEB_ROLE};
ALTER ROLE {LOGIN_ROLE} SET statement_timeout = '30s';
SELECT 'CREATE DATABASE {DATABASE} OWNER {LOGIN_ROLE}'
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{DATABASE}') \\gexec
REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC;
GRANT CONNECT ON DATABASE {DATABASE} TO {WEB_ROLE};
"""


@dataclass(frozen=True)
class Place:
    """Where a cluster lives and who may run it."""

    data: Path
    """The data folder of the product; the cluster is (or is linked as) `postgres` in it."""
    account: Account
    """Runs PostgreSQL; never root."""
    configured_binaries: Path | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    """Changes to SETTINGS; tests turn fsync off."""


class EmbeddedPostgres:
    """One cluster of one data folder. Call prepare, start, wait_ready and bootstrap in this order."""

    def __init__(self, place: Place) -> None:
        self._account = place.account
        self._log = place.data / "logs" / "postgres.log"
        self._settings = {**SETTINGS, **place.settings}
        self.cluster = _cluster_folder(place)
        self.sockets = socket_folder(place.data, place.account)
        self.binaries: Binaries = find_binaries(place.configured_binaries, place.account, _major(self.cluster))
        self.process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    def url(self, role: str = LOGIN_ROLE, database: str = DATABASE) -> str:
        """Return the address for asyncpg and libpq; peer authentication, so there is no password."""
        return url_at(self.sockets, role, database)

    def prepare(self) -> None:
        """
        Make the cluster when it is missing, and check that it is the one made here.

        Raises:
            DatabaseUnavailable: initdb failed; nothing half-made is left in the way.
            DatabaseForeign: another cluster lies in its place.
        """
        if not (self.cluster / "PG_VERSION").exists():
            self._make()
        self._check_identity()
        self._write_access_rules()

    def start(self) -> subprocess.Popen[bytes]:
        """Start postgres as our direct child; it shuts down fast when our thread ends."""
        _disarm_stale_pid(self.cluster)
        self._log.parent.mkdir(mode=0o700, exist_ok=True)
        if self._log.exists() and self._log.stat().st_size > MAX_LOG_BYTES:
            os.truncate(self._log, 0)
        argv = [self.binaries.program("postgres"), "-D", str(self.cluster), "-k", str(self.sockets)]
        for name, value in self._settings.items():
            argv += ["-c", f"{name}={value}"]
        with self._log.open("ab") as log:
            self._log.chmod(0o600)
            self._log_start = log.tell()
            command = Command(
                argv,
                environment={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
                account=self._account,
                death_signal=signal.SIGINT,  # fast shutdown (PostgreSQL §18.5)
                output=log,
                folder=self.cluster,
            )
            self.process = start(command)
        return self.process

    def wait_ready(self, pause: Pause, *, is_watched: bool = False) -> None:
        """
        Return when `select 1` is answered, however long recovery takes.

        A postmaster gives up while backends of a killed one still hold its shared memory; it is started again, by
        the caller's own watch when `is_watched`.

        Raises:
            DatabaseUnavailable: that goes on for ORPHANS_GONE_S, or it ended for another reason.
            StopRequested: from `pause`.
        """
        until = time.monotonic() + ORPHANS_GONE_S
        while not self.is_ready():
            pause(POLL_S)
            assert self.process is not None, "start() comes first"
            if self.process.poll() is None:
                continue
            if time.monotonic() > until or not self._waits_for_orphans():
                raise DatabaseUnavailable(
                    f"PostgreSQL ended with status {self.process.returncode}: {self._last_log_line()}",
                    f"read {self._log}; the data is untouched.",
                )
            pause(0.1)
            if not is_watched:
                self.start()

    def is_ready(self) -> bool:
        """Return whether our own child answers a query; an orphan of a killed supervisor does not count."""
        if self.process is None or self.process.poll() is not None or _owner(self.cluster) != self.process.pid:
            return False
        asked = self._psql("select 1", "postgres")
        return asked.returncode == 0 and asked.stdout.strip() == "1"

    def bootstrap(self) -> None:
        """Make the roles and the database when they are missing."""
        done = self._psql(_BOOTSTRAP, "postgres")
        if done.returncode != 0:
            raise DatabaseUnavailable(
                f"PostgreSQL could not be set up: {done.stderr.strip()}", f"read {self._log}; the data is untouched."
            )

    def stop(self, timeout_s: float = 20.0) -> None:
        """Shut down fast (running transactions roll back); at once when that takes longer than `timeout_s`."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGQUIT)  # immediate: the next start recovers
            self.process.wait(timeout_s)

    def _psql(self, script: str, database: str) -> subprocess.CompletedProcess[str]:
        argv = [self.binaries.program("psql"), "-XqAt", "-v", "ON_ERROR_STOP=1", "-f", "-"]
        environment = {
            "PATH": "/usr/bin:/bin",
            "PGUSER": SUPERUSER,
            "PGHOST": str(self.sockets),
            "PGDATABASE": database,
        }
        return subprocess.run(argv, input=script, env=environment, capture_output=True, text=True)

    def _make(self) -> None:
        fresh = self.cluster.with_name(f".{self.cluster.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)  # of a start that was cut off
        _make_private(fresh, self._account)
        locale = ["--locale=C.UTF-8"]
        if self.binaries.major >= 17:
            locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        options = ["-A", "scram-sha-256", "--auth-local=peer", "--data-checksums", "-E", "UTF8", "-U", SUPERUSER]
        log = self.cluster.with_name(".initdb.log")
        with log.open("w+b") as output:
            argv = [self.binaries.program("initdb"), "-D", str(fresh), *options, *locale]
            made = start(Command(argv, account=self._account, output=output, folder=fresh))
            if made.wait() != 0:
                shutil.rmtree(fresh, ignore_errors=True)
                said = log.read_text(errors="replace")
                raise DatabaseUnavailable(
                    f"initdb failed: {cause_of(said)}",
                    f"make room on the disk and check the rights of {self.cluster.parent}, then start again.",
                )
        log.unlink()
        identity = {"system_identifier": self._system_identifier(fresh), "major": self.binaries.major}
        kept = fresh / "teleconsult.json"
        kept.write_text(json.dumps(identity))
        kept.chmod(0o600)
        fresh.rename(self.cluster)

    def _check_identity(self) -> None:
        try:
            kept = json.loads((self.cluster / "teleconsult.json").read_text())["system_identifier"]
        except (OSError, ValueError, KeyError, TypeError):
            kept = None
        if kept != self._system_identifier(self.cluster):
            raise DatabaseForeign(
                f"{self.cluster} holds a database cluster that was not made here.",
                "put the right folder back, choose another TELECONSULT_DATA_DIR, or serve that cluster yourself and "
                "set TELECONSULT_DATABASE_URL.",
            )

    def _system_identifier(self, cluster: Path) -> str:
        argv = [self.binaries.program("pg_controldata"), str(cluster)]
        asked = subprocess.run(argv, env={"LC_ALL": "C"}, capture_output=True, text=True)
        found = re.search(r"system identifier:\s+(\d+)", asked.stdout)
        return found[1] if found else "unknown"

    def _write_access_rules(self) -> None:
        me, runner = my_account().name, self._account.name
        runners = dict.fromkeys((me, runner))
        lines = [f"admin {me} {SUPERUSER}", *(f"product {name} {role}" for name in runners for role in OWN_ROLES)]
        (self.cluster / "pg_hba.conf").write_text(_PG_HBA)
        (self.cluster / "pg_ident.conf").write_text("\n".join(lines) + "\n")

    def _waits_for_orphans(self) -> bool:
        line = self._last_log_line()
        return "lock file" in line or "shared memory block" in line or "Terminate any old server" in line

    def _last_log_line(self) -> str:
        said = self._log.read_bytes()[self._log_start :].decode(errors="replace").strip().splitlines()
        fatal = [line for line in said if "FATAL" in line]
        return (fatal or said or ["no message"])[-1]


def url_at(sockets: Path, role: str = LOGIN_ROLE, database: str = DATABASE) -> str:
    """Return the address of the cluster that listens in a folder."""
    return f"postgresql://{role}@/{database}?host={sockets}"


def _cluster_folder(place: Place) -> Path:
    """Return the cluster's folder; a link leads out of a data folder that the account cannot enter (below /root)."""
    link = place.data / "postgres"
    if link.is_symlink():
        return link.resolve()
    if link.exists() or can_reach(place.data, place.account):
        return link
    SHARED_FOLDER.mkdir(mode=0o755, parents=True, exist_ok=True)
    target = SHARED_FOLDER / f"cluster-{secrets.token_hex(6)}"
    link.symlink_to(target)
    return target


def _major(cluster: Path) -> int | None:
    """Return the major version of an existing cluster, None when there is none yet."""
    try:
        version = (cluster / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        return None
    if version.isdigit() and int(version) in KNOWN_MAJORS:
        return int(version)
    raise DatabaseForeign(
        f"{cluster} was written by PostgreSQL {version[:20]!r}, and this release knows 15-18.",
        "go back to the release that wrote it, dump there with pg_dump, and restore into a new data folder.",
    )


def socket_folder(data: Path, account: Account) -> Path:
    """Make and return a 0700 folder for sockets whose path is short enough for sockaddr_un."""
    inside = data / "run"
    if len(os.fsencode(inside)) < MAX_SOCKET_FOLDER_BYTES and can_reach(data, account):
        folder = inside
    else:
        digest = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
        folder = Path("/tmp") / f"teleconsult-{account.uid}-{digest}"
    _make_private(folder, account)
    return folder


def cause_of(said: str) -> str:
    """Return the line of initdb's output that tells why it failed: its last words are of tidying up."""
    lines = said.strip().splitlines() or ["no message"]
    return next((line for line in lines if "FATAL:" in line or "error:" in line), lines[-1])


def _make_private(folder: Path, account: Account) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    status = os.lstat(folder)
    if status.st_uid not in (account.uid, os.geteuid()) or folder.is_symlink():
        raise DatabaseUnavailable(f"{folder} belongs to somebody else.", f"remove {folder} or ask its owner to.")
    os.chown(folder, account.uid, account.gid)
    folder.chmod(0o700)


def _disarm_stale_pid(cluster: Path) -> None:
    """
    Make PostgreSQL see a dead owner when the PID of a killed postmaster lives again as another program.

    Only the PID is replaced: the shared-memory key in the same file is what protects us from orphaned backends.
    """
    owner = _owner(cluster)
    if owner is None or _works_in(owner, cluster):
        return
    pid_file = cluster / "postmaster.pid"
    _, _, rest = pid_file.read_text().partition("\n")
    pid_file.write_text(f"{_NOBODYS_PID}\n{rest}")


def _owner(cluster: Path) -> int | None:
    """Return the PID in the cluster's pid file; PostgreSQL writes it whole, but may be removing it now."""
    try:
        first = (cluster / "postmaster.pid").read_text().partition("\n")[0].strip()
    except FileNotFoundError:
        return None
    return int(first) if first.isdigit() else None


def _works_in(pid: int, cluster: Path) -> bool:
    try:
        return os.path.samefile(f"/proc/{pid}/cwd", cluster)
    except OSError:
        return False
