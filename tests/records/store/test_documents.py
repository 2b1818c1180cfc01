"""What is written in a visit: intake, triage notes, note, chat, consents."""

import asyncio

import pytest
from sqlalchemy import text

from records.errors import AccessDenied, AlreadySigned, NotFound, StaleVersion
from records.store.readings import NewReading
from records.store.triage_notes import Decision
from records.store.visit_rows import Visit

from .conftest import DOCTOR_ID, OTHER_DOCTOR_ID, SYSTEM, Store, doctor, patient_of


async def claimed(store: Store) -> Visit:
    visit = await store.visit()
    async with store.database.unit(doctor()) as unit:
        return await unit.visits.claim(visit.id, DOCTOR_ID)


class TestIntake:
    """One document, replaced while it is being filled in."""

    async def test_newest_is_kept_with_its_version(self, store: Store) -> None:
        visit = await store.visit("intake")
        async with store.database.unit(patient_of(visit)) as unit:
            assert await unit.intakes.put(visit.id, {"complaint": "胸口"}, final=False) == 1
            assert await unit.intakes.put(visit.id, {"complaint": "胸口疼"}, final=True) == 2
            found = await unit.intakes.get(visit.id)
        assert found is not None and (found.content, found.final, found.version) == ({"complaint": "胸口疼"}, True, 2)

    async def test_none_before_the_first(self, store: Store) -> None:
        visit = await store.visit("intake")
        async with store.database.unit(SYSTEM) as unit:
            assert await unit.intakes.get(visit.id) is None


class TestTriageNote:
    """Older versions are superseded and kept; decisions stand beside them."""

    async def test_newest_is_current_and_all_are_kept(self, store: Store) -> None:
        visit = await store.visit()
        async with store.database.unit(SYSTEM) as unit:
            for level in ("routine", "urgent"):
                await unit.triage_notes.append(visit.id, {"level": level})
            current = await unit.triage_notes.current(visit.id)
            versions = await unit.triage_notes.versions(visit.id)
        assert current is not None and (current.version, current.content) == (2, {"level": "urgent"})
        assert [each.content["level"] for each in versions] == ["routine", "urgent"]

    async def test_queue_gets_the_newest_of_each(self, store: Store) -> None:
        first, second, third = await store.visit(), await store.visit(), await store.visit()
        async with store.database.unit(SYSTEM) as unit:
            await unit.triage_notes.append(first.id, {"n": 1})
            await unit.triage_notes.append(first.id, {"n": 2})
            await unit.triage_notes.append(second.id, {"n": 3})
            found = await unit.triage_notes.of_queue([first.id, second.id, third.id])
        assert {visit_id: note.content["n"] for visit_id, note in found.items()} == {first.id: 2, second.id: 3}

    async def test_decision_names_version_and_author(self, store: Store) -> None:
        visit = await claimed(store)
        async with store.database.unit(SYSTEM) as unit:
            await unit.triage_notes.append(visit.id, {"level": "routine"})
        async with store.database.unit(doctor()) as unit:
            decision = Decision("override", "urgent", "flags/0", "looks grey")
            await unit.triage_notes.decide(visit.id, decision)
            stored = await unit.triage_notes.decisions(visit.id)
        assert [(each.decision.reason, each.decision.line, each.note_version) for each in stored] == [
            ("looks grey", "flags/0", 1)
        ]

    async def test_decision_without_a_note_is_refused(self, store: Store) -> None:
        visit = await claimed(store)
        with pytest.raises(NotFound):
            async with store.database.unit(doctor()) as unit:
                await unit.triage_notes.decide(visit.id, Decision("accept"))

    async def test_patient_does_not_read_it(self, store: Store) -> None:
        visit = await store.visit()
        with pytest.raises(AccessDenied):
            async with store.database.unit(patient_of(visit)) as unit:
                await unit.triage_notes.current(visit.id)


