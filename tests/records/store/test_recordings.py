"""records/README.md "Sealed streams", "Retention": recordings' rows and files on a real database and disk."""

import os
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from records.crypto.stream import HEADER_BYTES, Kind
from records.erasure import ErasureBasis
from records.errors import AccessDenied, CannotOpen, LegalHold, NotFound
from records.store import recording_files as files
from records.store.recording_files import PartReader, PartWriter
from records.store.recordings import MediaKey
from records.store.visit_rows import Visit

from .conftest import DOCTOR_ID, OTHER_DOCTOR_ID, SYSTEM, Store, doctor

THREE_YEARS_S = 3 * 366 * 86400
CANARY = b"the-patient-said-this"


async def begun(store: Store) -> tuple[Visit, MediaKey]:
    visit = await store.visit()
    async with store.database.unit(doctor()) as unit:
        await unit.visits.claim(visit.id, DOCTOR_ID)
        return visit, await unit.recordings.begin(visit.id)


def written(folder: Path, key: MediaKey, *, finish: bool = True) -> Path:
    """A part of a header and three chunks."""
    writer = PartWriter(folder, key, 0)
    writer.put(Kind.HEADER, b"header")
    for second in range(3):
        writer.put(Kind.MEDIA, CANARY + bytes((second,)), (1000 * second, 1000 * second + 980), is_seekable=second == 0)
    if finish:
        writer.finish((0, 3000))
    else:
        writer.close()
    return folder / files.file_name(key.recording_id, 0)


async def referenced(store: Store, key: MediaKey) -> Any:
    """The stored row of a recording's DocumentReference, None for none."""
    query = text("select deleted from resource where type = 'DocumentReference' and id = :id")
    async with store.database.unit(SYSTEM) as unit:
        return (await unit.connection.execute(query, {"id": str(key.recording_id)})).one_or_none()


class TestRows:
    """Begin, finish, play: each audited, the practitioner's of the visit only."""

    async def test_begin_finish_and_play_are_in_the_chain(self, store: Store) -> None:
        visit, key = await begun(store)
        async with store.database.unit(SYSTEM) as unit:
            await unit.recordings.finish(visit.id, key.recording_id)
            await unit.recordings.finish(visit.id, key.recording_id)
        async with store.database.unit(doctor()) as unit:
            assert await unit.recordings.key(visit.id, key.recording_id, is_play=True) == key
        async with store.database.unit(SYSTEM) as unit:
            entries = await unit.audit.search(patient_id=visit.patient_id, entity_type="recording")
        assert [entry.fields["detail"] for entry in entries] == ["start", "stop", "play"]

    async def test_another_practitioner_may_neither_see_nor_play_it(self, store: Store) -> None:
        visit, key = await begun(store)
        for read in ("of_visit", "key"):
            with pytest.raises(AccessDenied):
                async with store.database.unit(doctor(OTHER_DOCTOR_ID)) as unit:
                    if read == "key":
                        await unit.recordings.key(visit.id, key.recording_id)
                    else:
                        await unit.recordings.of_visit(visit.id)

    async def test_a_recording_of_another_visit_is_not_found(self, store: Store) -> None:
        _, key = await begun(store)
        other, _ = await begun(store)
        with pytest.raises(NotFound):
            async with store.database.unit(doctor()) as unit:
                await unit.recordings.key(other.id, key.recording_id)

    async def test_after_three_years_the_row_goes_and_its_files_are_told_gone(self, store: Store) -> None:
        visit, key = await begun(store)
        async with store.database.unit(SYSTEM) as unit:
            assert await unit.recordings.sweep() == 0
            assert await unit.recordings.gone({key.recording_id}) == set()
        store.clock.advance(THREE_YEARS_S)
        async with store.database.unit(SYSTEM) as unit:
            assert await unit.recordings.sweep() == 1
            assert await unit.recordings.gone({key.recording_id}) == {key.recording_id}

    async def test_a_finished_one_is_a_document_reference_until_its_term_is_over(self, store: Store) -> None:
        visit, key = await begun(store)
        async with store.database.unit(SYSTEM) as unit:
            await unit.resources.project(visit.id)
        assert await referenced(store, key) is None
        async with store.database.unit(SYSTEM) as unit:
            await unit.recordings.finish(visit.id, key.recording_id)
            await unit.resources.project(visit.id)
        found = await referenced(store, key)
        assert found is not None and not found.deleted
        store.clock.advance(THREE_YEARS_S)
        async with store.database.unit(SYSTEM) as unit:
            await unit.recordings.sweep()
        gone = await referenced(store, key)
        assert gone is not None and gone.deleted

    async def test_a_legal_hold_keeps_it(self, store: Store) -> None:
        visit, _ = await begun(store)
        async with store.database.unit(SYSTEM) as unit:
            await unit.erasures.hold(visit.patient_id, "court")
        store.clock.advance(THREE_YEARS_S)
        async with store.database.unit(SYSTEM) as unit:
            assert await unit.recordings.sweep() == 0
        with pytest.raises(LegalHold):
            async with store.database.unit(SYSTEM) as unit:
                await unit.erasures.erase(visit.patient_id, ErasureBasis.GDPR_ARTICLE_17)

    async def test_an_erased_patients_recording_does_not_open_and_goes(self, store: Store) -> None:
        visit, key = await begun(store)
        async with store.database.unit(SYSTEM) as unit:
            await unit.erasures.erase(visit.patient_id, ErasureBasis.GDPR_ARTICLE_17)
        async with store.database.unit(SYSTEM) as unit:
            assert await unit.recordings.sweep() == 1


