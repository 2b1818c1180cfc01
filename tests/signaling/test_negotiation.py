"""README "Media": two links a seat, the newest description counts, mutes and hold, a relay that is lost."""

from signaling import effects as e
from signaling import inputs as i
from signaling import messages as m
from signaling.media.reports import (
    ActiveSpeaker,
    LayerChanged,
    LayerSoon,
    LayerWish,
    LinkSnapshot,
    LinkState,
    OfferReady,
    Quality,
    RoomSnapshot,
    SourceDemand,
    TracksChanged,
)
from signaling.states import Role, VisitState
from tests.fakes.visit import DOCTOR, PATIENT, VISIT, FakeVisit, track


def in_consult() -> FakeVisit:
    visit = FakeVisit(VisitState.IN_CONSULT)
    visit.both_arrive()
    visit.forget()
    return visit


def publish(visit: FakeVisit, generation: int = 1, seat: str = PATIENT) -> str:
    """Publish a camera; return the link id that the relay was asked for."""
    visit.say(seat, m.Publish(generation, "v=0", {"0": "camera"}), re="7")
    link = visit.done(e.RelayPublish)[-1].link
    visit.relay(i.LinkAnswered(link, generation, "answer", (track(seat, "camera"),), "7"))
    return link


def subscribe(visit: FakeVisit, seat: str = DOCTOR) -> str:
    visit.say(seat, m.Subscribe(), re="8")
    link = visit.done(e.RelaySubscribe)[-1].link
    visit.relay(i.LinkOffered(link, 1, "offer", (), "8"))
    return link


def codes(visit: FakeVisit, seat: str) -> list[str]:
    return [failure.code for failure in visit.told(seat, m.Failure)]


class TestUp:
    """The client offers, the relay answers."""

    def test_answer_reaches_the_publisher_with_its_id_and_generation(self) -> None:
        visit = in_consult()
        publish(visit)
        assert visit.told(PATIENT, m.Published) == [m.Published(1, "answer")]
        assert [s.re for s in visit.sent[PATIENT] if isinstance(s.message, m.Published)] == ["7"]

    def test_others_see_what_is_published(self) -> None:
        visit = in_consult()
        publish(visit)
        assert visit.told(DOCTOR, m.SeatsChanged)[-1].seats[1].sources == ("camera",)

    def test_restart_uses_the_same_link(self) -> None:
        visit = in_consult()
        assert publish(visit, 1) == publish(visit, 2)

    def test_older_generation_is_refused(self) -> None:
        visit = in_consult()
        publish(visit, 2)
        visit.say(PATIENT, m.Publish(1, "v=0", {}))
        assert codes(visit, PATIENT) == ["stale-generation"]

    def test_answer_to_a_superseded_offer_is_dropped(self) -> None:
        visit = in_consult()
        visit.say(PATIENT, m.Publish(1, "v=0", {}))
        visit.say(PATIENT, m.Publish(2, "v=0", {}))
        link = visit.done(e.RelayPublish)[0].link
        visit.relay(i.LinkAnswered(link, 1, "old", ()))
        visit.relay(i.LinkAnswered(link, 2, "new", ()))
        assert visit.told(PATIENT, m.Published) == [m.Published(2, "new")]

    def test_relays_refusal_is_told_with_its_code(self) -> None:
        visit = in_consult()
        visit.say(PATIENT, m.Publish(1, "v=0", {}), re="7")
        visit.relay(i.LinkRefused(visit.done(e.RelayPublish)[0].link, "bad_sdp", "no media", "7"))
        (failure,) = visit.told(PATIENT, m.Failure)
        assert (failure.code, "bad_sdp" in failure.detail) == ("relay-refused", True)

    def test_answer_for_a_page_that_was_replaced_is_dropped(self) -> None:
        visit = in_consult()
        visit.say(PATIENT, m.Publish(1, "v=0", {}))
        link = visit.done(e.RelayPublish)[0].link
        visit.arrive(PATIENT, Role.PATIENT)
        visit.forget()
        visit.relay(i.LinkAnswered(link, 1, "answer", ()))
        assert not visit.told(PATIENT, m.Published)


