"""server/rooms.py and room.py: one task a visit, effects in order, stored before told, and nobody waits for anybody."""

import asyncio

import pytest

from records.errors import NotFound, StoreUnavailable
from signaling import inputs as i
from signaling import messages as m
from signaling.errors import VisitOver
from signaling.media.reports import LinkState
from signaling.states import Presence, VisitState
from tests.fakes.live import DOCTOR, PATIENT, PRACTITIONER, VISIT, Live, live, process
from tests.fakes.relay import FakeRelay
from tests.fakes.virtual_time import virtual
from tests.fakes.visit_store import FakeVisitStore


def is_state(state: VisitState):  # type: ignore[no-untyped-def]
    return lambda message: message.state is state


class TestJoin:
    """A ticket's holder sits down in their own visit."""

    def test_page_is_welcomed(self) -> None:
        async def scenario(process: Live) -> None:
            page = await process.join(PATIENT)
            assert page.kinds()[0] == "Welcome"

        live(scenario)

    def test_twenty_pages_that_come_at_once_share_one_room(self) -> None:
        async def scenario(process: Live) -> None:
            pages = await asyncio.gather(*(process.join(f"s_{number}") for number in range(16)))
            assert len({id(page.room) for page in pages}) == 1

        live(scenario)

    def test_visit_that_is_over_is_refused(self) -> None:
        async def scenario(process: Live) -> None:
            with pytest.raises(VisitOver):
                await process.join(PATIENT)

        live(scenario, VisitState.COMPLETED)

    def test_unknown_visit_is_refused(self) -> None:
        async def scenario(process: Live) -> None:
            process.store.views.clear()
            with pytest.raises(NotFound):
                await process.join(PATIENT)

        live(scenario)

    def test_new_visit_waits_for_the_database(self) -> None:
        async def scenario(process: Live) -> None:
            process.store.is_away = True
            with pytest.raises(StoreUnavailable):
                await process.join(PATIENT)

        live(scenario)

    def test_newer_page_of_a_seat_closes_the_older(self) -> None:
        async def scenario(process: Live) -> None:
            older = await process.join(PATIENT)
            await process.join(PATIENT)
            assert older.closed == (4409, "taken over")

        live(scenario)

    def test_presence_is_told_to_the_console(self) -> None:
        async def scenario(process: Live) -> None:
            await process.join(PATIENT)
            assert process.rooms.presence(VISIT).patient is Presence.PRESENT
            assert process.rooms.presence(VISIT).practitioner is Presence.AWAY

        live(scenario)


class TestStored:
    """Nothing is acknowledged before it is stored."""

    def test_call_from_ring_to_end(self) -> None:
        async def scenario(process: Live) -> None:
            doctor, patient = await process.both()
            await doctor.say(m.Ring())
            await patient.hear(m.Ringing)
            await patient.say(m.Accept())
            await patient.hear(m.StateChanged, is_state(VisitState.IN_CONSULT))
            await doctor.say(m.End())
            await patient.hear(m.Bye)
            assert process.store.written == ["renew", "ring", "both_present", "end"]

        live(scenario, VisitState.CALLED)

    def test_messages_arrive_in_the_order_of_their_numbers(self) -> None:
        async def scenario(process: Live) -> None:
            doctor, _ = await process.both()
            await doctor.say(m.End())
            await doctor.hear(m.Done)
            numbers = [envelope.seq for envelope in doctor.sent if envelope.seq]
            assert numbers == sorted(numbers)

        live(scenario)

    def test_chat_has_the_number_that_the_store_gave(self) -> None:
        async def scenario(process: Live) -> None:
            doctor, patient = await process.both()
            await patient.say(m.ChatText("hello", "k"))
            told = await doctor.hear(m.ChatMessage)
            assert isinstance(told, m.ChatMessage)
            assert told.line.number == 1

        live(scenario)

    def test_change_over_http_is_told(self) -> None:
        async def scenario(process: Live) -> None:
            _, patient = await process.both()
            process.store.move(VISIT, VisitState.HELD)
            await process.rooms.visit_changed(VISIT)
            await patient.hear(m.StateChanged, is_state(VisitState.HELD))

        live(scenario)

    def test_change_that_nobody_told_is_found_within_a_second(self) -> None:
        async def scenario(process: Live) -> None:
            _, patient = await process.both()
            process.store.move(VISIT, VisitState.HELD)
            begun = asyncio.get_running_loop().time()
            await patient.hear(m.StateChanged, is_state(VisitState.HELD))
            assert asyncio.get_running_loop().time() - begun <= 1.1

        live(scenario)

    def test_change_that_another_made_first_wins(self) -> None:
        async def scenario(process: Live) -> None:
            doctor, _ = await process.both()
            process.store.move(VISIT, VisitState.EMERGENCY)
            await doctor.say(m.Hold())
            refusal = await doctor.hear(m.Failure)
            assert isinstance(refusal, m.Failure)
            assert refusal.code == "try-again"
            await doctor.hear(m.StateChanged, is_state(VisitState.EMERGENCY))

        live(scenario)


