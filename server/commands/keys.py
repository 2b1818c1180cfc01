"""`keys`: rotate the keys of the record store while it serves; each step can be repeated."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable

from records.actors import Actor, ActorKind, Purpose
from records.store.database import DEFAULT_TENANT
from records.store.key_file import drop_old_keys
from records.store.rotation import Rotation, Step
from server import key_service
from server.commands.reach import opened, reachable
from server.config import Settings

ACTOR = Actor(DEFAULT_TENANT, ActorKind.SYSTEM, "keys", Purpose.SYSADMIN, "keys")
# A unit of work holds its rows for milliseconds, the longest for the statement's 15 s.
IDLE_S, MAX_IDLE = 0.5, 40
EX_USAGE = 64  # sysexits.h, as server/cli.py
LEVELS = {"tenant": "tenant_key", "index": "index_key", "signing": "signing_key"}


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Rotate one level (`rotate file|tenant|patient|index|signing`), or destroy what that left behind (`retire`)."""
    if (arguments.level == "patient") != (arguments.id is not None):
        print("teleconsult: --id names the patient of `keys rotate patient` and `keys retire patient`", file=sys.stderr)
        return EX_USAGE
    with reachable(settings) as reached:
        step = _rotate if arguments.what == "rotate" else _retire
        print(asyncio.run(step(reached, arguments)))
    return 0


async def _rotate(settings: Settings, arguments: argparse.Namespace) -> str:
    level = arguments.level
    async with opened(settings) as database:
        rotation = Rotation(database, ACTOR)
        if level == "file":
            await key_service.add_version(settings, database.keyring.provider)
            done = (await rotation.rewrap()).done
            if settings.key_service == "vault":
                return f"{done} keys are wrapped by the newest version. Then raise its min_decryption_version there."
            if settings.key_service == "pkcs11":
                return f"{done} keys are wrapped by the newest version. Back the token up; destroy older ones there."
            return f"{done} keys are wrapped anew. Back the key file up, then `keys retire file`."
        if level == "patient":
            done = (await rotation.rotate_patient(arguments.id)).done
            return f"{done} values are sealed anew. In ten minutes: `keys retire patient --id {arguments.id}`."
        version = await rotation.add(LEVELS[level])
        sweeps = {"tenant": rotation.sweep_tenant, "index": rotation.sweep_index}
        done = await _until_nothing_is_left(sweeps[level]) if level in sweeps else 0
        return f"The {level} key is at version {version}; {done} rows moved. In ten minutes: `keys retire {level}`."


async def _until_nothing_is_left(sweep: Callable[[], Awaitable[Step]]) -> int:
    """Sweep until all is moved. Rows that others have locked are passed over, so an empty step is not yet the end."""
    done = idle = 0
    while True:
        step = await sweep()
        done += step.done
        if step.done:
            idle = 0
        elif not step.left or idle == MAX_IDLE:  # what is left then stays for the next run; `retire` waits for it
            return done
        else:
            idle += 1
            await asyncio.sleep(IDLE_S)


async def _retire(settings: Settings, arguments: argparse.Namespace) -> str:
    level = arguments.level
    async with opened(settings) as database:
        rotation = Rotation(database, ACTOR)
        if level == "file":
            await rotation.rewrap()
            if settings.key_service != "file":
                return "Every key is wrapped by the newest version; the key service retires older ones."
            kept = await asyncio.to_thread(drop_old_keys, settings.key_file)
            return f"The key file holds {kept.current} alone."
        if level == "patient":
            await rotation.sweep_patient(arguments.id)
            gone = await rotation.retire_patient(arguments.id)
            return f"{gone} older keys of the patient were destroyed." if gone else "Too early, or nothing to retire."
        for sweep in {"tenant": [rotation.sweep_tenant], "index": [rotation.sweep_index]}.get(level, []):
            await _until_nothing_is_left(sweep)
        gone = await rotation.retire(LEVELS[level])
        return f"{gone} older {level} keys were destroyed." if gone else "Too early, or nothing to retire."