class TestDown:
    """The relay offers, the client answers."""

    def test_offer_reaches_the_subscriber(self) -> None:
        visit = in_consult()
        subscribe(visit)
        assert visit.told(DOCTOR, m.Offer) == [m.Offer(1, "offer", ())]

    def test_new_tracks_bring_a_new_offer_by_themselves(self) -> None:
        visit = in_consult()
        link = subscribe(visit)
        tracks = (track(PATIENT, "camera"),)
        visit.relay(OfferReady(VISIT, DOCTOR, link, 2, "offer 2", tracks))
        assert visit.told(DOCTOR, m.Offer)[-1] == m.Offer(2, "offer 2", tracks)

    def test_answer_that_a_newer_offer_overtook_brings_that_one_again_with_its_id(self) -> None:
        visit = in_consult()
        link = subscribe(visit)
        visit.say(DOCTOR, m.Subscribe(), re="9")
        visit.relay(OfferReady(VISIT, DOCTOR, link, 3, "newest", ()))
        visit.relay(i.LinkOffered(link, 2, "overtaken", (), "9"))
        assert visit.sent[DOCTOR][-1].message == m.Offer(3, "newest", ())
        assert visit.sent[DOCTOR][-1].re == "9"

    def test_answer_goes_to_the_relay(self) -> None:
        visit = in_consult()
        link = subscribe(visit)
        visit.say(DOCTOR, m.Answer(1, "v=0"), re="9")
        assert visit.done(e.RelayAnswer) == [e.RelayAnswer(DOCTOR, link, 1, "v=0", "9")]
        visit.relay(i.LinkTook(link, "9"))
        assert visit.told(DOCTOR, m.Done) == [m.Done()]

    def test_answer_to_an_older_offer_is_refused(self) -> None:
        visit = in_consult()
        link = subscribe(visit)
        visit.relay(OfferReady(VISIT, DOCTOR, link, 2, "offer 2", ()))
        visit.say(DOCTOR, m.Answer(1, "v=0"))
        assert codes(visit, DOCTOR) == ["stale-generation"]

    def test_answer_before_subscribe_is_refused(self) -> None:
        visit = in_consult()
        visit.say(DOCTOR, m.Answer(1, "v=0"))
        assert codes(visit, DOCTOR) == ["relay-refused"]

    def test_offer_that_was_overtaken_is_dropped(self) -> None:
        visit = in_consult()
        link = subscribe(visit)
        visit.relay(OfferReady(VISIT, DOCTOR, link, 3, "offer 3", ()))
        visit.relay(OfferReady(VISIT, DOCTOR, link, 2, "offer 2", ()))
        assert [offer.generation for offer in visit.told(DOCTOR, m.Offer)] == [1, 3]

    def test_layer_wishes_go_to_the_relay(self) -> None:
        visit = in_consult()
        link = subscribe(visit)
        wish = LayerWish("0", 240)
        visit.say(DOCTOR, m.Layers((wish,)))
        assert visit.done(e.RelayLayers) == [e.RelayLayers(DOCTOR, link, (wish,), "1")]


class TestMute:
    """A muted source is stopped at the relay too."""

    def test_mute_and_unmute(self) -> None:
        visit = in_consult()
        publish(visit)
        visit.say(PATIENT, m.Mute("camera", True))
        visit.say(PATIENT, m.Mute("camera", False))
        assert [mute.muted for mute in visit.done(e.RelayMute)] == [True, False]

    def test_source_muted_before_it_comes_stays_silent(self) -> None:
        visit = in_consult()
        visit.say(PATIENT, m.Mute("camera", True))
        publish(visit)
        assert visit.done(e.RelayMute) == [e.RelayMute(PATIENT, "camera", True)]

    def test_nobody_can_mute_another(self) -> None:
        visit = in_consult()
        publish(visit)
        visit.say(DOCTOR, m.Mute("camera", True))
        assert not [mute for mute in visit.done(e.RelayMute) if mute.seat == PATIENT]


