"""signaling/README.md "Recording": asked for by the practitioner, begun and kept up by everybody's consent."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from signaling import effects as e
from signaling import inputs as i
from signaling import messages as m
from signaling.recording import RECORDING_TRANSITIONS, Hold, RecordingState, RecordingTrigger, Refusal
from signaling.states import Role, VisitState
from tests.fakes.visit import DOCTOR, PATIENT, FakeVisit

README = (Path(__file__).resolve().parents[2] / "signaling" / "README.md").read_text()
SECTION = README.partition("## Recording")[2].partition("\n## ")[0]
CAREGIVER = "s_caregiver"
YES, NO = m.Consent(True, "2026-11"), m.Consent(False, "2026-11")


def call(*, agreed: bool = True) -> FakeVisit:
    """A call in which the patient agreed to a recording in the intake, or not."""
    visit = FakeVisit(VisitState.IN_CONSULT)
    visit.both_arrive()
    if agreed:
        visit.view = replace(visit.view, recording_consent=True)
        visit.carry_out(visit.core.receive_store(i.VisitChanged(visit.view), visit.now))
    visit.forget()
    return visit


def recorded(visit: FakeVisit | None = None) -> FakeVisit:
    visit = visit or call()
    visit.say(DOCTOR, m.Record("start"))
    visit.recorder(i.RecorderReady())
    visit.forget()
    return visit


def last(visit: FakeVisit, seat: str) -> m.Recording:
    found = visit.told(seat, m.Recording)[-1]
    assert isinstance(found, m.Recording)
    return found


def wishes(visit: FakeVisit) -> list[e.Effect]:
    kinds = (e.OpenRecording, e.RecordMedia, e.SealRecording)
    return [effect for effect in visit.effects if isinstance(effect, kinds)]


class TestPicture:
    """The README's picture and words are the tables."""

    def test_picture_and_table_have_the_same_edges(self) -> None:
        drawn = set(re.findall(r"^    (\w+) --> (\w+): (\w+)$", SECTION, re.MULTILINE))
        table = {
            (state.value.replace("-", "_"), to.value.replace("-", "_"), trigger.value)
            for state, row in RECORDING_TRANSITIONS.items()
            for trigger, to in row.items()
        }
        assert drawn == table

    def test_every_state_and_trigger_is_used(self) -> None:
        assert set(RECORDING_TRANSITIONS) == set(RecordingState)
        assert {trigger for row in RECORDING_TRANSITIONS.values() for trigger in row} == set(RecordingTrigger)

    def test_every_cause_is_explained(self) -> None:
        assert set(re.findall(r"^\| `([a-z-]+)` \|", SECTION, re.MULTILINE)) - {"because"} == {
            *(hold.value for hold in Hold),
            *(refusal.value for refusal in Refusal),
        }


