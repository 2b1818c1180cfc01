"""server/http/README.md: a visit's recordings over HTTP: its practitioner's only, by ranges, audited."""

from __future__ import annotations

import io
from uuid import UUID

import av
import pytest

from records.store.recordings import MediaKey
from server.auth.principals import StaffRole
from server.datafolder import RECORDINGS
from server.housekeeping import Housekeeping
from server.keys import DATABASE, SETTINGS
from server.playback import parse_range
from server.recorder_process import SealedParts
from signaling.media.recording import matroska
from signaling.media.recording.effects import ClosePart, OpenPart, PartTrack, Write
from signaling.media.recording.payload import OPUS_SILENCE
from signaling.media.recording.pieces import Kind, Piece, Pieces
from signaling.net.recorder import Files
from tests.server.clinic import SYSTEM, Clinic, Person

TRACKS = (PartTrack("audio", "opus", "microphone"), PartTrack("video", "VP8", "camera", 640, 480))


def pieces(*, finish: bool = True) -> list[Piece]:
    """What a recorder says of ten seconds of one seat."""
    out = io.BytesIO()
    files = Files(out)
    files.carry_out(OpenPart(0, "s_a", 500, TRACKS))
    for ms in range(0, 10_000, 20):
        files.carry_out(Write(0, 0, 500 + ms, OPUS_SILENCE, True))
        if ms % 40 == 0:
            files.carry_out(Write(0, 1, 500 + ms, b"canary-of-a-picture" * 20, ms % 2000 == 0))
    files.tell(
        Piece(Kind.GAP, 0, 3000, 4000, body=b'{"gap":{"track":1,"since_ms":3000,"until_ms":4000,"cause":"network"}}')
    )
    if finish:
        files.carry_out(ClosePart(0, 10_500))
    return list(Pieces().feed(out.getvalue()))


class Ward:
    """A doctor whose visit was recorded."""

    def __init__(self, clinic: Clinic, doctor: Person, key: MediaKey) -> None:
        self.clinic, self.doctor, self.key = clinic, doctor, key

    @property
    def list_path(self) -> str:
        return f"/api/visits/{self.doctor.visit_id}/recordings"

    @property
    def path(self) -> str:
        return f"{self.list_path}/{self.key.recording_id}/0"

    async def bytes(self, wanted: str | None = None) -> tuple[int, bytes, str]:
        headers = {"Range": wanted} if wanted else {}
        async with self.doctor.client.get(self.path, headers=headers) as answer:
            return answer.status, await answer.read(), answer.headers.get("Content-Range", "")


async def recorded(clinic: Clinic, *, finish: bool = True) -> Ward:
    doctor = await clinic.staff()
    doctor.visit_id = (await clinic.waiting(doctor)).visit_id
    visit_id, database = UUID(doctor.visit_id), clinic.app[DATABASE]
    assert (await doctor.post(f"/api/visits/{visit_id}/claim", {})).status == 200
    async with database.unit(SYSTEM) as unit:
        key = await unit.recordings.begin(visit_id)
    parts = SealedParts(clinic.app[SETTINGS].data_dir / RECORDINGS, key)
    parts.take(pieces(finish=finish))
    parts.close()
    if finish:
        async with database.unit(SYSTEM) as unit:
            await unit.recordings.finish(visit_id, key.recording_id)
    return Ward(clinic, doctor, key)


class TestList:
    """Parts, gaps, whether it is whole."""

    async def test_a_whole_recording(self, clinic: Clinic) -> None:
        ward = await recorded(clinic)
        (found,) = (await ward.doctor.get(ward.list_path)).body["recordings"]
        (part,) = found["parts"]
        assert (found["is_finished"], part["is_finished"], part["start_ms"]) == (True, True, 500)
        assert 9_900 <= part["duration_ms"] <= 10_000
        assert part["gaps"] == [{"track": 1, "since_ms": 3000, "until_ms": 4000, "cause": "network"}]
        assert [track["kind"] for track in part["tracks"]] == ["audio", "video"]

    async def test_one_that_was_cut_off_says_so(self, clinic: Clinic) -> None:
        ward = await recorded(clinic, finish=False)
        (found,) = (await ward.doctor.get(ward.list_path)).body["recordings"]
        assert (found["is_finished"], found["ended_at"], found["parts"][0]["is_finished"]) == (False, None, False)

    @pytest.mark.parametrize("who", ["another doctor", "desk", "patient"])
    async def test_nobody_else_sees_or_plays_it(self, clinic: Clinic, who: str) -> None:
        ward = await recorded(clinic)
        other = {
            "another doctor": lambda: clinic.staff("other@clinic.example"),
            "desk": lambda: clinic.staff("desk@clinic.example", StaffRole.DESK),
            "patient": lambda: clinic.patient(ward.doctor),
        }[who]
        person = await other()
        for path in (ward.list_path, ward.path):
            assert (await person.get(path)).status in (401, 403, 404)


