"""records/README.md "Keys": a hardware security module as key service, against a real token (Debian's SoftHSM2)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pkcs11
import pytest
from pkcs11 import Attribute, KeyType, ObjectClass

from records.crypto.keyring import Keyring, Wrapped
from records.errors import CannotOpen, KeyServiceUnavailable
from records.store.database import Database
from records.store.patients import NewPatient
from records.store.rotation import Rotation, Step
from server import key_service
from server.adapters.hsm import HsmKey, HsmProvider
from server.clock import Clock
from server.config import Settings, read_settings
from server.faults import KeyServiceUnusable, SettingsInvalid
from tests.fakes.softhsm import MODULE, PIN

from .conftest import TOKEN_LABEL
from .test_vault import KEY, SYSTEM


@pytest.fixture
def hsm_key(token: Path, request: pytest.FixtureRequest) -> HsmKey:
    return HsmKey(MODULE, TOKEN_LABEL, request.node.name[:60], PIN)


@pytest.fixture
async def provider(hsm_key: HsmKey) -> AsyncIterator[HsmProvider]:
    made = HsmProvider(hsm_key)
    await made.add_version()
    yield made
    made.close()


def beside() -> Any:
    """A second session of this process, which the provider has logged in."""
    return pkcs11.lib(str(MODULE)).get_token(token_label=TOKEN_LABEL).open(rw=True)


def settings_of(folder: Path, **changes: str) -> Settings:
    (folder / "pin").write_text(PIN + "\n")
    (folder / "pin").chmod(0o600)
    values = {"KEY_SERVICE": "pkcs11", "PKCS11_MODULE": str(MODULE), "PKCS11_TOKEN": TOKEN_LABEL,
              "PKCS11_PIN_FILE": str(folder / "pin"), "DATA_DIR": str(folder), **changes}  # fmt: skip
    return read_settings({f"TELECONSULT_{name}": value for name, value in values.items()})


class TestToken:
    """The key is made in the token and never leaves it."""

    async def test_the_key_cannot_be_read_from_the_token(self, provider: HsmProvider, hsm_key: HsmKey) -> None:
        with beside() as session:
            (found,) = session.get_objects({Attribute.LABEL: hsm_key.label})
            assert found[Attribute.NEVER_EXTRACTABLE] and found[Attribute.ALWAYS_SENSITIVE]
            with pytest.raises(pkcs11.exceptions.AttributeSensitive):
                found[Attribute.VALUE]

    async def test_a_key_that_may_leave_the_token_is_refused(self, hsm_key: HsmKey) -> None:
        with pkcs11.lib(str(MODULE)).get_token(token_label=TOKEN_LABEL).open(rw=True, user_pin=PIN) as session:
            loose = {Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True}
            session.generate_key(KeyType.AES, 256, id=b"\x01", label=hsm_key.label, store=True, template=loose)
        loose_provider = HsmProvider(hsm_key)
        with pytest.raises(KeyServiceUnavailable, match="leave the token"):
            await loose_provider.wrap(KEY, b"context")
        loose_provider.close()

    async def test_two_keys_of_one_number_are_refused(self, provider: HsmProvider, hsm_key: HsmKey) -> None:
        with beside() as session:
            session.generate_key(KeyType.AES, 256, id=b"\x00\x00\x00\x01", label=hsm_key.label, store=True)
        with pytest.raises(KeyServiceUnavailable, match="two of one"):
            await provider.wrap(KEY, b"context")


class TestRotation:
    """The next version wraps; the older unwraps until it is destroyed in the token."""

    async def test_old_and_new(self, provider: HsmProvider, hsm_key: HsmKey) -> None:
        old = await provider.wrap(KEY, b"context")
        assert await provider.add_version() == f"pkcs11/{hsm_key.label}:2"
        new = await provider.rewrap(old, b"context")
        assert new.kek_id == await provider.current() == f"pkcs11/{hsm_key.label}:2"
        with beside() as session:
            (first,) = session.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.LABEL: hsm_key.label,
                                            Attribute.ID: b"\x00\x00\x00\x01"})  # fmt: skip
            first.destroy()
        assert await provider.unwrap(new, b"context") == KEY
        with pytest.raises(CannotOpen):
            await provider.unwrap(old, b"context")

    async def test_a_value_relabelled_as_another_version_does_not_open(self, provider: HsmProvider) -> None:
        old = await provider.wrap(KEY, b"context")
        newest = await provider.add_version()
        for kek_id in (newest, old.kek_id.replace(":1", ":3"), "pkcs11/other:1", "k1"):
            with pytest.raises(CannotOpen):
                await provider.unwrap(Wrapped(kek_id, old.blob), b"context")


class TestAway:
    """A token that does not answer refuses; nothing is ever kept in the clear instead."""

    @pytest.mark.parametrize("changes", [
        {"pin": "wrong"}, {"token": "no such token"}, {"module": Path("/no/such/library.so")}, {"label": "no-such-key"},
    ])  # fmt: skip
    async def test_is_unavailable(self, hsm_key: HsmKey, changes: dict[str, object]) -> None:
        away = HsmProvider(replace(hsm_key, **changes))  # type: ignore[arg-type]  # of the dataclass's own fields
        with pytest.raises(KeyServiceUnavailable):
            await away.wrap(KEY, b"context")
        assert not await away.healthy()
        away.close()

    # The library's search of the dead session cannot end it, and says so on standard error.
    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    async def test_a_session_that_the_token_ended_is_opened_anew(self, provider: HsmProvider) -> None:
        wrapped = await provider.wrap(KEY, b"context")
        provider._session.close()  # what a restart of the module leaves behind
        assert await provider.unwrap(wrapped, b"context") == KEY


class TestSettings:
    """TELECONSULT_KEY_SERVICE=pkcs11: the first start makes the key, a later one finds it."""

    async def test_made_once(self, token: Path, tmp_path: Path) -> None:
        settings = settings_of(tmp_path, PKCS11_KEY="made-once")
        for _ in range(2):
            await _in_thread(key_service.make, settings)
        async with key_service.keyring(settings) as keys:
            assert await keys.provider.current() == "pkcs11/made-once:1"
            await key_service.add_version(settings, keys.provider)
            assert await keys.provider.current() == "pkcs11/made-once:2"

    async def test_a_wrong_pin_is_told_at_the_start(self, token: Path, tmp_path: Path) -> None:
        settings = settings_of(tmp_path)
        (tmp_path / "pin").write_text("wrong")
        with pytest.raises(KeyServiceUnusable, match="PinIncorrect"):
            await _in_thread(key_service.make, settings)

    async def test_a_pin_file_that_is_open_to_others_is_refused(self, token: Path, tmp_path: Path) -> None:
        settings = settings_of(tmp_path)
        (tmp_path / "pin").chmod(0o644)
        with pytest.raises(KeyServiceUnusable, match="open to others"):
            async with key_service.keyring(settings):
                pass

    @pytest.mark.parametrize("changes", [{"PKCS11_TOKEN": ""}, {"KEY_SERVICE": "file"}])
    def test_settings_that_contradict(self, tmp_path: Path, changes: dict[str, str]) -> None:
        with pytest.raises(SettingsInvalid, match="PKCS11_TOKEN"):
            settings_of(tmp_path, **changes)


class TestStoreOnHsm:
    """The whole store with its keys in the token."""

    async def test_patient_is_sealed_rotated_and_read(self, database_url: str, provider: HsmProvider) -> None:
        database = await Database.open(database_url, Keyring(provider), clock=Clock())
        async with database.unit(SYSTEM) as unit:
            patient_id = await unit.patients.create(NewPatient("王小明"))
        await provider.add_version()
        assert await Rotation(database, SYSTEM).rewrap() == Step(3, 0)
        database.keyring.cache.forget()
        async with database.unit(SYSTEM) as unit:
            assert (await unit.patients.get(patient_id)).name == "王小明"
        await database.close()


async def _in_thread(act: object, settings: Settings) -> None:
    import asyncio

    await asyncio.to_thread(act, settings)  # type: ignore[arg-type]  # `make` runs a loop of its own
