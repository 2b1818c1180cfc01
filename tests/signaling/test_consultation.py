"""README "States of a visit" and "Closing order": a call from claim to end, and who may do what."""

import pytest

from signaling import effects as e
from signaling import inputs as i
from signaling import messages as m
from signaling.errors import VisitOver
from signaling.states import PATIENT_SIDE, Presence, Role, VisitState
from tests.fakes.visit import AT, DOCTOR, PATIENT, FakeVisit


def called() -> FakeVisit:
    visit = FakeVisit(VisitState.CALLED)
    visit.both_arrive()
    visit.forget()
    return visit


def in_consult() -> FakeVisit:
    visit = FakeVisit(VisitState.IN_CONSULT)
    visit.both_arrive()
    visit.forget()
    return visit


class TestWelcome:
    """A page that arrives knows everything at once."""

    def test_welcome_answers_hello(self) -> None:
        visit = FakeVisit(VisitState.WAITING, claimed=False)
        visit.arrive(PATIENT, Role.PATIENT)
        welcome = visit.sent[PATIENT][0]
        assert isinstance(welcome.message, m.Welcome)
        assert (welcome.re, welcome.message.state, welcome.message.admitted) == ("hello", VisitState.WAITING, False)

    def test_others_see_who_came(self) -> None:
        visit = FakeVisit()
        visit.arrive(DOCTOR, Role.DOCTOR)
        visit.forget()
        visit.arrive(PATIENT, Role.PATIENT)
        (seats,) = visit.told(DOCTOR, m.SeatsChanged)
        assert [seat.seat for seat in seats.seats] == [DOCTOR, PATIENT]

    def test_patient_who_comes_late_hears_the_ring(self) -> None:
        visit = FakeVisit(VisitState.CALLED, rung=True)
        visit.arrive(PATIENT, Role.PATIENT)
        assert visit.told(PATIENT, m.Claimed) == [m.Claimed("Dr Lin", "110")]
        assert visit.told(PATIENT, m.Ringing) == [m.Ringing()]

    def test_visit_that_is_over_takes_nobody(self) -> None:
        visit = FakeVisit(VisitState.COMPLETED)
        with pytest.raises(VisitOver):
            visit.arrive(PATIENT, Role.PATIENT)

    def test_practitioner_may_come_back_to_write_the_note(self) -> None:
        visit = FakeVisit(VisitState.WRAP_UP)
        visit.arrive(DOCTOR, Role.DOCTOR)
        assert visit.told(DOCTOR, m.Welcome)

    def test_patient_of_a_visit_in_wrap_up_is_sent_to_the_summary(self) -> None:
        visit = FakeVisit(VisitState.WRAP_UP)
        with pytest.raises(VisitOver):
            visit.arrive(PATIENT, Role.PATIENT)


class TestCall:
    """Claim, ring, accept, in consult."""

    def test_claim_over_http_is_told(self) -> None:
        visit = FakeVisit(VisitState.WAITING, claimed=False)
        visit.arrive(PATIENT, Role.PATIENT)
        visit.forget()
        visit.change(VisitState.CALLED)
        assert visit.heard(PATIENT) == [m.Claimed("Dr Lin", "110"), m.StateChanged(VisitState.CALLED, AT, False)]

    def test_ring_reaches_the_patient_and_is_answered(self) -> None:
        visit = called()
        visit.say(DOCTOR, m.Ring())
        assert visit.heard(PATIENT) == [m.Ringing()]
        assert visit.heard(DOCTOR) == [m.Done()]

    def test_accept_begins_the_call(self) -> None:
        visit = called()
        visit.say(DOCTOR, m.Ring())
        visit.say(PATIENT, m.Accept())
        assert visit.states() == ["called", "in_consult"]
        assert m.StateChanged(VisitState.IN_CONSULT, AT, True) in visit.heard(PATIENT)

    def test_accept_before_ring_is_refused(self) -> None:
        visit = called()
        visit.say(PATIENT, m.Accept())
        assert [failure.code for failure in visit.told(PATIENT, m.Failure)] == ["wrong-state"]

    def test_patient_cannot_publish_before_the_call(self) -> None:
        visit = called()
        visit.say(PATIENT, m.Publish(1, "v=0", {}))
        assert [failure.code for failure in visit.told(PATIENT, m.Failure)] == ["not-admitted"]
        assert not visit.done(e.RelayPublish)

    def test_practitioner_may_publish_while_it_rings(self) -> None:
        visit = called()
        visit.say(DOCTOR, m.Publish(1, "v=0", {"0": "camera"}))
        assert len(visit.done(e.RelayPublish)) == 1

    def test_release_keeps_the_place_and_tells_the_patient(self) -> None:
        visit = called()
        visit.change(VisitState.WAITING, None)
        assert visit.heard(PATIENT) == [m.Released(), m.StateChanged(VisitState.WAITING, AT, False)]


