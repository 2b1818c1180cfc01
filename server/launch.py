"""The command lines of our children: relays, web, and commands that end by themselves."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from server.config import PREFIX, Settings, to_environment
from server.processes import Account, Command, can_reach, start
from server.supervisor import Program

ROOT = Path(__file__).resolve().parent.parent
# Of the operator's environment, what a child may need and what cannot hold a secret of ours.
_PASSED_ON = (
    "PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "PYTHONASYNCIODEBUG",
    # Where libraries of security modules find their own settings: SoftHSM, Luna, Utimaco, nShield.
    "SOFTHSM2_CONF", "ChrystokiConfigurationPath", "CS_PKCS11_R3_CFG", "NFAST_HOME",
)  # fmt: skip
MAX_LOG_BYTES = 10_000_000
RELAY_STOPS_WITHIN_S = 5.0
WEB_STOPS_WITHIN_S = 15.0


def out_of_reach(wanted: Account, settings: Settings) -> Path | None:
    """Return a place that web and relays need and the account cannot enter; None when there is none."""
    places = (Path(sys.executable).resolve(), Path(sys.prefix), ROOT / "server", settings.data_dir)
    return next((place for place in places if not can_reach(place, wanted)), None)


@dataclass(frozen=True)
class Launcher:
    """Starts our own modules as children."""

    settings: Settings
    account: Account
    sockets: Path
    """Private folder for the relays' control sockets."""
    logs: Path | None
    """Folder for the children's output; None leaves it on our standard error."""

    def relay_socket(self, index: int) -> str:
        """Return the path of one relay's control socket."""
        return str(self.sockets / f"relay-{index}.sock")

    def relay(self, index: int) -> Program:
        """Return relay number `index`. It gets no setting of ours: no database address, no key file, no names."""
        settings, host = self.settings, self.settings.media_host
        endpoint = f"[{host}]" if ":" in host else host
        argv = [
            "signaling.net.worker", "--control", self.relay_socket(index), "--udp",
            f"{endpoint}:{settings.media_port + index}", "--public-address", ",".join(settings.media_addresses),
            "--index", str(index), "--dscp", settings.media_dscp,
        ]  # fmt: skip
        name = f"relay-{index}"
        starter = self._starter(argv, name, {})
        return Program(name, starter, stop_within_s=RELAY_STOPS_WITHIN_S, log=self._log_of(name))

    def web(self, listening: int) -> Program:
        """Return web, which serves on an open socket of ours."""
        argv = ["server", "web", "--listen-fd", str(listening)]
        starter = self._starter(argv, "web", to_environment(self.settings), (listening,))
        return Program("web", starter, stop_within_s=WEB_STOPS_WITHIN_S, log=self._log_of("web"))

    def command(self, *argv: str) -> subprocess.Popen[bytes]:
        """Start `python -m server …` once, with its output on ours."""
        environment = _environment(to_environment(self.settings))
        return start(Command(_python("server", *argv), environment=environment, account=self.account, folder=ROOT))

    def _starter(
        self, module: list[str], name: str, variables: Mapping[str, str], descriptors: tuple[int, ...] = ()
    ) -> Callable[[], subprocess.Popen[bytes]]:
        def launch() -> subprocess.Popen[bytes]:
            with self._output(name) as output:
                return start(
                    Command(
                        _python(*module),
                        environment=_environment(variables),
                        account=self.account,
                        output=output,
                        folder=ROOT,
                        descriptors=descriptors,
                    )
                )

        return launch

    def _log_of(self, name: str) -> str:
        return "its message above" if self.logs is None else str(self.logs / f"{name}.log")

    def _output(self, name: str) -> AbstractContextManager[IO[bytes] | None]:
        if self.logs is None:
            return nullcontext()
        path = self.logs / f"{name}.log"
        if path.exists() and path.stat().st_size > MAX_LOG_BYTES:
            os.truncate(path, 0)
        output = path.open("ab")
        path.chmod(0o600)
        return output


def _python(*module: str) -> list[str]:
    return [sys.executable, "-m", *module]


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {**passed, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **variables}


def without_own_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without any setting of ours; for programs of others."""
    return {name: value for name, value in environment.items() if not name.startswith(PREFIX)}
