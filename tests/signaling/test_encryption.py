"""README "End-to-end encryption": who may turn it on, when it is refused, and what the server passes on."""

import pytest

from signaling import effects as e
from signaling import inputs as i
from signaling import messages as m
from signaling.states import Role, VisitState
from tests.fakes.visit import DOCTOR, PATIENT, FakeVisit


def call(*able: str) -> FakeVisit:
    """A call in which these seats can encrypt."""
    visit = FakeVisit(VisitState.IN_CONSULT)
    visit.both_arrive()
    for seat in able:
        visit.say(seat, m.Identify(f"key of {seat}"), re=None)
    visit.forget()
    return visit


def codes(visit: FakeVisit, seat: str) -> list[str]:
    return [message.code for message in visit.told(seat, m.Failure) if isinstance(message, m.Failure)]


class TestSwitch:
    """Only by the practitioner, only when everybody can."""

    def test_everybody_is_told(self) -> None:
        visit = call(DOCTOR, PATIENT)
        visit.say(DOCTOR, m.Encrypt(True))
        for seat in (DOCTOR, PATIENT):
            assert visit.told(seat, m.EncryptionChanged) == [m.EncryptionChanged(True, DOCTOR)]

    def test_on_twice_is_on_once(self) -> None:
        visit = call(DOCTOR, PATIENT)
        visit.say(DOCTOR, m.Encrypt(True))
        visit.say(DOCTOR, m.Encrypt(True))
        assert len(visit.told(PATIENT, m.EncryptionChanged)) == 1

    def test_a_patient_cannot_turn_it_on_or_off(self) -> None:
        visit = call(DOCTOR, PATIENT)
        visit.say(PATIENT, m.Encrypt(True))
        assert (codes(visit, PATIENT), visit.core.encryption.is_on) == (["not-allowed"], False)

    @pytest.mark.parametrize(("able", "missing"), [((DOCTOR,), "patient"), ((PATIENT,), "doctor")])
    def test_a_page_that_cannot_is_named(self, able: tuple[str, ...], missing: str) -> None:
        visit = call(*able)
        visit.say(DOCTOR, m.Encrypt(True))
        (failure,) = visit.told(DOCTOR, m.Failure)
        assert isinstance(failure, m.Failure)
        assert (failure.code, missing in failure.detail) == ("e2ee-not-supported", True)
        assert not visit.told(PATIENT, m.EncryptionChanged)

    def test_a_device_in_the_room_is_named(self) -> None:
        visit = call(DOCTOR, PATIENT)
        visit.device(i.DeviceOffer("whep", "l_device", "v=0"))
        visit.relay(i.LinkAnswered("l_device", 0, "answer", ()))
        visit.say(DOCTOR, m.Encrypt(True))
        assert codes(visit, DOCTOR) == ["e2ee-not-supported"]

    def test_recording_and_encryption_exclude_each_other(self) -> None:
        visit = call(DOCTOR, PATIENT)
        seat = next(iter(visit.core._seats))
        with pytest.raises(Exception, match="stop the recording first"):
            visit.core.encryption.switch(seat, True, is_recording=True)
        assert not visit.core.encryption.is_on


class TestWhileOn:
    """Nothing goes out that the others could not decode, and nothing unencrypted."""

    def on(self) -> FakeVisit:
        visit = call(DOCTOR, PATIENT)
        visit.say(DOCTOR, m.Encrypt(True))
        visit.forget()
        return visit

    def test_a_page_that_comes_is_told(self) -> None:
        visit = self.on()
        visit.arrive("s_helper", Role.CAREGIVER)
        (welcome,) = visit.told("s_helper", m.Welcome)
        assert isinstance(welcome, m.Welcome) and welcome.encrypted

    def test_a_page_without_a_key_publishes_nothing(self) -> None:
        visit = self.on()
        visit.arrive("s_helper", Role.CAREGIVER)
        visit.say("s_helper", m.Publish(1, "v=0", {}))
        assert (codes(visit, "s_helper"), visit.done(e.RelayPublish)) == (["e2ee-not-supported"], [])

    def test_a_device_is_refused(self) -> None:
        visit = self.on()
        visit.device(i.DeviceOffer("whip", "l_device", "v=0"))
        (refused,) = visit.done(e.DeviceRefused)
        assert isinstance(refused, e.DeviceRefused) and refused.code == "e2ee-not-supported"

    def test_off_again_lets_devices_in(self) -> None:
        visit = self.on()
        visit.say(DOCTOR, m.Encrypt(False))
        visit.device(i.DeviceOffer("whip", "l_device", "v=0"))
        assert len(visit.done(e.RelayPublish)) == 1


class TestKeys:
    """The server passes on; it opens nothing."""

    def test_public_keys_stand_in_the_seats(self) -> None:
        visit = FakeVisit(VisitState.IN_CONSULT)
        visit.both_arrive()
        visit.forget()
        visit.say(PATIENT, m.Identify("point"), re=None)
        (seats,) = visit.told(DOCTOR, m.SeatsChanged)
        assert isinstance(seats, m.SeatsChanged)
        assert {seat.seat: seat.public_key for seat in seats.seats} == {PATIENT: "point", DOCTOR: None}

    def test_the_same_key_again_tells_nobody(self) -> None:
        visit = call(PATIENT)
        visit.say(PATIENT, m.Identify(f"key of {PATIENT}"), re=None)
        assert not visit.told(DOCTOR, m.SeatsChanged)

    def test_a_page_that_reloads_has_no_key_until_it_says_so(self) -> None:
        visit = call(DOCTOR, PATIENT)
        visit.arrive(PATIENT, Role.PATIENT)
        assert [seat.public_key for seat in visit.core._seats.views() if seat.seat == PATIENT] == [None]

    def test_a_box_reaches_its_seat_alone(self) -> None:
        visit = call(DOCTOR, PATIENT)
        visit.arrive("s_helper", Role.CAREGIVER)
        visit.say(DOCTOR, m.SendKey(PATIENT, 1, "box"))
        assert visit.told(PATIENT, m.KeySent) == [m.KeySent(DOCTOR, 1, "box")]
        assert not visit.told("s_helper", m.KeySent) and not visit.told(DOCTOR, m.KeySent)

    def test_a_box_for_a_seat_that_is_gone_is_dropped(self) -> None:
        visit = call(DOCTOR, PATIENT)
        visit.say(DOCTOR, m.SendKey("s_nobody", 1, "box"))
        assert not codes(visit, DOCTOR)

    def test_who_has_no_identity_sends_no_keys(self) -> None:
        visit = call(DOCTOR)
        visit.say(PATIENT, m.SendKey(DOCTOR, 1, "box"))
        assert codes(visit, PATIENT) == ["not-allowed"]

    def test_keys_stay_out_of_what_may_be_logged(self) -> None:
        assert "secret" not in repr(m.SendKey("s", 1, "secret")) + repr(m.KeySent("s", 1, "secret"))