class TestAuthority:
    """Only the practitioner of the visit moves it."""

    @pytest.mark.parametrize("message", [m.Ring(), m.Hold(), m.End(), m.Escalate(), m.Remove(DOCTOR)])
    def test_patient_may_not(self, message: m.ClientMessage) -> None:
        visit = in_consult()
        visit.say(PATIENT, message)
        assert [failure.code for failure in visit.told(PATIENT, m.Failure)] == ["not-allowed"]

    def test_another_doctor_may_not_end(self) -> None:
        visit = in_consult()
        visit.arrive("s_other", Role.DOCTOR)
        visit.say("s_other", m.End())
        assert visit.states() == []

    def test_expert_may_not_end(self) -> None:
        visit = in_consult()
        visit.arrive("s_expert", Role.EXPERT)
        visit.say("s_expert", m.End())
        assert visit.states() == []

    def test_practitioner_removes_an_expert_for_good(self) -> None:
        visit = in_consult()
        visit.arrive("s_expert", Role.EXPERT)
        visit.say(DOCTOR, m.Remove("s_expert"))
        assert visit.done(e.CloseSocket) == [e.CloseSocket("s_expert", 4403, "removed")]
        with pytest.raises(Exception, match="removed"):
            visit.arrive("s_expert", Role.EXPERT)

    def test_practitioner_cannot_remove_the_patient(self) -> None:
        visit = in_consult()
        visit.say(DOCTOR, m.Remove(PATIENT))
        assert not visit.done(e.CloseSocket)

    def test_message_of_a_stranger_does_nothing(self) -> None:
        visit = in_consult()
        visit.say("s_stranger", m.End())
        assert visit.effects == []


class TestEnd:
    """README "Closing order"."""

    def test_end_stores_then_tells_then_closes(self) -> None:
        visit = in_consult()
        visit.say(DOCTOR, m.End())
        kinds = [type(effect) for effect in visit.effects if not isinstance(effect, e.Send | e.TellQueue)]
        assert kinds == [e.Transition, e.RelayCloseRoom, e.CloseSocket]

    def test_patient_hears_state_and_bye(self) -> None:
        visit = in_consult()
        visit.say(DOCTOR, m.End())
        assert visit.heard(PATIENT) == [m.StateChanged(VisitState.WRAP_UP, AT, False), m.Bye("wrap_up")]

    def test_practitioner_stays_for_the_note(self) -> None:
        visit = in_consult()
        visit.say(DOCTOR, m.End())
        assert visit.done(e.CloseSocket) == [e.CloseSocket(PATIENT, 1000, "visit over")]

    def test_end_is_refused_while_the_database_is_away(self) -> None:
        visit = in_consult()
        visit.store_is_away = True
        visit.say(DOCTOR, m.End())
        assert [failure.code for failure in visit.told(DOCTOR, m.Failure)] == ["try-again"]
        assert visit.core.view.state is VisitState.IN_CONSULT

    def test_end_can_be_asked_again(self) -> None:
        visit = in_consult()
        visit.store_is_away = True
        visit.say(DOCTOR, m.End())
        visit.store_is_away = False
        visit.say(DOCTOR, m.End())
        assert visit.core.view.state is VisitState.WRAP_UP

    def test_void_over_http_sends_everyone_away(self) -> None:
        visit = in_consult()
        visit.change(VisitState.ENTERED_IN_ERROR)
        assert {effect.seat for effect in visit.done(e.CloseSocket)} == {DOCTOR, PATIENT}


