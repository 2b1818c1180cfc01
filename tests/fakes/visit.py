"""A consultation in virtual time: pages, a store that answers at once, a relay that answers when asked to."""

from collections.abc import Iterable
from dataclasses import replace

from signaling import effects as e
from signaling import inputs as i
from signaling import messages as m
from signaling.consultation import Consultation
from signaling.media.reports import Track
from signaling.states import Role, Trigger, VisitState

VISIT = "11111111-1111-4111-8111-111111111111"
DOCTOR, PATIENT = "s_doctor", "s_patient"
PRACTITIONER = i.Practitioner(DOCTOR, "Dr Lin", "110")
FACTS = i.RoomFacts("120", "Call 120 now.")
AT = "2026-11-22T10:00:00Z"


class FakeVisit:
    """One consultation with its surroundings. `store_is_away` makes every write wait."""

    def __init__(self, state: VisitState = VisitState.IN_CONSULT, *, claimed: bool = True, rung: bool = False) -> None:
        self.now = 1000.0
        self.view = i.VisitView(VISIT, state, PRACTITIONER if claimed else None, rung)
        self.core = Consultation(self.view, self.now, FACTS)
        self.sent: dict[str, list[m.ServerEnvelope]] = {}
        self.effects: list[e.Effect] = []
        self.store_is_away = False
        self.chat_number = 0
        self.keys = 0

    # People

    def arrive(self, seat: str, role: Role, resume: m.ResumePoint | None = None) -> str:
        """Seat a page; return its resume key."""
        self.keys += 1
        turn = ({"urls": "turn:a"},)
        arrival = i.Arrival(seat, role, seat, f"key-{self.keys}", resume, "hello", turn, 300)
        self.carry_out(self.core.seat_connected(arrival, self.now))
        return next(
            s.message.resume_key for s in reversed(self.sent[seat]) if isinstance(s.message, m.Welcome)
        )

    def both_arrive(self) -> None:
        self.arrive(DOCTOR, Role.DOCTOR)
        self.arrive(PATIENT, Role.PATIENT)

    def lose(self, seat: str) -> None:
        self.carry_out(self.core.seat_disconnected(seat, self.now))

    def say(self, seat: str, message: m.ClientMessage, seq: int = 0, ack: int = 0, re: str | None = "1") -> None:
        self.carry_out(self.core.receive(m.ClientEnvelope(message, re, seq, ack), seat, self.now))

    def relay(self, event: i.RelayInput) -> None:
        self.carry_out(self.core.receive_relay(event, self.now))

    def recorder(self, event: i.RecordingInput) -> None:
        self.carry_out(self.core.receive_store(event, self.now))

    def device(self, request: i.DeviceInput) -> None:
        self.carry_out(self.core.receive_device(request, self.now))

    # Time

    def wait(self, seconds: float) -> None:
        """Let virtual time pass; each clock acts at its own moment."""
        end = self.now + seconds
        while (deadline := self.core.next_deadline()) is not None and deadline <= end:
            before = self.now
            self.now = max(self.now, deadline)
            self.carry_out(self.core.handle_timer(self.now))
            assert self.now > before or self.core.next_deadline() != deadline, "a clock that does not advance"
        self.now = end

    # Surroundings

    def carry_out(self, effects: Iterable[e.Effect]) -> None:
        """Carry effects out; what the store answers comes after all of them, as in server/room.py."""
        answers: list[i.StoreResult] = []
        for effect in effects:
            self.effects.append(effect)
            match effect:
                case e.Send(seat, envelope):
                    self.sent.setdefault(seat, []).append(envelope)
                case e.Transition():
                    answers.append(self._store(effect))
                case e.StoreChat(seat, role, text, key) if not self.store_is_away:
                    self.chat_number += 1
                    answers.append(i.ChatStored(m.ChatLine(self.chat_number, seat, role, text, key, AT)))
                case e.StoreReading(seat, role, values, key) if not self.store_is_away:
                    self.chat_number += 1
                    answers.append(i.ReadingStored(m.Reading(self.chat_number, seat, role, values, key, AT)))
        for answer in answers:
            self.carry_out(self.core.receive_store(answer, self.now))

    def change(self, state: VisitState, practitioner: i.Practitioner | None = PRACTITIONER) -> None:
        """The visit is changed over HTTP."""
        self.view = i.VisitView(VISIT, state, practitioner, at=AT)
        self.carry_out(self.core.receive_store(i.VisitChanged(self.view), self.now))

    def refuse_store(self, trigger: Trigger) -> None:
        result = i.NotStored(trigger, "the database is away")
        self.carry_out(self.core.receive_store(result, self.now))

    def _store(self, effect: e.Transition) -> i.StoreResult:
        if self.store_is_away:
            return i.Deferred(effect.trigger, AT) if effect.may_wait else i.NotStored(effect.trigger, "away")
        is_free = effect.trigger is Trigger.RELEASE
        self.view = replace(
            self.view,
            state=effect.after,
            practitioner=None if is_free else self.view.practitioner,
            has_rung=effect.trigger is Trigger.RING or (self.view.has_rung and not is_free),
        )
        return i.Stored(self.view, AT)

    # What came out

    def heard(self, seat: str) -> list[m.ServerMessage]:
        """Return what a seat was sent, and forget it."""
        return [envelope.message for envelope in self.sent.pop(seat, [])]

    def told(self, seat: str, kind: type[m.ServerMessage]) -> list[m.ServerMessage]:
        """Return what a seat was sent of one kind."""
        return [s.message for s in self.sent.get(seat, []) if isinstance(s.message, kind)]

    def done(self, kind: type[e.Effect]) -> list[e.Effect]:
        """Return the effects of one kind."""
        return [effect for effect in self.effects if isinstance(effect, kind)]

    def states(self) -> list[str]:
        """Return the states that the visit was moved to, in order."""
        return [effect.after.value for effect in self.effects if isinstance(effect, e.Transition)]

    def forget(self) -> None:
        self.sent.clear()
        self.effects.clear()


def track(seat: str, source: str, mid: str = "0") -> Track:
    return Track(mid, seat, "audio" if source == "microphone" else "video", source)
