"""The key service that the settings name, as a keyring."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import aiohttp

from records.crypto.keyring import KeyProvider, Keyring
from records.errors import KeyServiceUnavailable
from records.store.key_file import create_key_file, load_key_file, load_keyring, rotate_key_file
from server.adapters.vault import VaultKey, VaultProvider
from server.config import Settings
from server.faults import KeyServiceUnusable

if TYPE_CHECKING:
    from server.adapters.hsm import HsmProvider

MAX_TOKEN = 4096


@asynccontextmanager
async def keyring(settings: Settings) -> AsyncIterator[Keyring]:
    """Give the keyring. Raises KeyFileInvalid, KeyServiceUnusable."""
    if settings.key_service == "file":
        yield load_keyring(settings.key_file)
        return
    if settings.key_service == "pkcs11":
        hsm = _hsm(settings)
        try:
            yield Keyring(hsm)
        finally:
            await asyncio.to_thread(hsm.close)
        return
    assert settings.vault_url is not None and settings.vault_token_file is not None, "settings that contradict"
    path = settings.vault_token_file
    key = VaultKey(settings.vault_url, settings.vault_key, await asyncio.to_thread(read_token, path))
    async with aiohttp.ClientSession() as session:
        yield Keyring(VaultProvider(session, key, fresh_token=lambda: read_token(path)))


def _hsm(settings: Settings) -> HsmProvider:
    from server.adapters.hsm import HsmKey, HsmProvider  # machines without a module need not have the library

    assert settings.pkcs11_module is not None and settings.pkcs11_token is not None, "settings that contradict"
    assert settings.pkcs11_pin_file is not None, "settings that contradict"
    pin = _secret(settings.pkcs11_pin_file, "PIN file", "write the PIN of the token's user into it")
    return HsmProvider(HsmKey(settings.pkcs11_module, settings.pkcs11_token, settings.pkcs11_key, pin))


def read_token(path: Path) -> str:
    """Give the token that an agent keeps in a file; read again whenever the service refuses the old one."""
    return _secret(path, "token file", "let the agent of your Vault write it")


def _secret(path: Path, what: str, remedy: str) -> str:
    try:
        mode = path.stat().st_mode
        secret = path.read_text(encoding="ascii")[:MAX_TOKEN].strip()
    except (OSError, UnicodeDecodeError):
        raise KeyServiceUnusable(
            f"The {what} {path} cannot be read.",
            f"{remedy}, readable for the account that Teleconsult runs under.",
        ) from None
    if mode & (stat.S_IRWXO | stat.S_IWGRP):
        raise KeyServiceUnusable(f"The {what} {path} is open to others.", f"chmod 640 {path}, or 600.")
    if not secret:
        raise KeyServiceUnusable(f"The {what} {path} is empty.", f"{remedy}.")
    return secret


def make(settings: Settings) -> None:
    """
    Make what the key service needs on the first start: the key file, or the key in the token.

    A Vault's key is its operator's to make. Raises KeyServiceUnusable.
    """
    if settings.key_service == "file" and not settings.key_file.exists():
        create_key_file(settings.key_file)
    if settings.key_service == "pkcs11":
        asyncio.run(_make_hsm_key(settings))


async def _make_hsm_key(settings: Settings) -> None:
    hsm = _hsm(settings)
    try:
        if not await hsm.has_key():
            await hsm.add_version()
    except KeyServiceUnavailable as error:
        raise unusable(settings, error) from None
    finally:
        hsm.close()


async def add_version(settings: Settings, provider: KeyProvider) -> None:
    """Give the key service a new current key, where that is ours to do: in the key file, in the token."""
    if settings.key_service == "file":
        await asyncio.to_thread(rotate_key_file, settings.key_file)
    if settings.key_service == "pkcs11":
        await cast("HsmProvider", provider).add_version()


def unusable(settings: Settings, error: KeyServiceUnavailable) -> KeyServiceUnusable:
    """Say what to look at when the key service does not answer for our key."""
    if settings.key_service == "pkcs11":
        return KeyServiceUnusable(
            f"The token {settings.pkcs11_token} cannot be used: {error}.",
            "check TELECONSULT_PKCS11_MODULE, the token's label, the PIN file, and that the account that Teleconsult "
            "runs under may use the module.",
        )
    return KeyServiceUnusable(
        f"The key service at {settings.vault_url} cannot be used: {error}.",
        f"check its address, the token, and that its key {settings.vault_key} was made with derived=true.",
    )


def check(settings: Settings) -> None:
    """Say early what is wrong with a key file. Raises KeyFileInvalid."""
    if settings.key_service == "file":
        load_key_file(settings.key_file)