class TestStoreAway:
    """The call goes on while the database is away."""

    def test_hold_is_announced_and_stored_later(self) -> None:
        visit = in_consult()
        visit.store_is_away = True
        visit.say(DOCTOR, m.Hold())
        assert m.StateChanged(VisitState.HELD, AT, True) in visit.heard(PATIENT)
        assert visit.core.view.state is VisitState.HELD

    def test_second_change_waits_for_the_first(self) -> None:
        visit = in_consult()
        visit.core.receive(m.ClientEnvelope(m.Hold(), "1", 0, 0), DOCTOR, visit.now)
        visit.say(DOCTOR, m.End())
        assert [failure.code for failure in visit.told(DOCTOR, m.Failure)] == ["try-again"]


class TestLeave:
    """Leaving is not ending."""

    def test_waiting_patient_leaves_for_good(self) -> None:
        visit = FakeVisit(VisitState.WAITING, claimed=False)
        visit.arrive(PATIENT, Role.PATIENT)
        visit.say(PATIENT, m.Leave())
        assert visit.states() == ["left_unseen"]
        assert visit.done(e.CloseSocket) == [e.CloseSocket(PATIENT, 1000, "visit over")]

    def test_patient_who_hangs_up_leaves_the_call_open(self) -> None:
        visit = in_consult()
        visit.say(PATIENT, m.Leave())
        visit.wait(6)
        assert visit.states() == ["dropped"]

    def test_practitioner_who_hangs_up_leaves_the_call_open(self) -> None:
        visit = in_consult()
        visit.say(DOCTOR, m.Leave())
        visit.wait(6)
        assert visit.states() == ["dropped"]


class TestMoreSeats:
    """N seats with roles, never the other side."""

    def test_interpreter_and_caregiver_join_and_are_seen(self) -> None:
        visit = in_consult()
        visit.arrive("s_interpreter", Role.INTERPRETER)
        visit.arrive("s_daughter", Role.CAREGIVER)
        seats = visit.told(PATIENT, m.SeatsChanged)[-1].seats
        assert [seat.role for seat in seats] == [Role.DOCTOR, Role.PATIENT, Role.INTERPRETER, Role.CAREGIVER]

    def test_daughter_keeps_the_patient_side_present(self) -> None:
        visit = in_consult()
        visit.arrive("s_daughter", Role.CAREGIVER)
        visit.lose(PATIENT)
        visit.wait(30)
        assert visit.states() == []
        assert visit.core.presence(PATIENT_SIDE) is Presence.PRESENT

    def test_interpreter_does_not(self) -> None:
        visit = in_consult()
        visit.arrive("s_interpreter", Role.INTERPRETER)
        visit.lose(PATIENT)
        visit.wait(6)
        assert visit.states() == ["dropped"]

    def test_seventeenth_seat_is_refused(self) -> None:
        visit = in_consult()
        for number in range(14):
            visit.arrive(f"s_{number}", Role.EXPERT)
        with pytest.raises(Exception, match="Every seat"):
            visit.arrive("s_late", Role.EXPERT)


class TestEmergency:
    """The red button."""

    def test_patient_gets_the_number(self) -> None:
        visit = in_consult()
        visit.say(DOCTOR, m.Escalate())
        assert visit.told(PATIENT, m.Emergency) == [m.Emergency("120", "Call 120 now.")]

    def test_call_is_kept(self) -> None:
        visit = in_consult()
        visit.say(DOCTOR, m.Escalate())
        assert not visit.done(e.RelayCloseRoom)
        assert visit.core.view.state is VisitState.EMERGENCY


