"""records/README.md "Ways in": a link opens one visit for one session, once, in its window."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from records.errors import LinkExpired, LinkNotYet, LinkRevoked, LinkUnknown, LinkUsedElsewhere, TicketInvalid
from records.store.visit_rows import Visit

from .conftest import SYSTEM, Store


async def issue(store: Store, visit: Visit, role: str = "patient", opens_s: float = -60, closes_s: float = 3600) -> str:
    opens, closes = (store.clock.now() + timedelta(seconds=seconds) for seconds in (opens_s, closes_s))
    async with store.database.unit(SYSTEM) as unit:
        return await unit.links.issue(visit.id, role, opens, closes)


class TestJoinLink:
    """Redeemed once; each refusal has its own name, as the patient must be told what to do."""

    async def test_redeem_gives_visit_and_role(self, store: Store) -> None:
        visit = await store.visit()
        token = await issue(store, visit, "caregiver")
        async with store.database.unit(SYSTEM) as unit:
            link = await unit.links.redeem(token, "session-1")
        assert (link.visit_id, link.role) == (visit.id, "caregiver")

    async def test_one_of_a_hundred_parallel_sessions_wins(self, store: Store) -> None:
        token = await issue(store, await store.visit())

        async def redeem(session_id: str) -> bool:
            try:
                async with store.database.unit(SYSTEM) as unit:
                    await unit.links.redeem(token, session_id)
            except LinkUsedElsewhere:
                return False
            return True

        assert sum(await asyncio.gather(*(redeem(f"session-{number}") for number in range(100)))) == 1

    async def test_the_same_session_may_come_again(self, store: Store) -> None:
        token = await issue(store, await store.visit())
        for _ in range(2):
            async with store.database.unit(SYSTEM) as unit:
                await unit.links.redeem(token, "session-1")

    async def test_another_session_is_refused(self, store: Store) -> None:
        token = await issue(store, await store.visit())
        async with store.database.unit(SYSTEM) as unit:
            await unit.links.redeem(token, "session-1")
        with pytest.raises(LinkUsedElsewhere):
            async with store.database.unit(SYSTEM) as unit:
                await unit.links.redeem(token, "session-2")

    async def test_unknown_token(self, store: Store) -> None:
        with pytest.raises(LinkUnknown):
            async with store.database.unit(SYSTEM) as unit:
                await unit.links.redeem("nonsense", "session-1")

    async def test_before_its_window(self, store: Store) -> None:
        token = await issue(store, await store.visit(), opens_s=60)
        with pytest.raises(LinkNotYet):
            async with store.database.unit(SYSTEM) as unit:
                await unit.links.redeem(token, "session-1")

    async def test_after_its_window(self, store: Store) -> None:
        token = await issue(store, await store.visit(), closes_s=60)
        store.clock.advance(60)
        with pytest.raises(LinkExpired):
            async with store.database.unit(SYSTEM) as unit:
                await unit.links.redeem(token, "session-1")

    async def test_a_new_link_of_the_role_revokes_the_old(self, store: Store) -> None:
        visit = await store.visit()
        old, caregiver = await issue(store, visit), await issue(store, visit, "caregiver")
        new = await issue(store, visit)
        with pytest.raises(LinkRevoked):
            async with store.database.unit(SYSTEM) as unit:
                await unit.links.redeem(old, "session-1")
        async with store.database.unit(SYSTEM) as unit:
            await unit.links.redeem(new, "session-1")
            await unit.links.redeem(caregiver, "session-2")

    async def test_revoking_ends_every_link(self, store: Store) -> None:
        visit = await store.visit()
        tokens = [await issue(store, visit), await issue(store, visit, "interpreter")]
        async with store.database.unit(SYSTEM) as unit:
            assert await unit.links.revoke(visit.id) == 2
        for token in tokens:
            with pytest.raises(LinkRevoked):
                async with store.database.unit(SYSTEM) as unit:
                    await unit.links.redeem(token, "session-1")

    async def test_token_is_kept_as_hash_only(self, store: Store) -> None:
        token = await issue(store, await store.visit())
        async with store.database.unit(SYSTEM) as unit:
            rows = (await unit.connection.execute(text("select t::text from link t"))).scalars().all()
        assert token not in str(rows) and token.encode().hex() not in str(rows)


class TestDeviceToken:
    """A device's Bearer token is for one visit and one direction."""

    @pytest.mark.parametrize("kind", ["whip", "whep"])
    async def test_names_visit_and_kind(self, store: Store, kind: str) -> None:
        visit = await store.visit()
        async with store.database.unit(SYSTEM) as unit:
            token = await unit.links.device_token(visit.id, kind)
            assert await unit.links.check_device_token(token) == (visit.id, kind)

    async def test_join_link_is_no_device_token(self, store: Store) -> None:
        token = await issue(store, await store.visit())
        with pytest.raises(LinkUnknown):
            async with store.database.unit(SYSTEM) as unit:
                await unit.links.check_device_token(token)

    async def test_device_token_is_no_join_link(self, store: Store) -> None:
        visit = await store.visit()
        async with store.database.unit(SYSTEM) as unit:
            token = await unit.links.device_token(visit.id, "whip")
        with pytest.raises(LinkUnknown):
            async with store.database.unit(SYSTEM) as unit:
                await unit.links.redeem(token, "session-1")

    async def test_ends_after_twelve_hours(self, store: Store) -> None:
        visit = await store.visit()
        async with store.database.unit(SYSTEM) as unit:
            token = await unit.links.device_token(visit.id, "whip")
        store.clock.advance(12 * 3600)
        with pytest.raises(LinkExpired):
            async with store.database.unit(SYSTEM) as unit:
                await unit.links.check_device_token(token)


