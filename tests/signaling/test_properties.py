"""What holds for any course of events: hostile pages, a flaky relay, a database that comes and goes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from signaling import effects as e
from signaling import inputs as i
from signaling import messages as m
from signaling.errors import SignalingError
from signaling.media.reports import LayerWish, LinkState, OfferReady, RoomSnapshot, TracksChanged
from signaling.states import OVER, Role, Trigger, VisitState
from tests.fakes.visit import DOCTOR, PATIENT, VISIT, FakeVisit, track

SEATS = {DOCTOR: Role.DOCTOR, PATIENT: Role.PATIENT, "s_expert": Role.EXPERT, "s_daughter": Role.CAREGIVER}
MESSAGES: list[m.ClientMessage] = [
    m.Ping(),
    m.Publish(1, "v=0", {"0": "camera"}),
    m.Publish(2, "v=0", {"0": "camera", "1": "microphone"}),
    m.Subscribe(),
    m.Subscribe(True),
    m.Answer(1, "v=0"),
    m.Mute("camera", True),
    m.Mute("camera", False),
    m.ChatText("hello", "k1"),
    m.ChatText("again", "k2"),
    m.Layers((LayerWish("0", 240),)),
    m.Ring(),
    m.Accept(),
    m.Hold(),
    m.Resume(),
    m.End(),
    m.Escalate(),
    m.Remove("s_expert"),
    m.Leave(),
]
seats = st.sampled_from(sorted(SEATS))
links = st.sampled_from(["up", "down"])
steps = st.one_of(
    st.tuples(st.just("arrive"), seats, st.booleans()),
    st.tuples(st.just("lose"), seats),
    st.tuples(st.just("say"), seats, st.sampled_from(MESSAGES), st.integers(0, 6), st.integers(0, 20)),
    st.tuples(st.just("link"), seats, links, st.sampled_from(["connected", "shaky", "lost", "closed"])),
    st.tuples(st.just("answered"), seats, links),
    st.tuples(st.just("relay"), st.sampled_from(["gone", "back", "stranger"])),
    st.tuples(st.just("store"), st.booleans()),
    st.tuples(st.just("wait"), st.sampled_from([0.1, 3.0, 6.0, 25.0, 400.0])),
)


class Course(FakeVisit):
    """A visit that anything may happen to."""

    def __init__(self, state: VisitState) -> None:
        super().__init__(state)
        self.resume: dict[str, m.ResumePoint] = {}
        self.asked_end: set[str] = set()

    def take(self, step: tuple[object, ...]) -> None:
        getattr(self, f"step_{step[0]}")(*step[1:])

    def step_arrive(self, seat: str, resumes: bool) -> None:
        try:
            key = self.arrive(seat, SEATS[seat], self.resume.get(seat) if resumes else None)
        except SignalingError:
            return
        self.resume[seat] = m.ResumePoint(key, 0)

    def step_lose(self, seat: str) -> None:
        self.lose(seat)

    def step_say(self, seat: str, message: m.ClientMessage, seq: int, ack: int) -> None:
        if isinstance(message, m.End):
            self.asked_end.add(seat)
        self.say(seat, message, seq, ack)

    def step_link(self, seat: str, direction: str, state: object) -> None:
        link = self.link(seat, direction)
        if link is not None:
            self.relay(LinkState(VISIT, link, seat, state))  # type: ignore[arg-type]  # drawn from the four

    def step_answered(self, seat: str, direction: str) -> None:
        link = self.link(seat, direction)
        if link is not None and direction == "up":
            self.relay(i.LinkAnswered(link, 2, "answer", (track(seat, "camera"),), "1"))
        elif link is not None:
            self.relay(OfferReady(VISIT, seat, link, 2, "offer", ()))

    def step_relay(self, what: str) -> None:
        match what:
            case "gone":
                self.relay(i.RelayGone(VISIT))
            case "back":
                self.relay(i.RelayBack(VISIT, RoomSnapshot(VISIT, ())))
            case _:
                self.relay(TracksChanged(VISIT, "s_stranger", ()))

    def step_store(self, is_away: bool) -> None:
        self.store_is_away = is_away

    def step_wait(self, seconds: float) -> None:
        self.wait(seconds)

    def link(self, seat: str, direction: str) -> str | None:
        kind = e.RelayPublish if direction == "up" else e.RelaySubscribe
        asked = [effect.link for effect in self.done(kind) if effect.seat == seat]
        return asked[-1] if asked else None


@given(st.sampled_from([VisitState.CALLED, VisitState.IN_CONSULT]), st.lists(steps, max_size=40))
@settings(max_examples=150, deadline=None)
def test_any_course(state: VisitState, course: list[tuple[object, ...]]) -> None:
    """Nothing raises; numbers only rise; nobody but the practitioner ends a call; nobody is heard unadmitted."""
    visit = Course(state)
    for step in course:
        before, done = visit.core.view.state, len(visit.effects)
        visit.take(step)
        check_end(visit, before)
        check_admission(visit, before, visit.effects[done:])
    check_numbers(visit)


def check_end(visit: Course, before: VisitState) -> None:
    after = visit.core.view.state
    if after in OVER and before not in OVER:
        ends = [effect.trigger for effect in visit.effects if isinstance(effect, e.Transition)]
        was_left = before is VisitState.CALLED and ends[-1] is Trigger.LEAVE
        assert was_left or (DOCTOR in visit.asked_end and ends[-1] is Trigger.END)


def check_admission(visit: Course, before: VisitState, effects: list[e.Effect]) -> None:
    published = [effect.seat for effect in effects if isinstance(effect, e.RelayPublish)]
    if before is VisitState.CALLED:
        assert not {PATIENT, "s_daughter"} & set(published)


def check_numbers(visit: Course) -> None:
    for envelopes in visit.sent.values():
        last = 0
        for envelope in envelopes:
            if isinstance(envelope.message, m.Welcome):
                last = 0  # a new page, or a replay of what it missed
            elif envelope.seq:
                assert envelope.seq > last
                last = envelope.seq
