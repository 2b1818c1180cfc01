"""The key service that the settings name, as a keyring."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from records.crypto.keyring import Keyring
from records.store.key_file import create_key_file, load_key_file, load_keyring
from server.adapters.vault import VaultKey, VaultProvider
from server.config import Settings
from server.faults import KeyServiceUnusable

MAX_TOKEN = 4096


@asynccontextmanager
async def keyring(settings: Settings) -> AsyncIterator[Keyring]:
    """Give the keyring. Raises KeyFileInvalid, KeyServiceUnusable."""
    if settings.key_service == "file":
        yield load_keyring(settings.key_file)
        return
    assert settings.vault_url is not None and settings.vault_token_file is not None, "settings that contradict"
    path = settings.vault_token_file
    key = VaultKey(settings.vault_url, settings.vault_key, await asyncio.to_thread(read_token, path))
    async with aiohttp.ClientSession() as session:
        yield Keyring(VaultProvider(session, key, fresh_token=lambda: read_token(path)))


def read_token(path: Path) -> str:
    """Give the token that an agent keeps in a file; read again whenever the service refuses the old one."""
    try:
        mode = path.stat().st_mode
        token = path.read_text(encoding="ascii")[:MAX_TOKEN].strip()
    except (OSError, UnicodeDecodeError):
        raise KeyServiceUnusable(
            f"The token file {path} cannot be read.",
            "let the agent of your Vault write it, readable for the account that Teleconsult runs under.",
        ) from None
    if mode & (stat.S_IRWXO | stat.S_IWGRP):
        raise KeyServiceUnusable(f"The token file {path} is open to others.", f"chmod 640 {path}, or 600.")
    if not token:
        raise KeyServiceUnusable(f"The token file {path} is empty.", "let the agent of your Vault write it.")
    return token


def make(settings: Settings) -> None:
    """Make what the key service needs on the first start: the key file. A Vault's key is its operator's to make."""
    if settings.key_service == "file" and not settings.key_file.exists():
        create_key_file(settings.key_file)


def check(settings: Settings) -> None:
    """Say early what is wrong with a key file. Raises KeyFileInvalid."""
    if settings.key_service == "file":
        load_key_file(settings.key_file)
