"""`client`: hospital systems that may ask for tokens: add (or change), list, disable."""

from __future__ import annotations

import argparse
import asyncio
import json
import re
from pathlib import Path
from typing import Any

from records.actors import Actor, ActorKind, Purpose
from records.errors import NotFound
from records.store.database import DEFAULT_TENANT
from server.auth.smart import ALGORITHMS
from server.auth.smart_scopes import are_usable, parse_scopes
from server.clock import Clock
from server.commands.reach import opened, reachable
from server.config import Settings
from server.faults import StartFault

ACTOR = Actor(DEFAULT_TENANT, ActorKind.SYSTEM, "command-line", Purpose.SYSADMIN, "client")


class ClientRefused(StartFault):
    """What was said about the client cannot be."""

    code = "client-refused"


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Do what `arguments.what` says."""
    if arguments.what == "add":
        check(arguments)
    if arguments.what != "list" and not arguments.id:
        raise ClientRefused("The client's id is missing.", "name it: client add ID …")
    with reachable(settings) as reached:
        step = {"add": _add, "list": _list, "disable": _disable}[arguments.what]
        print(asyncio.run(step(reached, arguments)))
    return 0


def check(arguments: argparse.Namespace) -> None:
    """Refuse what would fail later without a word. Raises ClientRefused."""
    scopes = parse_scopes(" ".join(arguments.scope))
    if not scopes or len(scopes) != len(arguments.scope) or not are_usable(scopes, Clock().now()):
        raise ClientRefused(
            "A scope is none that this server knows.",
            "for example system/*.rs or system/Observation.rs?category=vital-signs",
        )
    if bool(arguments.jwks) == bool(arguments.jwks_url):
        raise ClientRefused("Exactly one of --jwks and --jwks-url is needed.", "ask the system's vendor for its JWKS.")
    purposes = {purpose.value for purpose in Purpose}
    if unknown := [purpose for purpose in arguments.purpose if purpose not in purposes]:
        raise ClientRefused(f"{unknown[0][:20]!r} is no purpose of use.", f"one of {', '.join(sorted(purposes))}")
    if arguments.organization and not re.fullmatch(r"Organization/[A-Za-z0-9.-]{1,64}", arguments.organization):
        raise ClientRefused("The organisation is no reference.", "write Organization/ID, as Consents name it.")


def public_keys(path: Path) -> dict[str, Any]:
    """Read a JWKS file. Raises ClientRefused."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        keys = found["keys"]
        usable = [key for key in keys if key.get("kid") and key.get("kty") in ALGORITHMS.values()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise ClientRefused(f"{path} is no JWKS.", 'it is JSON: {"keys": [{"kty": …, "kid": …, …}]}.') from None
    if any("d" in key for key in keys):
        raise ClientRefused(f"{path} holds a private key.", "register the public half; the private one never leaves.")
    if not usable:
        raise ClientRefused(f"{path} holds no RSA or EC key with a kid.", "make one for RS384 or ES384.")
    return {"keys": usable}


async def _add(settings: Settings, arguments: argparse.Namespace) -> str:
    jwks = await asyncio.to_thread(public_keys, Path(arguments.jwks)) if arguments.jwks else None
    purposes = arguments.purpose or [Purpose.TREAT.value]
    async with opened(settings) as database, database.unit(ACTOR) as unit:
        await unit.clients.register(arguments.id, arguments.scope, jwks=jwks, jwks_url=arguments.jwks_url or None)
        await unit.clients.describe(arguments.id, organization=arguments.organization, purposes=purposes)
    return f"{arguments.id} may ask {settings.public_url}/auth/token for {' '.join(arguments.scope)}."


async def _list(settings: Settings, _: argparse.Namespace) -> str:
    async with opened(settings) as database, database.unit(ACTOR) as unit:
        clients = await unit.clients.all()
    lines = [
        f"{one.id}\t{' '.join(one.scopes)}\t{','.join(one.purposes)}\t{one.organization or '-'}\t"
        f"{one.jwks_url or ', '.join(key['kid'] for key in (one.jwks or {}).get('keys', []))}"
        for one in clients
    ]
    return "\n".join(lines) or "No client is registered."


async def _disable(settings: Settings, arguments: argparse.Namespace) -> str:
    async with opened(settings) as database:
        try:
            async with database.unit(ACTOR) as unit:
                await unit.clients.disable(arguments.id)
        except NotFound:
            raise ClientRefused("No client has this id.", "see: python -m server client list") from None
    return f"{arguments.id} gets no more tokens; those that it has end within five minutes."