class TestFiles:
    """Chunk by chunk, each on disk before the next."""

    async def test_what_was_written_is_read(self, store: Store, tmp_path: Path) -> None:
        _, key = await begun(store)
        written(tmp_path, key)
        reader = PartReader(tmp_path, key, 0)
        media = reader.of(Kind.MEDIA)
        assert reader.is_finished
        assert [reader.open(chunk) for chunk in reversed(media)] == [CANARY + bytes((n,)) for n in (2, 1, 0)]
        assert [(chunk.head.start_ms, chunk.head.is_seekable) for chunk in media] == [
            (0, True),
            (1000, False),
            (2000, False),
        ]
        reader.close()

    async def test_nothing_lies_in_clear_and_nobody_else_may_read_it(self, store: Store, tmp_path: Path) -> None:
        _, key = await begun(store)
        path = written(tmp_path / "recordings", key)
        data = path.read_bytes()
        assert CANARY not in data and b"header" not in data and key.material not in data
        assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)

    @pytest.mark.parametrize("lost", [1, 40, 60])
    async def test_a_file_cut_off_opens_up_to_its_last_whole_chunk(
        self, store: Store, tmp_path: Path, lost: int
    ) -> None:
        _, key = await begun(store)
        path = written(tmp_path, key, finish=False)
        os.truncate(path, path.stat().st_size - lost)
        reader = PartReader(tmp_path, key, 0)
        assert not reader.is_finished
        whole = [reader.open(chunk) for chunk in reader.of(Kind.MEDIA)]
        assert whole == [CANARY + bytes((n,)) for n in range(3)][: len(whole)] and len(whole) in (1, 2)
        reader.close()

    async def test_a_file_without_its_end_is_unfinished(self, store: Store, tmp_path: Path) -> None:
        _, key = await begun(store)
        written(tmp_path, key, finish=False)
        reader = PartReader(tmp_path, key, 0)
        assert not reader.is_finished and len(reader.of(Kind.MEDIA)) == 3
        reader.close()

    async def test_two_chunks_exchanged_do_not_open(self, store: Store, tmp_path: Path) -> None:
        _, key = await begun(store)
        path = written(tmp_path, key)
        data, reader = path.read_bytes(), PartReader(tmp_path, key, 0)
        first, second = reader.of(Kind.MEDIA)[:2]
        reader.close()
        size = second.at - first.at
        start = first.at - 14
        swapped = data[:start] + data[start + size : start + 2 * size] + data[start : start + size]
        path.write_bytes(swapped + data[start + 2 * size :])
        reader = PartReader(tmp_path, key, 0)
        for chunk in reader.of(Kind.MEDIA)[:2]:
            with pytest.raises(CannotOpen):
                reader.open(chunk)
        reader.close()

    async def test_a_file_of_another_recording_does_not_open(self, store: Store, tmp_path: Path) -> None:
        _, key = await begun(store)
        _, other = await begun(store)
        path = written(tmp_path, key)
        path.rename(tmp_path / files.file_name(other.recording_id, 0))
        with pytest.raises(CannotOpen):
            PartReader(tmp_path, other, 0)

    async def test_a_part_renumbered_does_not_open(self, store: Store, tmp_path: Path) -> None:
        _, key = await begun(store)
        path = written(tmp_path, key)
        path.rename(tmp_path / files.file_name(key.recording_id, 1))
        reader = PartReader(tmp_path, key, 1)
        with pytest.raises(CannotOpen):
            reader.open(reader.chunks[0])
        reader.close()

    async def test_a_file_that_is_there_is_not_written_over(self, store: Store, tmp_path: Path) -> None:
        _, key = await begun(store)
        written(tmp_path, key)
        with pytest.raises(FileExistsError):
            PartWriter(tmp_path, key, 0)

    async def test_removed_files_are_gone(self, store: Store, tmp_path: Path) -> None:
        _, key = await begun(store)
        written(tmp_path, key)
        assert files.recordings_in(tmp_path) == {key.recording_id}
        files.remove(tmp_path, key.recording_id)
        assert files.parts_of(tmp_path, key.recording_id) == []

    async def test_a_shorter_file_than_a_header_does_not_open(self, store: Store, tmp_path: Path) -> None:
        _, key = await begun(store)
        os.truncate(written(tmp_path, key), HEADER_BYTES - 1)
        with pytest.raises(CannotOpen):
            PartReader(tmp_path, key, 0)