class TestBegin:
    """Nothing is recorded before everybody agreed and sees the mark."""

    def test_with_the_patients_consent_it_begins_when_the_recorder_is_ready(self) -> None:
        visit = call()
        visit.say(DOCTOR, m.Record("start"))
        assert wishes(visit) == [e.OpenRecording(DOCTOR)]
        assert last(visit, PATIENT) == m.Recording("consent-pending", "starting", False)
        visit.recorder(i.RecorderReady())
        assert last(visit, PATIENT) == last(visit, DOCTOR) == m.Recording("on")
        assert wishes(visit)[-1] == e.RecordMedia(True)

    def test_the_mark_stands_before_media_is_taken(self) -> None:
        visit = call()
        visit.say(DOCTOR, m.Record("start"))
        visit.forget()
        visit.recorder(i.RecorderReady())
        kinds = [type(effect).__name__ for effect in visit.effects]
        assert kinds.index("RecordMedia") > max(n for n, kind in enumerate(kinds) if kind == "Send")

    def test_without_it_the_patient_is_asked_and_nobody_else(self) -> None:
        visit = call(agreed=False)
        visit.say(DOCTOR, m.Record("start"))
        visit.recorder(i.RecorderReady())
        assert last(visit, PATIENT) == m.Recording("consent-pending", "consent", True)
        assert last(visit, DOCTOR) == m.Recording("consent-pending", "consent", False)
        assert e.RecordMedia(True) not in visit.effects

    def test_a_yes_counts_when_it_is_stored(self) -> None:
        visit = call(agreed=False)
        visit.say(DOCTOR, m.Record("start"))
        visit.recorder(i.RecorderReady())
        visit.say(PATIENT, YES)
        assert visit.effects[-2:] != [e.RecordMedia(True)]
        assert e.StoreConsent(PATIENT, Role.PATIENT, True, "2026-11") in visit.effects
        visit.recorder(i.ConsentStored(PATIENT, True))
        assert last(visit, PATIENT) == m.Recording("on")

    def test_a_no_ends_the_asking(self) -> None:
        visit = call(agreed=False)
        visit.say(DOCTOR, m.Record("start"))
        visit.recorder(i.RecorderReady())
        visit.say(PATIENT, NO)
        assert last(visit, DOCTOR) == m.Recording("off", "declined")
        assert wishes(visit)[-1] == e.SealRecording()

    def test_a_caregiver_is_asked_beside_the_patient(self) -> None:
        visit = call()
        visit.arrive(CAREGIVER, Role.CAREGIVER)
        visit.say(DOCTOR, m.Record("start"))
        visit.recorder(i.RecorderReady())
        assert (last(visit, CAREGIVER).ask, last(visit, PATIENT).ask) == (True, False)
        visit.say(CAREGIVER, YES)
        visit.recorder(i.ConsentStored(CAREGIVER, True))
        assert last(visit, DOCTOR) == m.Recording("on")

    def test_an_interpreter_is_not_asked_and_sees_the_mark(self) -> None:
        visit = call()
        visit.arrive("s_interpreter", Role.INTERPRETER)
        recorded(visit)
        visit.arrive("s_expert", Role.EXPERT)
        assert last(visit, "s_expert") == m.Recording("on")

    def test_before_the_call_it_can_not_begin(self) -> None:
        visit = FakeVisit(VisitState.CALLED)
        visit.both_arrive()
        visit.say(DOCTOR, m.Record("start"))
        (error,) = visit.told(DOCTOR, m.Failure)
        assert isinstance(error, m.Failure) and error.code == "wrong-state"

    @pytest.mark.parametrize("seat", [PATIENT, CAREGIVER])
    def test_only_the_practitioner_records(self, seat: str) -> None:
        visit = call()
        visit.arrive(CAREGIVER, Role.CAREGIVER)
        visit.say(seat, m.Record("start"))
        (error,) = visit.told(seat, m.Failure)
        assert isinstance(error, m.Failure) and error.code == "not-allowed"

    def test_the_practitioner_does_not_consent_for_the_patient(self) -> None:
        visit = call(agreed=False)
        visit.say(DOCTOR, YES)
        (error,) = visit.told(DOCTOR, m.Failure)
        assert isinstance(error, m.Failure) and error.code == "not-allowed"

    def test_a_recorder_that_fails_is_said(self) -> None:
        visit = call()
        visit.say(DOCTOR, m.Record("start"))
        visit.recorder(i.RecorderFailed())
        assert last(visit, PATIENT) == m.Recording("off", "failed")


