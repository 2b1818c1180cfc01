"""README "Devices": WHIP publishers are seats, WHEP receivers share one."""

from signaling import effects as e
from signaling import inputs as i
from signaling import messages as m
from signaling.devices import sources_of
from signaling.media.reports import LinkState
from signaling.states import Role, VisitState
from tests.fakes.visit import DOCTOR, PATIENT, VISIT, FakeVisit, track

CAMERA_WITH_SOUND = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\n"


def published(visit: FakeVisit, link: str = "l_1") -> None:
    visit.device(i.DeviceOffer("whip", link, CAMERA_WITH_SOUND))
    (publish,) = [effect for effect in visit.done(e.RelayPublish) if effect.link == link]
    visit.relay(i.LinkAnswered(link, 1, "answer", (track(publish.seat, "device"),)))


class TestSources:
    """A device's media lines are named, each source once."""

    def test_camera_with_sound(self) -> None:
        assert sources_of(CAMERA_WITH_SOUND) == {"0": "microphone", "1": "device"}

    def test_two_pictures(self) -> None:
        assert sources_of("m=video 9\na=mid:a\nm=video 9\na=mid:b\n") == {"a": "device", "b": "second_camera"}

    def test_stethoscope_beside_a_microphone(self) -> None:
        assert sources_of("m=audio 9\na=mid:a\nm=audio 9\na=mid:b\n") == {"a": "microphone", "b": "device"}

    def test_data_channel_is_left_out(self) -> None:
        assert sources_of("m=application 9\na=mid:0\nm=video 9\na=mid:1\n") == {"1": "device"}

    def test_text_that_is_no_sdp_has_none(self) -> None:
        assert sources_of("hello") == {}


class TestPublisher:
    """An exam camera is a seat that everyone sees."""

    def test_device_gets_the_relays_answer(self) -> None:
        visit = FakeVisit()
        published(visit)
        assert visit.done(e.DeviceAnswered) == [e.DeviceAnswered("l_1", "answer")]

    def test_others_see_it(self) -> None:
        visit = FakeVisit()
        visit.arrive(DOCTOR, Role.DOCTOR)
        published(visit)
        seats = visit.told(DOCTOR, m.SeatsChanged)[-1].seats
        assert [(seat.role, seat.sources) for seat in seats] == [(Role.DOCTOR, ()), (Role.DEVICE, ("device",))]

    def test_two_devices_are_two_seats(self) -> None:
        visit = FakeVisit()
        published(visit, "l_1")
        published(visit, "l_2")
        assert len({effect.seat for effect in visit.done(e.RelayPublish)}) == 2

    def test_delete_ends_link_and_seat(self) -> None:
        visit = FakeVisit()
        visit.arrive(DOCTOR, Role.DOCTOR)
        published(visit)
        visit.device(i.DeviceLeft("l_1"))
        assert visit.done(e.RelayCloseLink) == [e.RelayCloseLink("l_1")]
        assert [seat.role for seat in visit.told(DOCTOR, m.SeatsChanged)[-1].seats] == [Role.DOCTOR]

    def test_device_that_fell_silent_leaves_its_seat(self) -> None:
        visit = FakeVisit()
        visit.arrive(DOCTOR, Role.DOCTOR)
        published(visit)
        for state in ("connected", "lost", "closed"):
            visit.relay(LinkState(VISIT, "l_1", "s_any", state))
        assert [seat.role for seat in visit.told(DOCTOR, m.SeatsChanged)[-1].seats] == [Role.DOCTOR]

    def test_device_of_a_visit_that_is_not_open_is_refused(self) -> None:
        visit = FakeVisit(VisitState.WAITING)
        visit.device(i.DeviceOffer("whip", "l_1", "v=0"))
        assert [effect.code for effect in visit.done(e.DeviceRefused)] == ["not-admitted"]

    def test_relays_refusal_reaches_the_device_and_frees_the_seat(self) -> None:
        visit = FakeVisit()
        visit.arrive(DOCTOR, Role.DOCTOR)
        visit.device(i.DeviceOffer("whip", "l_1", "v=0"))
        visit.relay(i.LinkRefused("l_1", "bad_sdp", "no media"))
        assert [effect.code for effect in visit.done(e.DeviceRefused)] == ["bad_sdp"]
        assert [seat.role for seat in visit.told(DOCTOR, m.SeatsChanged)[-1].seats] == [Role.DOCTOR]

    def test_device_alone_drops_nobody(self) -> None:
        visit = FakeVisit()
        published(visit)
        visit.wait(3600)
        assert visit.states() == []

    def test_hold_silences_it(self) -> None:
        visit = FakeVisit()
        visit.both_arrive()
        published(visit)
        visit.say(DOCTOR, m.Hold())
        assert [(mute.source, mute.muted) for mute in visit.done(e.RelayMute)] == [("device", True)]


class TestReceivers:
    """Any number of WHEP receivers on one token."""

    def test_five_receivers_share_a_seat(self) -> None:
        visit = FakeVisit()
        visit.arrive(PATIENT, Role.PATIENT)
        for number in range(5):
            visit.device(i.DeviceOffer("whep", f"l_{number}", "v=0"))
            visit.relay(i.LinkAnswered(f"l_{number}", 0, "answer", ()))
        assert len(visit.done(e.DeviceAnswered)) == 5
        assert [seat.role for seat in visit.told(PATIENT, m.SeatsChanged)[-1].seats] == [Role.PATIENT, Role.DEVICE]

    def test_the_last_one_takes_the_seat_away(self) -> None:
        visit = FakeVisit()
        visit.arrive(PATIENT, Role.PATIENT)
        for number in range(2):
            visit.device(i.DeviceOffer("whep", f"l_{number}", "v=0"))
        visit.device(i.DeviceLeft("l_0"))
        assert len(visit.told(PATIENT, m.SeatsChanged)[-1].seats) == 2
        visit.device(i.DeviceLeft("l_1"))
        assert len(visit.told(PATIENT, m.SeatsChanged)[-1].seats) == 1