class TestChat:
    """Told to everyone once stored, each message once."""

    def test_everyone_hears_it_and_the_sender_its_id(self) -> None:
        visit = in_consult()
        visit.say(PATIENT, m.ChatText("hello", "k1"), re="5")
        assert [line.line.text for line in visit.told(DOCTOR, m.ChatMessage)] == ["hello"]
        assert [envelope.re for envelope in visit.sent[PATIENT]] == ["5"]

    def test_unstored_message_is_not_acknowledged(self) -> None:
        visit = in_consult()
        visit.store_is_away = True
        visit.say(PATIENT, m.ChatText("hello", "k1"), seq=1)
        visit.say(PATIENT, m.Ping(), seq=0)
        assert [envelope.ack for envelope in visit.sent[PATIENT]] == [0]

    def test_stored_message_is(self) -> None:
        visit = in_consult()
        visit.say(PATIENT, m.ChatText("hello", "k1"), seq=1)
        assert visit.sent[PATIENT][-1].ack == 1

    def test_same_key_again_is_stored_once(self) -> None:
        visit = in_consult()
        visit.say(PATIENT, m.ChatText("hello", "k1"))
        visit.say(PATIENT, m.ChatText("hello", "k1"))
        assert len(visit.done(e.StoreChat)) == 1
        assert len(visit.told(DOCTOR, m.ChatMessage)) == 1

    def test_sent_twice_while_under_way_is_acknowledged_once_it_is_stored(self) -> None:
        visit = in_consult()
        visit.store_is_away = True
        for seq in (1, 2):
            visit.say(PATIENT, m.ChatText("hello", "k1"), seq=seq)
        (wish,) = visit.done(e.StoreChat)
        line = m.ChatLine(1, PATIENT, wish.role, wish.text, wish.key, AT)
        visit.carry_out(visit.core.receive_store(i.ChatStored(line), visit.now))
        assert visit.sent[PATIENT][-1].ack == 2

    def test_sixty_fifth_unstored_message_is_refused(self) -> None:
        visit = in_consult()
        visit.store_is_away = True
        for number in range(65):
            visit.say(PATIENT, m.ChatText("hello", f"k{number}"))
        assert [failure.code for failure in visit.told(PATIENT, m.Failure)] == ["try-again"]

    def test_newcomer_sees_what_was_said(self) -> None:
        visit = in_consult()
        visit.say(PATIENT, m.ChatText("hello", "k1"))
        visit.arrive("s_expert", Role.EXPERT)
        (welcome,) = visit.told("s_expert", m.Welcome)
        assert [line.text for line in welcome.chat] == ["hello"]


class TestVitals:
    """A reading goes the way of a chat message: stored first, then told, each once."""

    def test_everyone_hears_it_with_who_told_it(self) -> None:
        visit = in_consult()
        visit.say(PATIENT, m.Vitals({"spo2": 97}, "k1"), re="5")
        (told,) = visit.told(DOCTOR, m.VitalsMessage)
        assert told.reading == m.Reading(1, PATIENT, "patient", {"spo2": 97}, "k1", AT)
        assert [envelope.re for envelope in visit.sent[PATIENT]] == ["5"]

    def test_same_key_as_a_chat_message_is_another_entry(self) -> None:
        visit = in_consult()
        visit.say(PATIENT, m.ChatText("hello", "k1"))
        visit.say(PATIENT, m.Vitals({"spo2": 97}, "k1"))
        assert (len(visit.done(e.StoreChat)), len(visit.done(e.StoreReading))) == (1, 1)

    def test_same_key_again_is_stored_once(self) -> None:
        visit = in_consult()
        for _ in range(2):
            visit.say(PATIENT, m.Vitals({"spo2": 97}, "k1"))
        assert len(visit.done(e.StoreReading)) == 1
        assert len(visit.told(DOCTOR, m.VitalsMessage)) == 1

    def test_unstored_reading_is_not_acknowledged_and_a_refused_one_is_told(self) -> None:
        visit = in_consult()
        visit.store_is_away = True
        visit.say(PATIENT, m.Vitals({"spo2": 97}, "k1"), seq=1)
        visit.say(PATIENT, m.Ping())
        assert visit.sent[PATIENT][-1].ack == 0
        refused = i.NotStored(None, "away", "k1", PATIENT, is_reading=True)
        visit.carry_out(visit.core.receive_store(refused, visit.now))
        assert visit.told(PATIENT, m.Failure)[-1].code == "try-again"

    def test_interpreter_may_not_tell_any(self) -> None:
        visit = in_consult()
        visit.arrive("s_words", Role.INTERPRETER)
        visit.say("s_words", m.Vitals({"spo2": 97}, "k1"))
        assert visit.told("s_words", m.Failure)[-1].code == "not-allowed"

    def test_page_that_comes_back_is_shown_them(self) -> None:
        visit = in_consult()
        visit.say(PATIENT, m.Vitals({"spo2": 97}, "k1"))
        visit.arrive(DOCTOR, Role.DOCTOR)
        assert [reading.values for reading in visit.told(DOCTOR, m.Welcome)[-1].vitals] == [{"spo2": 97}]