class TestGap:
    """on <> gap"""

    def test_withdrawn_in_the_call_nothing_is_taken_at_once(self) -> None:
        visit = recorded()
        visit.say(PATIENT, NO)
        assert last(visit, DOCTOR) == m.Recording("gap", "consent")
        assert last(visit, PATIENT) == m.Recording("gap", "consent", True)
        assert wishes(visit) == [e.RecordMedia(False)]

    def test_media_is_let_go_before_the_mark_goes(self) -> None:
        visit = recorded()
        visit.say(PATIENT, NO)
        kinds = [type(effect).__name__ for effect in visit.effects if not isinstance(effect, e.StoreConsent)]
        assert kinds[0] == "RecordMedia"

    def test_withdrawn_on_the_page_of_consents(self) -> None:
        visit = recorded()
        visit.view = replace(visit.view, recording_consent=False)
        visit.carry_out(visit.core.receive_store(i.VisitChanged(visit.view), visit.now))
        assert last(visit, DOCTOR) == m.Recording("gap", "consent")

    def test_given_again_it_goes_on(self) -> None:
        visit = recorded()
        visit.say(PATIENT, NO)
        visit.say(PATIENT, YES)
        visit.recorder(i.ConsentStored(PATIENT, True))
        assert last(visit, DOCTOR) == m.Recording("on")
        assert wishes(visit) == [e.RecordMedia(False), e.RecordMedia(True)]

    def test_a_newcomer_without_consent_makes_a_gap(self) -> None:
        visit = recorded()
        visit.arrive(CAREGIVER, Role.CAREGIVER)
        assert last(visit, CAREGIVER) == m.Recording("gap", "consent", True)
        assert wishes(visit) == [e.RecordMedia(False)]

    def test_pause_and_resume(self) -> None:
        visit = recorded()
        visit.say(DOCTOR, m.Record("pause"))
        assert last(visit, PATIENT) == m.Recording("gap", "paused")
        visit.say(DOCTOR, m.Record("resume"))
        assert last(visit, PATIENT) == m.Recording("on")

    def test_resuming_does_not_get_round_a_missing_consent(self) -> None:
        visit = recorded()
        visit.say(DOCTOR, m.Record("pause"))
        visit.say(PATIENT, NO)
        visit.say(DOCTOR, m.Record("resume"))
        assert last(visit, PATIENT) == m.Recording("gap", "consent", True)
        assert e.RecordMedia(True) not in visit.effects

    def test_cut_off_is_not_withdrawn(self) -> None:
        visit = recorded()
        visit.lose(PATIENT)
        visit.wait(10)
        assert visit.core.recording.state is RecordingState.ON

    def test_without_media_it_says_so_and_stays_tapped(self) -> None:
        visit = recorded()
        visit.recorder(i.RecorderGap(True))
        assert last(visit, DOCTOR) == m.Recording("gap", "media")
        visit.recorder(i.RecorderGap(False))
        assert last(visit, DOCTOR) == m.Recording("on")

    def test_the_recorder_that_is_untapped_by_a_pause_does_not_hold_it_up(self) -> None:
        visit = recorded()
        visit.say(PATIENT, NO)
        visit.recorder(i.RecorderGap(True))
        visit.say(PATIENT, YES)
        visit.recorder(i.ConsentStored(PATIENT, True))
        assert last(visit, DOCTOR) == m.Recording("on")

    def test_paused_while_the_relay_is_away_it_is_untapped_and_goes_on(self) -> None:
        visit = recorded()
        visit.recorder(i.RecorderGap(True))
        visit.say(DOCTOR, m.Record("pause"))
        assert wishes(visit) == [e.RecordMedia(False)]
        visit.say(DOCTOR, m.Record("resume"))
        assert last(visit, DOCTOR) == m.Recording("on")
        assert wishes(visit)[-1] == e.RecordMedia(True)


class TestEnd:
    """sealed"""

    def test_stop_takes_nothing_more_and_seals(self) -> None:
        visit = recorded()
        visit.say(DOCTOR, m.Record("stop"))
        assert wishes(visit) == [e.RecordMedia(False), e.SealRecording()]
        assert last(visit, PATIENT) == m.Recording("sealed")

    def test_another_may_begin(self) -> None:
        visit = recorded()
        visit.say(DOCTOR, m.Record("stop"))
        visit.say(DOCTOR, m.Record("start"))
        assert wishes(visit)[-1] == e.OpenRecording(DOCTOR)

    def test_the_end_of_the_call_seals(self) -> None:
        visit = recorded()
        visit.say(DOCTOR, m.End())
        assert e.SealRecording() in visit.effects

    def test_a_recorder_that_dies_ends_it_and_says_so(self) -> None:
        visit = recorded()
        visit.recorder(i.RecorderFailed())
        assert last(visit, PATIENT) == m.Recording("sealed", "failed")


class TestEndToEndEncryption:
    """The server holds no key to what is said, so it can not record."""

    def test_starting_is_refused_and_says_why(self) -> None:
        visit = call()
        visit.core.encryption.is_on = True
        visit.say(DOCTOR, m.Record("start"))
        assert visit.told(DOCTOR, m.Failure) == [m.Failure("recording-refused", "end-to-end-encrypted")]

    def test_switched_on_in_the_call_it_ends_a_recording(self) -> None:
        visit = recorded()
        visit.core.encryption.is_on = True
        visit.carry_out(visit.core.handle_timer(visit.now))
        assert last(visit, PATIENT) == m.Recording("sealed", "end-to-end-encrypted")
        assert e.SealRecording() in visit.effects
