"""records/README.md "Audit": the verifier names the first bad entry for each of seven tamperings."""

import random
from dataclasses import replace
from uuid import UUID

import pytest

from records.audit.chain import Checkpoint, Entry, genesis, link
from records.audit.verify import Finding, Report, Tampering, Verifier

TENANT = UUID(int=1)
LENGTH = 40
SEEDS = range(100)


def chain(leaves: list[str], step_us: int = 1_000_000) -> list[Entry]:
    entries, previous = [], genesis(TENANT)
    for number, leaf in enumerate(leaves, start=1):
        previous = link(previous, number, number * step_us, leaf)
        entries.append(Entry(number, number * step_us, leaf, previous))
    return entries


def sound() -> list[Entry]:
    return chain([f'{{"entity":"{number}"}}' for number in range(1, LENGTH + 1)])


def checkpoint(entry: Entry) -> Checkpoint:
    return Checkpoint(TENANT, entry.number, entry.hash, entry.recorded_us, 1)


def verify(entries: list[Entry], checkpoints: list[Checkpoint] | None = None) -> Report:
    verifier = Verifier(genesis(TENANT), checkpoints or [])
    for entry in entries:
        verifier.receive(entry)
    return verifier.finish()


def rehashed(entries: list[Entry], start: int) -> list[Entry]:
    """What an attacker does who can compute: every hash from `start` on made anew."""
    previous = entries[start - 1].hash if start else genesis(TENANT)
    result = list(entries[:start])
    for number, entry in enumerate(entries[start:], start=start + 1):
        previous = link(previous, number, entry.recorded_us, entry.leaf)
        result.append(replace(entry, number=number, hash=previous))
    return result


class TestSound:
    """Nothing is found where nothing was done."""

    def test_sound_chain(self) -> None:
        entries = sound()
        report = verify(entries, [checkpoint(entries[9]), checkpoint(entries[-1])])
        assert (report.is_sound, report.entries, report.last_number) == (True, LENGTH, LENGTH)

    def test_empty_chain(self) -> None:
        assert verify([]).is_sound

    def test_clock_corrected_by_less_than_a_second_is_no_finding(self) -> None:
        entries = sound()[:2]
        later = replace(entries[1], recorded_us=entries[0].recorded_us - 999_999)
        assert verify(rehashed([entries[0], later], 1)).is_sound


@pytest.mark.parametrize("seed", SEEDS)
class TestTamperings:
    """Seven kinds, a hundred random places each."""

    def test_changed(self, seed: int) -> None:
        entries, place = sound(), random.Random(seed).randrange(LENGTH)
        entries[place] = replace(entries[place], leaf='{"entity":"forged"}')
        assert verify(entries).finding == Finding(Tampering.CHANGED, place + 1)

    def test_deleted(self, seed: int) -> None:
        entries, place = sound(), random.Random(seed).randrange(LENGTH - 1)
        del entries[place]
        assert verify(entries).finding == Finding(Tampering.DELETED, place + 1)

    def test_deleted_and_renumbered(self, seed: int) -> None:
        entries, place = sound(), random.Random(seed).randrange(LENGTH - 2)
        del entries[place]
        renumbered = [replace(entry, number=number) for number, entry in enumerate(entries, start=1)]
        assert verify(renumbered).finding == Finding(Tampering.DELETED, place + 1)

    def test_swapped_contents(self, seed: int) -> None:
        entries = sound()
        first, second = sorted(random.Random(seed).sample(range(LENGTH), 2))
        a, b = entries[first], entries[second]
        entries[first] = replace(a, leaf=b.leaf, recorded_us=b.recorded_us)
        entries[second] = replace(b, leaf=a.leaf, recorded_us=a.recorded_us)
        assert verify(entries).finding == Finding(Tampering.SWAPPED, first + 1, second + 1)

    def test_swapped_whole_rows(self, seed: int) -> None:
        entries = sound()
        first, second = sorted(random.Random(seed).sample(range(LENGTH), 2))
        a, b = entries[first], entries[second]
        entries[first], entries[second] = replace(b, number=a.number), replace(a, number=b.number)
        assert verify(entries).finding == Finding(Tampering.SWAPPED, first + 1, second + 1)

    def test_inserted(self, seed: int) -> None:
        entries, place = sound(), random.Random(seed).randrange(LENGTH)
        forged = Entry(place + 1, entries[place].recorded_us, '{"entity":"forged"}', b"x" * 32)
        shifted = [replace(entry, number=entry.number + 1) for entry in entries[place:]]
        assert verify([*entries[:place], forged, *shifted]).finding == Finding(Tampering.INSERTED, place + 1)

    def test_cut_tail(self, seed: int) -> None:
        entries, kept = sound(), random.Random(seed).randrange(LENGTH)
        report = verify(entries[:kept], [checkpoint(entries[-1])])
        assert report.finding == Finding(Tampering.CUT_TAIL, kept + 1)

    def test_rewritten(self, seed: int) -> None:
        entries, place = sound(), random.Random(seed).randrange(10, 20)
        pins = [checkpoint(entries[9]), checkpoint(entries[19])]
        entries[place] = replace(entries[place], leaf='{"entity":"forged"}')
        assert verify(rehashed(entries, place), pins).finding == Finding(Tampering.REWRITTEN, 11, 20)

    def test_clock_set_back(self, seed: int) -> None:
        entries, place = sound(), random.Random(seed).randrange(1, LENGTH)
        back = 2_000_000 + place * 1_000
        later = [replace(each, recorded_us=each.recorded_us - back - 1_000_000) for each in entries[place:]]
        entries[place:] = later
        assert verify(rehashed(entries, place)).finding == Finding(Tampering.CLOCK_SET_BACK, place + 1)


class TestHead:
    """The head row shows a cut tail too, until the attacker changes it as well."""

    def test_head_beyond_the_last_entry(self) -> None:
        entries = sound()
        verifier = Verifier(genesis(TENANT))
        for entry in entries[:-1]:
            verifier.receive(entry)
        report = verifier.finish((LENGTH, entries[-1].hash))
        assert report.finding == Finding(Tampering.CUT_TAIL, LENGTH)

    def test_head_that_disagrees(self) -> None:
        verifier = Verifier(genesis(TENANT))
        for entry in sound():
            verifier.receive(entry)
        assert verifier.finish((LENGTH, b"x" * 32)).finding == Finding(Tampering.REWRITTEN, 1, LENGTH)
