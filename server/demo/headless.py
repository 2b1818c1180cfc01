"""`demo`: the whole product with fresh demo data on loopback, described in one JSON file for programs that test it."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from server.config import Settings
from server.demo.seed import write_private
from server.faults import DataFolderUnusable, StopRequested
from server.listening import free_media_port
from server.serving import Start, product

LOOPBACK = "127.0.0.1"


def demo(settings: Settings, arguments: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM; FILE is there exactly while everything is ready."""
    description = Path(arguments.json).absolute()
    description.unlink(missing_ok=True)
    try:
        with _data_folder(arguments.data) as folder:
            started = _on_loopback(settings, arguments.port, folder)
            _serve(_with_media_at(started, arguments.media_host), description, arguments.rooms)
    except StopRequested:
        return 0
    finally:
        description.unlink(missing_ok=True)
    return 0


def _serve(settings: Settings, description: Path, rooms: int) -> None:
    seeded = settings.data_dir / "demo" / "demo.json"
    prepare = ("seed", "--json", str(seeded), "--rooms", str(rooms))
    with product(Start(settings, _say, logs_to_files=True, prepare=prepare)) as running:
        made = json.loads(seeded.read_text())
        del made["invited"], made["privacy_officer"]  # not of the contract; they stay in the data folder's file
        served = {"base_url": settings.public_url, **made, "data_dir": str(settings.data_dir), "pids": running.pids()}
        write_private(description, served)
        _say(f"Ready at {settings.public_url}; described in {description}.")
        running.supervisor.watch()


def _on_loopback(settings: Settings, port: int, folder: Path) -> Settings:
    """Return settings for a demo: an embedded database, free media ports, nothing of the operator's environment."""
    return dataclasses.replace(
        settings,
        data_dir=folder,
        key_file=folder / "keys" / "kek.json",
        key_service="file",
        vault_url=None,
        vault_token_file=None,
        pkcs11_module=None,
        pkcs11_token=None,
        pkcs11_pin_file=None,
        host=LOOPBACK,
        port=port,
        public_url=f"http://{LOOPBACK}:{port}",
        database_url=None,
    )


def _with_media_at(settings: Settings, host: str) -> Settings:
    """Return the settings with relays at this address: Firefox connects to no relay on loopback."""
    port = free_media_port(host, settings.relays)
    return dataclasses.replace(settings, media_host=host, media_addresses=(host,), media_port=port)


@contextmanager
def _data_folder(asked: str | None) -> Iterator[Path]:
    """Give an empty folder: the one asked for, which is kept, or a temporary one, which is not."""
    if asked is not None:
        folder = Path(asked).absolute()
        if folder.exists() and any(folder.iterdir()):
            raise DataFolderUnusable(
                f"{folder} is not empty, and a demo starts with fresh data.", "name an empty or a new folder."
            )
        yield folder
        return
    folder = Path(tempfile.mkdtemp(prefix="teleconsult-demo-"))
    if os.geteuid() == 0:
        folder.chmod(0o711)  # the unprivileged account walks through to the cluster
    try:
        yield folder
    finally:
        _remove(folder)


def _remove(folder: Path) -> None:
    cluster = folder / "postgres"
    if cluster.is_symlink():
        shutil.rmtree(cluster.resolve(), ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