class TestDatabaseAway:
    """The call goes on; writes follow in order."""

    def test_hold_and_resume_are_stored_in_order_when_it_is_back(self) -> None:
        async def scenario(process: Live) -> None:
            doctor, patient = await process.both()
            process.store.is_away = True
            await doctor.say(m.Hold())
            await patient.hear(m.StateChanged, is_state(VisitState.HELD))
            await doctor.say(m.Resume())
            await patient.hear(m.StateChanged, is_state(VisitState.IN_CONSULT))
            process.store.is_away = False
            await asyncio.sleep(10)
            assert process.store.written == ["hold", "resume"]

        live(scenario)

    def test_chat_is_told_once_it_is_back(self) -> None:
        async def scenario(process: Live) -> None:
            doctor, patient = await process.both()
            process.store.is_away = True
            await patient.say(m.ChatText("hello", "k"), seq=1)
            await asyncio.sleep(30)
            assert "ChatMessage" not in doctor.kinds()
            process.store.is_away = False
            await doctor.hear(m.ChatMessage)
            assert patient.sent[-1].ack == 1

        live(scenario)

    def test_end_is_refused(self) -> None:
        async def scenario(process: Live) -> None:
            doctor, _ = await process.both()
            process.store.is_away = True
            await doctor.say(m.End())
            await doctor.hear(m.Failure)
            assert process.store.views[VISIT].state is VisitState.IN_CONSULT

        live(scenario)

    def test_media_is_set_up_meanwhile(self) -> None:
        async def scenario(process: Live) -> None:
            doctor, _ = await process.both()
            process.store.is_away = True
            await doctor.say(m.Publish(1, "v=0", {"0": "camera"}))
            await doctor.hear(m.Published)

        live(scenario)


class TestWebKilled:
    """The web process dies; the relay keeps the media; pages come back to the same seats."""

    def test_page_keeps_its_links(self) -> None:
        async def scenario() -> None:
            store, relay = FakeVisitStore(i.VisitView(str(VISIT), VisitState.IN_CONSULT, PRACTITIONER)), FakeRelay()
            async with process(store, relay) as first:
                page = await first.join(PATIENT)
                await page.say(m.Publish(1, "v=0", {"0": "camera"}))
                await page.hear(m.Published)
            async with process(store, relay) as second:
                back = await second.join(PATIENT, m.ResumePoint(page.key(), 5))
                welcome = await back.hear(m.Welcome)
                assert isinstance(welcome, m.Welcome)
                assert (welcome.resumed, dict(welcome.links)) == (False, {"up": "connected"})
                assert welcome.seats[0].sources == ("camera",)

        virtual(scenario())

    def test_page_that_was_reloaded_meanwhile_gets_new_links(self) -> None:
        async def scenario() -> None:
            store, relay = FakeVisitStore(i.VisitView(str(VISIT), VisitState.IN_CONSULT, PRACTITIONER)), FakeRelay()
            async with process(store, relay) as first:
                page = await first.join(PATIENT)
                await page.say(m.Publish(1, "v=0", {"0": "camera"}))
                await page.hear(m.Published)
            async with process(store, relay) as second:
                fresh = await second.join(PATIENT)
                await fresh.say(m.Publish(1, "v=0", {"0": "camera"}))
                await fresh.hear(m.Published)
            links = [asked[3] for asked in relay.asked if asked[0] == "publish"]
            assert len(set(links)) == 2
            assert ("close_link", str(VISIT), links[0]) in relay.asked

        virtual(scenario())

    def test_stored_chat_is_there_and_sent_again_is_not_doubled(self) -> None:
        async def scenario() -> None:
            store, relay = FakeVisitStore(i.VisitView(str(VISIT), VisitState.IN_CONSULT, PRACTITIONER)), FakeRelay()
            async with process(store, relay) as first:
                page = await first.join(PATIENT)
                await page.say(m.ChatText("hello", "k"), seq=1)
                await page.hear(m.ChatMessage)
            async with process(store, relay) as second:
                back = await second.join(PATIENT, m.ResumePoint(page.key(), 0))
                await back.say(m.ChatText("hello", "k"), seq=1)
                await back.hear(m.ChatMessage)
            assert [line.text for line in store.chat[VISIT]] == ["hello"]

        virtual(scenario())


