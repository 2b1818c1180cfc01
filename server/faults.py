"""What can keep Teleconsult from starting, each with what to do about it."""

from __future__ import annotations

from typing import ClassVar


class StartFault(Exception):
    """The product cannot start or go on; printed without a traceback, as `detail` and `remedy`."""

    code: ClassVar[str] = "start-fault"

    def __init__(self, detail: str, remedy: str) -> None:
        super().__init__(f"{detail}\n  What to do: {remedy}")
        self.detail = detail
        self.remedy = remedy


class SettingsInvalid(StartFault):
    """One or more settings are wrong; `detail` names every one of them."""

    code = "settings-invalid"


class DataFolderInUse(StartFault):
    """Another running Teleconsult owns the data folder."""

    code = "data-folder-in-use"


class DatabaseUnavailable(StartFault):
    """PostgreSQL could not be found, started or reached."""

    code = "database-unavailable"


class DatabaseForeign(StartFault):
    """The cluster on disk is not the one that this data folder made, or of a version we do not know."""

    code = "database-foreign"


class KeyWrong(StartFault):
    """The key file is whole, but the database was sealed with another one."""

    code = "key-wrong"


class KeyServiceUnusable(StartFault):
    """The key service does not answer, or not for our key."""

    code = "key-service-unusable"


class AccountMissing(StartFault):
    """Started as root, and there is no unprivileged account to drop to."""

    code = "account-missing"


class PortInUse(StartFault):
    """Another program listens where we want to."""

    code = "port-in-use"


class ChildDies(StartFault):
    """A child process ends again and again before it ever served; its own message says why."""

    code = "child-dies"


class DataFolderUnusable(StartFault):
    """We may not make or enter the data folder, or the disk is full."""

    code = "data-folder-unusable"


class StopRequested(Exception):
    """SIGINT, SIGTERM or SIGHUP came while something was being waited for; not a fault."""