class TestHold:
    """On hold nobody is heard or seen; afterwards everything is as its owner left it."""

    def test_hold_stops_and_resume_restores(self) -> None:
        visit = in_consult()
        publish(visit)
        visit.say(DOCTOR, m.Hold())
        visit.say(DOCTOR, m.Resume())
        assert [mute.muted for mute in visit.done(e.RelayMute)] == [True, False]

    def test_what_was_muted_stays_muted(self) -> None:
        visit = in_consult()
        publish(visit)
        visit.say(PATIENT, m.Mute("camera", True))
        visit.say(DOCTOR, m.Hold())
        visit.say(DOCTOR, m.Resume())
        assert [mute.muted for mute in visit.done(e.RelayMute)] == [True, True, True]

    def test_what_comes_during_hold_is_silent(self) -> None:
        visit = in_consult()
        visit.say(DOCTOR, m.Hold())
        publish(visit)
        assert visit.done(e.RelayMute) == [e.RelayMute(PATIENT, "camera", True)]


class TestRelayLost:
    """Everyone with links sets them up anew."""

    def test_told_to_those_with_links(self) -> None:
        visit = in_consult()
        publish(visit)
        visit.relay(i.RelayGone(VISIT))
        assert visit.told(PATIENT, m.RelayLost) == [m.RelayLost()]
        assert not visit.told(DOCTOR, m.RelayLost)

    def test_new_links_have_new_ids(self) -> None:
        visit = in_consult()
        before = publish(visit)
        visit.relay(i.RelayGone(VISIT))
        assert publish(visit) != before

    def test_generation_starts_anew(self) -> None:
        visit = in_consult()
        publish(visit, 5)
        visit.relay(i.RelayGone(VISIT))
        publish(visit, 1)
        assert visit.told(PATIENT, m.Published)[-1] == m.Published(1, "answer")

    def test_relay_that_came_back_empty_is_as_lost(self) -> None:
        visit = in_consult()
        publish(visit)
        visit.relay(i.RelayBack(VISIT, RoomSnapshot(VISIT, ())))
        assert visit.told(PATIENT, m.RelayLost) == [m.RelayLost()]

    def test_page_that_asked_while_the_relay_was_away_is_told_when_it_is_back(self) -> None:
        visit = in_consult()
        link = publish(visit)
        visit.say(PATIENT, m.Publish(2, "v=0", {}), re="8")
        visit.relay(i.LinkRefused(link, "relay_lost", "", "8"))
        visit.relay(i.RelayBack(VISIT, RoomSnapshot(VISIT, ())))
        assert visit.told(PATIENT, m.RelayLost) == [m.RelayLost()]

    def test_page_that_asked_in_vain_keeps_its_link_where_the_relay_kept_it(self) -> None:
        visit = in_consult()
        link = publish(visit)
        visit.relay(i.LinkRefused(link, "relay_lost", ""))
        kept = LinkSnapshot(link, PATIENT, "up", "connected", 1, (), 0, 0)
        visit.relay(i.RelayBack(VISIT, RoomSnapshot(VISIT, (kept,))))
        assert publish(visit, 2) == link
        assert not visit.told(PATIENT, m.RelayLost)

    def test_relay_that_still_has_the_link_changes_nothing(self) -> None:
        visit = in_consult()
        link = publish(visit)
        kept = LinkSnapshot(link, PATIENT, "up", "connected", 1, (), 0, 0)
        visit.relay(i.RelayBack(VISIT, RoomSnapshot(VISIT, (kept,))))
        assert not visit.told(PATIENT, m.RelayLost)

    def test_link_that_the_relay_closed_can_be_published_again(self) -> None:
        visit = in_consult()
        before = publish(visit)
        visit.relay(LinkState(VISIT, before, PATIENT, "closed"))
        assert publish(visit, 1) != before