class TestPlay:
    """The file of a finished recording; only the chunks that are asked for are opened."""

    async def test_the_whole_file_plays(self, clinic: Clinic) -> None:
        ward = await recorded(clinic)
        status, data, _ = await ward.bytes()
        assert status == 200
        with av.open(io.BytesIO(data), "r") as container:
            assert container.duration is not None and 9_900_000 <= container.duration <= 10_000_000
            assert len([packet for packet in container.demux() if packet.pts is not None]) == 750

    @pytest.mark.parametrize("wanted", ["bytes=0-99", "bytes=100-5000", "bytes=9000-", "bytes=-700", "bytes=0-"])
    async def test_a_range_is_that_part_of_the_file(self, clinic: Clinic, wanted: str) -> None:
        ward = await recorded(clinic)
        _, whole, _ = await ward.bytes()
        asked = parse_range(wanted, len(whole))
        assert asked is not None
        assert await ward.bytes(wanted) == (
            206,
            whole[asked.start : asked.end],
            f"bytes {asked.start}-{asked.end - 1}/{len(whole)}",
        )

    async def test_a_range_past_the_end_is_416(self, clinic: Clinic) -> None:
        ward = await recorded(clinic)
        assert (await ward.bytes("bytes=99999999-"))[0] == 416

    async def test_one_that_was_cut_off_plays_as_far_as_it_goes(self, clinic: Clinic) -> None:
        ward = await recorded(clinic, finish=False)
        _, data, _ = await ward.bytes()
        with av.open(io.BytesIO(data), "r") as container:
            times = [packet.pts for packet in container.demux() if packet.pts is not None]
        assert 8_000 <= max(times) <= 9_000  # the last second was not written yet

    async def test_playing_is_one_entry_of_the_chain_however_often_it_is_read(self, clinic: Clinic) -> None:
        ward = await recorded(clinic)
        for wanted in ("bytes=0-99", "bytes=100-199", "bytes=200-"):
            await ward.bytes(wanted)
        async with clinic.app[DATABASE].unit(SYSTEM) as unit:
            entries = await unit.audit.search(patient_id=ward.key.patient_id, entity_type="recording")
        assert [entry.fields["detail"] for entry in entries].count("play") == 1

    async def test_it_is_kept_by_no_cache_and_comes_from_nowhere_else(self, clinic: Clinic) -> None:
        ward = await recorded(clinic)
        async with ward.doctor.client.get(ward.path) as answer:
            assert answer.headers["Cache-Control"] == "no-store"
            assert "media-src 'self';" in answer.headers["Content-Security-Policy"] + ";"
            assert answer.content_type == "video/webm"

    async def test_a_damaged_chunk_ends_the_answer_and_shows_nothing_of_it(self, clinic: Clinic) -> None:
        ward = await recorded(clinic)
        _, whole, _ = await ward.bytes()
        (path,) = (clinic.app[SETTINGS].data_dir / RECORDINGS).iterdir()
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        got = b""
        try:
            async with ward.doctor.client.get(ward.path) as answer:
                async for piece in answer.content.iter_any():
                    got += piece
        except OSError:
            pass  # the connection was cut
        except Exception as error:  # noqa: BLE001  # aiohttp's own word for a short answer
            assert "Payload" in type(error).__name__ or "Content" in str(error)
        assert len(got) < len(whole) and whole.startswith(got)

    async def test_no_byte_of_media_lies_in_clear(self, clinic: Clinic) -> None:
        await recorded(clinic)
        for path in clinic.app[SETTINGS].data_dir.rglob("*"):
            if path.is_file():
                data = path.read_bytes()
                assert b"canary-of-a-picture" not in data and b"V_VP8" not in data, path


class TestHousekeeping:
    """Files without a row go; others stay."""

    async def test_a_recording_whose_term_is_over_leaves_the_disk(self, clinic: Clinic) -> None:
        await recorded(clinic)
        folder = clinic.app[SETTINGS].data_dir / RECORDINGS
        chores = Housekeeping(clinic.app[DATABASE], clinic.app[SETTINGS].data_dir, clinic.clock.now())
        await chores.sweep()
        assert len(list(folder.iterdir())) == 1
        clinic.clock.advance(days=3 * 366)
        await chores.sweep()
        assert list(folder.iterdir()) == []


class TestRange:
    """RFC 9110 §14.1.2; what is not understood is ignored."""

    @pytest.mark.parametrize(
        ("header", "found"),
        [("bytes=0-0", (0, 1)), ("bytes=5-", (5, 10)), ("bytes=-3", (7, 10)), ("bytes=2-99", (2, 10))],
    )
    def test_ranges(self, header: str, found: tuple[int, int]) -> None:
        asked = parse_range(header, 10)
        assert asked is not None and (asked.start, asked.end) == found

    @pytest.mark.parametrize("header", ["", "bytes", "bytes=-", "bytes=a-b", "items=0-1", "bytes=5-2", "bytes=0-1,3-4"])
    def test_others_are_ignored(self, header: str) -> None:
        assert parse_range(header, 10) is None


def test_blocks_of_a_cluster_are_found() -> None:
    clusters = [piece.body for piece in pieces() if piece.kind is Kind.CLUSTER]
    assert sum(len(matroska.blocks(cluster)) for cluster in clusters) == 750
