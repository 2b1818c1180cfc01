"""The command line: one table of commands, which server/README.md shows and a test compares."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from records.errors import RecordsError
from server.config import Settings, read_settings
from server.faults import StartFault, StopRequested

Arguments = argparse.Namespace
# sysexits.h: the same numbers as other daemons, so that service managers can tell them apart.
EX_USAGE, EX_UNAVAILABLE, EX_CONFIG = 64, 69, 78


@dataclass(frozen=True)
class CommandLine:
    """One command."""

    name: str
    meaning: str
    run: Callable[[Settings, Arguments], int]
    """Imports what it needs itself: `triage` must not load a web server."""
    options: Callable[[argparse.ArgumentParser], None] = lambda parser: None
    is_internal: bool = False
    """Started by our own processes, not by people."""


def _serve(settings: Settings, arguments: Arguments) -> int:
    from server.commands.serve import serve

    return serve(settings, with_demo_data=arguments.with_demo_data, logs_to_files=arguments.logs_to_files)


def _serve_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--with-demo-data", action="store_true", help="fill an empty data folder with a demo clinic")
    parser.add_argument("--logs-to-files", action="store_true", help="write logs to DATA_DIR/logs, not here")


def _web(settings: Settings, arguments: Arguments) -> int:
    import asyncio
    import socket

    from server import logs, web

    logs.set_up(settings.log_level)
    with socket.socket(fileno=arguments.listen_fd) as listening:
        return asyncio.run(web.serve(settings, listening))


def _web_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--listen-fd", type=int, required=True, metavar="N", help="open socket to serve on")


def _demo(settings: Settings, arguments: Arguments) -> int:
    from server.demo.headless import demo

    return demo(settings, arguments)


def _demo_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", required=True, metavar="FILE", help="written atomically when everything is ready")
    parser.add_argument("--port", type=int, required=True, metavar="P", help="TCP port on 127.0.0.1")
    parser.add_argument("--rooms", type=int, default=1, metavar="N", help="open consultations for devices; default 1")
    parser.add_argument("--data", metavar="DIR", help="empty folder to use and keep; default: a temporary one")
    parser.add_argument("--media-host", default="127.0.0.1", metavar="A", help="address of the relays on this machine")


def _triage(settings: Settings, arguments: Arguments) -> int:
    from server.triage_command import run

    return run(sys.stdin, sys.stdout)


def _make_key(settings: Settings, arguments: Arguments) -> int:
    from server.commands.prepare import make_key

    make_key(settings)
    return 0


def _prepare(settings: Settings, arguments: Arguments) -> int:
    from server.commands.prepare import prepare

    prepare(settings)
    return 0


def _migrate(settings: Settings, arguments: Arguments) -> int:
    from server.commands.prepare import migrate
    from server.commands.reach import reachable

    with reachable(settings) as reached:
        migrate(reached)
    return 0


def _audit(settings: Settings, arguments: Arguments) -> int:
    from server.commands.audit import verify

    return verify(settings)


def _audit_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=["verify"], help="verify: check every entry and name the first bad one")


def _backup(settings: Settings, arguments: Arguments) -> int:
    from server.commands.backup import run

    return run(settings, arguments)


def _backup_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", help="for records.dump and keys.dump (keep them apart), recordings/")
    parser.add_argument("--drill", action="store_true", help="restore into a scratch database and prove it is whole")


def _restore(settings: Settings, arguments: Arguments) -> int:
    from server.commands.backup import restore

    return restore(settings, arguments)


def _restore_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", help="with records.dump, keys.dump and recordings/")


def _keys(settings: Settings, arguments: Arguments) -> int:
    from server.commands.keys import run

    return run(settings, arguments)


def _keys_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=["rotate", "retire"])
    parser.add_argument("level", choices=["file", "tenant", "patient", "index", "signing"])
    parser.add_argument("--id", type=UUID, metavar="PATIENT", help="whose key, for the level patient")


def _staff(settings: Settings, arguments: Arguments) -> int:
    from server.commands.staff import add, disable

    return add(settings, arguments) if arguments.what == "add" else disable(settings, arguments)


def _staff_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=["add", "disable"])
    parser.add_argument("--email", required=True)
    parser.add_argument("--display", default="", help="professional name that patients see; default: the e-mail's name")
    parser.add_argument("--registration-number", metavar="NUMBER")
    parser.add_argument("--role", choices=["doctor", "desk", "privacy"], default="doctor")


def _drain(settings: Settings, arguments: Arguments) -> int:
    from server.commands.drain import drain

    return drain(settings, arguments.relay)


def _drain_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("relay", help="number of the relay, from 0, or `all`")


def _client(settings: Settings, arguments: Arguments) -> int:
    from server.commands.client import run

    return run(settings, arguments)


def _client_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=["add", "list", "disable"])
    parser.add_argument("id", nargs="?", default="", help="client_id")
    parser.add_argument("--scope", action="append", default=[], help="SMART scope, v1 or v2; may be given often")
    parser.add_argument("--jwks", metavar="FILE", help="its public keys")
    parser.add_argument("--jwks-url", metavar="URL", help="where it publishes them")
    parser.add_argument("--purpose", action="append", default=[], help="purpose of use (TREAT); the first is usual")
    parser.add_argument("--organization", metavar="Organization/ID", help="as patients' Consents name it")


def _link(settings: Settings, arguments: Arguments) -> int:
    from server.commands.link import link

    return link(settings, arguments.visit)


def _link_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("visit", help="id of the visit")


def _seed(settings: Settings, arguments: Arguments) -> int:
    from server.demo.seed import seed

    return seed(settings, rooms=arguments.rooms, to=arguments.json)


def _seed_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rooms", type=int, default=1)
    parser.add_argument("--json", required=True, metavar="FILE")


def _invite(settings: Settings, arguments: Arguments) -> int:
    from server.demo.seed import invite

    return invite(settings, to=arguments.json)


def _invite_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", required=True, metavar="FILE")


COMMANDS: tuple[CommandLine, ...] = (
    CommandLine("serve", "Start everything and keep it alive until SIGINT or SIGTERM.", _serve, _serve_options),
    CommandLine("demo", "The same with fresh demo data on loopback, for programs that test it.", _demo, _demo_options),
    CommandLine("triage", "Intakes as JSON lines in, triage notes as JSON lines out; needs no database.", _triage),
    CommandLine("migrate", "Bring the database to this program's schema.", _migrate),
    CommandLine("audit", "`audit verify` checks the whole audit chain.", _audit, _audit_options),
    CommandLine("backup", "`backup DIR` dumps the database; `--drill` proves it comes back.", _backup, _backup_options),
    CommandLine(
        "restore", "Bring a backup into a new data folder that holds its key file.", _restore, _restore_options
    ),
    CommandLine("keys", "`keys rotate` and `keys retire` renew a level of keys, online.", _keys, _keys_options),
    CommandLine(
        "staff",
        "`staff add` makes a login, the password is read from standard input; `staff disable` ends one at once.",
        _staff,
        _staff_options,
    ),
    CommandLine(
        "drain",
        "Move the live rooms of a relay to another one and restart it; `drain all`, one by one.",
        _drain,
        _drain_options,
    ),
    CommandLine(
        "client",
        "`client add`, `client list`, `client disable`: hospital systems that may use /fhir.",
        _client,
        _client_options,
    ),
    CommandLine("link", "Print a new patient link for a visit; older ones end.", _link, _link_options),
    CommandLine("web", "The web process.", _web, _web_options, is_internal=True),
    CommandLine("make-key", "Make the key file of an empty data folder.", _make_key, is_internal=True),
    CommandLine("prepare", "Check the key file and migrate, before web starts.", _prepare, is_internal=True),
    CommandLine("seed", "Write demo data.", _seed, _seed_options, True),
    CommandLine("invite", "Renew the demo's patient link.", _invite, _invite_options, True),
)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    whole = argparse.ArgumentParser(prog="python -m server", description="Teleconsult: remote consultations.")
    choices = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        if command.is_internal:  # started by our own processes: not in the list
            one = choices.add_parser(command.name, description=command.meaning)
        else:
            one = choices.add_parser(command.name, description=command.meaning, help=command.meaning)
        command.options(one)
    return whole


def main(argv: Sequence[str]) -> int:
    """Run one command; return the exit status. What an operator can mend is told in words, never as a traceback."""
    arguments = parser().parse_args(argv)
    command = next(command for command in COMMANDS if command.name == arguments.command)
    try:
        return command.run(read_settings(os.environ), arguments)
    except StartFault as fault:
        print(f"teleconsult: {fault}", file=sys.stderr)
        return EX_CONFIG
    except RecordsError as error:
        print(f"teleconsult: {error}", file=sys.stderr)
        return EX_UNAVAILABLE
    except (StopRequested, KeyboardInterrupt):
        return 130