class TestReload:
    """A page that reloads gets new links; one that only lost its socket keeps them."""

    def test_reload_ends_the_old_links(self) -> None:
        visit = in_consult()
        link = publish(visit)
        visit.arrive(PATIENT, Role.PATIENT)
        assert visit.done(e.RelayCloseLink) == [e.RelayCloseLink(link)]

    def test_lost_socket_keeps_them(self) -> None:
        visit = FakeVisit()
        visit.arrive(DOCTOR, Role.DOCTOR)
        key = visit.arrive(PATIENT, Role.PATIENT)
        publish(visit)
        visit.lose(PATIENT)
        visit.forget()
        visit.arrive(PATIENT, Role.PATIENT, m.ResumePoint(key, 0))
        assert not visit.done(e.RelayCloseLink)
        assert dict(visit.told(PATIENT, m.Welcome)[0].links) == {"up": "connecting"}


class TestDeserted:
    """A room is forgotten when nobody is there and the relay has nothing of it either."""

    def test_link_of_a_page_that_has_not_come_back_keeps_the_room(self) -> None:
        visit = FakeVisit(VisitState.AWAY)
        kept = LinkSnapshot("l_1", PATIENT, "up", "connected", 1, (), 0, 0)
        visit.relay(i.RelayBack(VISIT, RoomSnapshot(VISIT, (kept,))))
        assert not visit.core.is_deserted

    def test_until_the_relay_closes_it(self) -> None:
        visit = FakeVisit(VisitState.AWAY)
        kept = LinkSnapshot("l_1", PATIENT, "up", "connected", 1, (), 0, 0)
        visit.relay(i.RelayBack(VISIT, RoomSnapshot(VISIT, (kept,))))
        visit.relay(LinkState(VISIT, "l_1", PATIENT, "closed"))
        assert visit.core.is_deserted


class TestForwarded:
    """What the pages show of the media."""

    def test_speaker(self) -> None:
        visit = in_consult()
        visit.relay(ActiveSpeaker(VISIT, PATIENT))
        assert visit.told(DOCTOR, m.Speaker) == [m.Speaker(PATIENT)]

    def test_quality(self) -> None:
        visit = in_consult()
        visit.relay(Quality(VISIT, PATIENT, 4.1, "conversation", (), 0.0, 40.0, 900_000))
        assert visit.told(DOCTOR, m.SeatQuality) == [m.SeatQuality(PATIENT, 4.1, "conversation", ())]

    def test_tracks_of_a_stranger_are_ignored(self) -> None:
        visit = in_consult()
        visit.relay(TracksChanged(VISIT, "s_stranger", ()))
        assert visit.effects == []


class TestLine:
    """What the relay says of lines reaches the one page that it is for."""

    def test_demand_reaches_the_publisher_and_survives_a_lost_socket(self) -> None:
        visit = in_consult()
        visit.relay(SourceDemand(VISIT, PATIENT, "camera", ("l",)))
        assert visit.told(PATIENT, m.Demand) == [m.Demand("camera", ("l",), 0)]
        assert visit.told(DOCTOR, m.Demand) == []
        assert [s.seq > 0 for s in visit.sent[PATIENT] if isinstance(s.message, m.Demand)] == [True]

    def test_layers_and_warnings_reach_the_subscriber(self) -> None:
        visit = in_consult()
        visit.relay(LayerSoon(VISIT, DOCTOR, "audio_only", PATIENT, "camera"))
        visit.relay(LayerChanged(VISIT, DOCTOR, "l_1", "audio_only", "line", PATIENT, "camera"))
        assert visit.told(DOCTOR, m.LayerSoon) == [m.LayerSoon("audio_only", PATIENT, "camera")]
        assert visit.told(DOCTOR, m.LayerChanged) == [m.LayerChanged("audio_only", "line", PATIENT, "camera")]
        assert visit.told(PATIENT, m.LayerSoon) == []

    def test_relay_is_told_the_kind_of_network_when_it_changes(self) -> None:
        visit = in_consult()
        link = subscribe(visit)
        for name in (None, "wifi", "wifi", "cellular"):
            visit.say(DOCTOR, m.ClientQuality({}, name))
        assert visit.done(e.RelayNetwork) == [e.RelayNetwork(link, "wifi"), e.RelayNetwork(link, "cellular")]
