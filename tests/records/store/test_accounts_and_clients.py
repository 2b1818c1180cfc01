"""Staff accounts, hospital systems, settings."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from records.errors import AccessDenied, AlreadyExists, NotFound
from records.store.accounts import NewAccount

from .conftest import SYSTEM, Store, doctor

CHEN = NewAccount("Chen@Clinic.example", "Dr Chen", "110-42", "doctor", "$argon2id$…")


class TestAccounts:
    """One account an address, whatever its case."""

    async def test_found_by_address(self, store: Store) -> None:
        async with store.database.unit(SYSTEM) as unit:
            account_id = await unit.accounts.create(CHEN)
            found = await unit.accounts.by_email(" chen@clinic.EXAMPLE")
        assert found is not None and (found.id, found.email, found.display) == (account_id, CHEN.email, "Dr Chen")

    async def test_unknown_address(self, store: Store) -> None:
        async with store.database.unit(SYSTEM) as unit:
            assert await unit.accounts.by_email("nobody@clinic.example") is None

    async def test_one_of_ten_parallel_creations_wins(self, store: Store) -> None:
        async def create() -> bool:
            try:
                async with store.database.unit(SYSTEM) as unit:
                    await unit.accounts.create(CHEN)
            except AlreadyExists:
                return False
            return True

        assert sum(await asyncio.gather(*(create() for _ in range(10)))) == 1

    async def test_disabled_account_is_not_found(self, store: Store) -> None:
        async with store.database.unit(SYSTEM) as unit:
            account_id = await unit.accounts.create(CHEN)
            await unit.accounts.disable(account_id)
            assert await unit.accounts.by_email(CHEN.email) is None
            with pytest.raises(NotFound):
                await unit.accounts.get(account_id)

    async def test_unknown_id(self, store: Store) -> None:
        with pytest.raises(NotFound):
            async with store.database.unit(SYSTEM) as unit:
                await unit.accounts.get(uuid4())

    async def test_practitioner_may_not_create_one(self, store: Store) -> None:
        with pytest.raises(AccessDenied):
            async with store.database.unit(doctor()) as unit:
                await unit.accounts.create(CHEN)


class TestClients:
    """Keys inline or by URL; an assertion is used once."""

    async def test_registered_with_inline_keys(self, store: Store) -> None:
        async with store.database.unit(SYSTEM) as unit:
            await unit.clients.register("his", ["system/Patient.rs"], jwks={"keys": [{"kty": "EC"}]})
            found = await unit.clients.get("his")
        assert found is not None and (found.jwks, found.scopes) == ({"keys": [{"kty": "EC"}]}, ("system/Patient.rs",))

    async def test_registered_again_with_a_url(self, store: Store) -> None:
        async with store.database.unit(SYSTEM) as unit:
            await unit.clients.register("his", ["a"], jwks={"keys": []})
            await unit.clients.register("his", ["b"], jwks_url="https://his.example/jwks")
            found = await unit.clients.get("his")
        assert found is not None and (found.jwks, found.jwks_url) == (None, "https://his.example/jwks")

    async def test_unknown_client(self, store: Store) -> None:
        async with store.database.unit(SYSTEM) as unit:
            assert await unit.clients.get("nobody") is None

    async def test_one_of_twenty_parallel_uses_of_an_assertion_wins(self, store: Store) -> None:
        expires = store.clock.now() + timedelta(minutes=5)

        async def use() -> bool:
            async with store.database.unit(SYSTEM) as unit:
                return await unit.clients.remember_jti("his", "jti-1", expires)

        assert sum(await asyncio.gather(*(use() for _ in range(20)))) == 1

    async def test_expired_assertions_are_swept(self, store: Store) -> None:
        async with store.database.unit(SYSTEM) as unit:
            await unit.clients.remember_jti("his", "jti-1", store.clock.now())
        store.clock.advance(301)
        async with store.database.unit(SYSTEM) as unit:
            assert await unit.clients.sweep() == 1


class TestSettings:
    """JSON values by name."""

    @pytest.mark.parametrize("value", [1, "text", [1, 2], {"a": None}, True])
    async def test_round_trip(self, store: Store, value: object) -> None:
        async with store.database.unit(SYSTEM) as unit:
            await unit.settings.put("name", 0)
            await unit.settings.put("name", value)
            assert await unit.settings.get("name") == value