class TestNote:
    """A draft with a version; signed, it is final."""

    async def test_draft_then_signature(self, store: Store) -> None:
        visit = await claimed(store)
        async with store.database.unit(doctor()) as unit:
            assert await unit.notes.put_draft(visit.id, {"plan": "rest"}, expected_version=0) == 1
            signed = await unit.notes.sign(visit.id, expected_version=1)
            note = await unit.notes.get(visit.id)
        assert note is not None and (note.content, note.signed_by) == ({"plan": "rest"}, str(DOCTOR_ID))
        assert signed.signed_at == note.signed_at

    async def test_stale_version_is_refused_with_the_current_one(self, store: Store) -> None:
        visit = await claimed(store)
        async with store.database.unit(doctor()) as unit:
            await unit.notes.put_draft(visit.id, {}, 0)
        with pytest.raises(StaleVersion) as caught:
            async with store.database.unit(doctor()) as unit:
                await unit.notes.put_draft(visit.id, {}, 0)
        assert caught.value.current == 1

    async def test_one_of_ten_parallel_drafts_wins(self, store: Store) -> None:
        visit = await claimed(store)

        async def put(number: int) -> bool:
            try:
                async with store.database.unit(doctor()) as unit:
                    await unit.notes.put_draft(visit.id, {"n": number}, 0)
            except StaleVersion:
                return False
            return True

        assert sum(await asyncio.gather(*map(put, range(10)))) == 1

    async def test_signed_note_is_final(self, store: Store) -> None:
        visit = await claimed(store)
        async with store.database.unit(doctor()) as unit:
            await unit.notes.put_draft(visit.id, {}, 0)
            await unit.notes.sign(visit.id, 1)
        for attempt in ("put", "sign"):
            with pytest.raises(AlreadySigned):
                async with store.database.unit(doctor()) as unit:
                    await (unit.notes.put_draft(visit.id, {}, 1) if attempt == "put" else unit.notes.sign(visit.id, 1))

    async def test_nothing_to_sign(self, store: Store) -> None:
        visit = await claimed(store)
        with pytest.raises(StaleVersion):
            async with store.database.unit(doctor()) as unit:
                await unit.notes.sign(visit.id, 0)

    async def test_only_the_treating_practitioner_writes(self, store: Store) -> None:
        visit = await claimed(store)
        with pytest.raises(AccessDenied):
            async with store.database.unit(doctor(OTHER_DOCTOR_ID)) as unit:
                await unit.notes.put_draft(visit.id, {}, 0)


class TestChat:
    """Numbered without gaps, once for each key."""

    async def test_same_key_gives_the_stored_line(self, store: Store) -> None:
        visit = await store.visit()
        lines = []
        for text_ in ("hello", "changed"):
            async with store.database.unit(patient_of(visit)) as unit:
                lines.append(await unit.chat.append(visit.id, seat="s_1", role="patient", text=text_, key="k1",
                                                    at=store.clock.now()))  # fmt: skip
        assert [(line.number, line.text) for line in lines] == [(1, "hello"), (1, "hello")]

    async def test_parallel_lines_get_numbers_without_gaps(self, store: Store) -> None:
        visit = await store.visit()

        async def append(number: int) -> int:
            async with store.database.unit(SYSTEM) as unit:
                line = await unit.chat.append(visit.id, seat="s_1", role="patient", text="x", key=f"k{number % 15}",
                                              at=store.clock.now())  # fmt: skip
            return line.number

        assert sorted(set(await asyncio.gather(*map(append, range(30))))) == list(range(1, 16))

    async def test_last_lines_come_oldest_first(self, store: Store) -> None:
        visit = await store.visit()
        async with store.database.unit(SYSTEM) as unit:
            for number in range(5):
                await unit.chat.append(visit.id, seat="s_1", role="doctor", text=f"第{number}", key=str(number),
                                       at=store.clock.now())  # fmt: skip
            assert [line.text for line in await unit.chat.last(visit.id, 2)] == ["第3", "第4"]

    async def test_sealed(self, store: Store) -> None:
        visit = await store.visit()
        async with store.database.unit(SYSTEM) as unit:
            await unit.chat.append(visit.id, seat="s_1", role="doctor", text="canary", key="k", at=store.clock.now())
            rows = (await unit.connection.execute(text("select t::text from chat_entry t"))).scalars().all()
        assert b"canary".hex() not in str(rows) and "canary" not in str(rows)


class TestReadings:
    """Numbered, sealed, once a key."""

    async def test_sealed_and_counted(self, store: Store) -> None:
        visit = await store.visit()
        async with store.database.unit(SYSTEM) as unit:
            for key in ("a", "b", "a"):
                new = NewReading("s_1", "patient", {"spo2": 93}, key, store.clock.now())
                await unit.readings.append(visit.id, new)
            kept = await unit.readings.of_visit(visit.id)
            rows = (await unit.connection.execute(text("select t::text from reading t"))).scalars().all()
        assert [(each.number, each.values) for each in kept] == [(1, {"spo2": 93}), (2, {"spo2": 93})]
        assert b"spo2".hex() not in str(rows) and "spo2" not in str(rows)


class TestConsents:
    """Append-only; a withdrawal is a new answer."""

    async def test_newest_answer_of_each_scope(self, store: Store) -> None:
        visit = await store.visit()
        async with store.database.unit(patient_of(visit)) as unit:
            for scope, given in (("ai", True), ("recording", False), ("ai", False)):
                await unit.consents.record(visit.id, scope=scope, given=given, text_version="1", at=store.clock.now())
            current = await unit.consents.current(visit.id)
            history = await unit.consents.history(visit.id)
        assert {scope: answer.given for scope, answer in current.items()} == {"ai": False, "recording": False}
        assert len(history) == 3

    async def test_app_role_cannot_change_an_answer(self, store: Store) -> None:
        visit = await store.visit()
        async with store.database.unit(SYSTEM) as unit:
            await unit.consents.record(visit.id, scope="ai", given=False, text_version="1", at=store.clock.now())
        with pytest.raises(Exception, match="permission denied"):
            async with store.database.unit(SYSTEM) as unit:
                await unit.connection.execute(text("update consent set given = true"))