class TestTicket:
    """One use, half a minute."""

    async def ticket(self, store: Store) -> str:
        visit = await store.visit()
        async with store.database.unit(SYSTEM) as unit:
            return await unit.tickets.issue(
                session_id="session-1", visit_id=visit.id, seat="s_1", role="patient", display="王小明"
            )

    async def test_redeem_gives_the_seat(self, store: Store) -> None:
        token = await self.ticket(store)
        async with store.database.unit(SYSTEM) as unit:
            ticket = await unit.tickets.redeem(token)
        assert (ticket.seat, ticket.role, ticket.display) == ("s_1", "patient", "王小明")

    async def test_one_of_fifty_parallel_uses_wins(self, store: Store) -> None:
        token = await self.ticket(store)

        async def redeem() -> bool:
            try:
                async with store.database.unit(SYSTEM) as unit:
                    await unit.tickets.redeem(token)
            except TicketInvalid:
                return False
            return True

        assert sum(await asyncio.gather(*(redeem() for _ in range(50)))) == 1

    async def test_too_old(self, store: Store) -> None:
        token = await self.ticket(store)
        store.clock.advance(30)
        with pytest.raises(TicketInvalid):
            async with store.database.unit(SYSTEM) as unit:
                await unit.tickets.redeem(token)

    async def test_old_tickets_are_swept(self, store: Store) -> None:
        await self.ticket(store)
        store.clock.advance(2 * 3600)
        async with store.database.unit(SYSTEM) as unit:
            assert await unit.tickets.sweep() == 1


class TestSession:
    """Absolute and idle life, and revocation."""

    async def test_found_while_it_lives(self, store: Store) -> None:
        async with store.database.unit(SYSTEM) as unit:
            token = await unit.sessions.create({"account": "a"}, absolute_s=3600, idle_s=900)
            found = await unit.sessions.find(token)
        assert found is not None and found.principal == {"account": "a"}

    @pytest.mark.parametrize(("steps", "is_live"), [([890] * 2, True), ([901], False), ([890] * 5, False)])
    async def test_idle_and_absolute_life(self, store: Store, steps: list[float], is_live: bool) -> None:
        async with store.database.unit(SYSTEM) as unit:
            token = await unit.sessions.create({}, absolute_s=3600, idle_s=900)
        found = None
        for step in steps:
            store.clock.advance(step)
            async with store.database.unit(SYSTEM) as unit:
                found = await unit.sessions.find(token)
        assert (found is not None) == is_live

    async def test_revoked_is_gone(self, store: Store) -> None:
        async with store.database.unit(SYSTEM) as unit:
            token = await unit.sessions.create({}, 3600, 900)
            await unit.sessions.revoke(token)
            assert await unit.sessions.find(token) is None

    async def test_revoked_by_id_is_gone(self, store: Store) -> None:
        async with store.database.unit(SYSTEM) as unit:
            token = await unit.sessions.create({}, 3600, 900)
            found = await unit.sessions.find(token)
            assert found is not None
            await unit.sessions.revoke_id(found.id)
            assert await unit.sessions.find(token) is None

    async def test_principal_can_change(self, store: Store) -> None:
        async with store.database.unit(SYSTEM) as unit:
            token = await unit.sessions.create({"a": 1}, 3600, 900)
            await unit.sessions.change(token, {"a": 2})
            found = await unit.sessions.find(token)
        assert found is not None and found.principal == {"a": 2}

    async def test_unknown_token_finds_nothing(self, store: Store) -> None:
        async with store.database.unit(SYSTEM) as unit:
            assert await unit.sessions.find("nonsense") is None