class TestRelayKilled:
    """The relay dies; everyone is told to set their links up anew, and can."""

    def test_pages_are_told_when_it_is_back(self) -> None:
        async def scenario(process: Live) -> None:
            doctor, _ = await process.both()
            await doctor.say(m.Publish(1, "v=0", {"0": "camera"}))
            await doctor.hear(m.Published)
            process.relay.tell(LinkState(str(VISIT), process.relay.asked[-1][3], DOCTOR, "connected"))
            process.relay.die()
            process.relay.is_alive = True
            await doctor.hear(m.RelayLost)
            await doctor.say(m.Publish(2, "v=0", {"0": "camera"}))
            await doctor.hear(m.Published, lambda message: message.generation == 2)

        live(scenario)

    def test_publishing_meanwhile_is_refused_and_can_be_repeated(self) -> None:
        async def scenario(process: Live) -> None:
            doctor, _ = await process.both()
            process.relay.die()
            await asyncio.sleep(5)
            await doctor.say(m.Publish(1, "v=0", {"0": "camera"}))
            refusal = await doctor.hear(m.Failure)
            assert isinstance(refusal, m.Failure)
            assert refusal.code == "relay-refused"
            process.relay.is_alive = True
            await asyncio.sleep(5)
            await doctor.say(m.Publish(1, "v=0", {"0": "camera"}))
            await doctor.hear(m.Published)

        live(scenario)


class TestRightToBeThere:
    """A revoked session's sockets are closed within 2 s."""

    def test_revoked_session(self) -> None:
        async def scenario(process: Live) -> None:
            page = await process.join(PATIENT)
            process.store.revoked.add("session of s_patient")
            begun = asyncio.get_running_loop().time()
            assert await page.end() == (4401, "session over")
            assert asyncio.get_running_loop().time() - begun <= 2

        live(scenario)

    def test_its_media_ends_too(self) -> None:
        async def scenario(process: Live) -> None:
            page = await process.join(PATIENT)
            await page.say(m.Publish(1, "v=0", {"0": "camera"}))
            await page.hear(m.Published)
            process.store.revoked.add("session of s_patient")
            assert await page.end() == (4401, "session over")
            await asyncio.sleep(0.1)
            assert "close_link" in process.relay.kinds()

        live(scenario)

    def test_database_away_closes_nobody(self) -> None:
        async def scenario(process: Live) -> None:
            page = await process.join(PATIENT)
            process.store.is_away = True
            await asyncio.sleep(60)
            assert page.closed is None

        live(scenario)


class TestRoomLife:
    """Rooms come and go without anybody noticing."""

    def test_deserted_room_is_forgotten(self) -> None:
        async def scenario(process: Live) -> None:
            page = await process.join(PATIENT)
            await page.hang_up()
            await asyncio.sleep(600)
            assert not process.rooms._rooms

        live(scenario, VisitState.AWAY)

    def test_deserted_room_frees_its_place_at_the_relay(self) -> None:
        async def scenario(process: Live) -> None:
            page = await process.join(PATIENT)
            process.pool.client_of(str(VISIT))
            await page.hang_up()
            await asyncio.sleep(600)
            assert await process.pool.links_of(str(VISIT)) is None
            assert not process.pool._relays[0].rooms

        live(scenario, VisitState.AWAY)

    def test_fault_ends_one_room_only(self) -> None:
        async def scenario(process: Live) -> None:
            page = await process.join(PATIENT)
            assert page.room is not None
            page.room.core.receive = None  # type: ignore[method-assign]  # a bug of ours
            await page.say(m.Ping())
            assert await page.end() == (1013, "room restarts")
            back = await process.join(PATIENT)
            await back.say(m.Ping())
            await back.hear(m.Pong)

        live(scenario)

    def test_shutdown_tells_every_page(self) -> None:
        async def scenario(process: Live) -> None:
            page = await process.join(PATIENT)
            await process.rooms.close()
            assert page.closed == (1001, "server restarts")

        live(scenario)
