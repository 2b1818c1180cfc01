"""Whether a consultation is recorded: asked for by the practitioner, begun and kept up by everybody's consent. Pure."""

import enum
from collections.abc import Mapping
from typing import assert_never

from signaling import effects as e
from signaling import inputs as i
from signaling import messages as m
from signaling.course import Course
from signaling.encryption import Encryption
from signaling.errors import NotAllowed, RecordingRefused, WrongState
from signaling.seats import Seat, Seats
from signaling.states import PATIENT_SIDE, Presence, Role


class RecordingState(enum.Enum):
    """Life of one recording. Drawn in signaling/README.md, which a test compares with RECORDING_TRANSITIONS."""

    OFF = "off"
    CONSENT_PENDING = "consent-pending"  # asked for; somebody's consent, or the recorder, is not there yet
    ON = "on"
    GAP = "gap"  # begun, and nothing is recorded now
    SEALED = "sealed"  # closed; another may begin


class RecordingTrigger(enum.Enum):
    """What moves a recording."""

    START = "start"
    BEGIN = "begin"
    REFUSE = "refuse"
    INTERRUPT = "interrupt"
    GO_ON = "go_on"
    STOP = "stop"


_S, _T = RecordingState, RecordingTrigger
RECORDING_TRANSITIONS: Mapping[RecordingState, Mapping[RecordingTrigger, RecordingState]] = {
    _S.OFF: {_T.START: _S.CONSENT_PENDING},
    _S.CONSENT_PENDING: {_T.BEGIN: _S.ON, _T.REFUSE: _S.OFF, _T.STOP: _S.OFF},
    _S.ON: {_T.INTERRUPT: _S.GAP, _T.STOP: _S.SEALED},
    _S.GAP: {_T.GO_ON: _S.ON, _T.STOP: _S.SEALED},
    _S.SEALED: {_T.START: _S.CONSENT_PENDING},
}


class Hold(enum.Enum):
    """Why nothing is recorded although it was asked for; the pages say it in words."""

    CONSENT = "consent"  # somebody of the patient's side has not agreed, or no longer
    STARTING = "starting"  # the recorder is being started
    PAUSED = "paused"  # by the practitioner
    MEDIA = "media"  # the recorder gets nothing: it or the relay is being restarted


class Refusal(enum.Enum):
    """Why a consultation can not be recorded, or is not any more."""

    END_TO_END_ENCRYPTED = "end-to-end-encrypted"  # the server holds no key to what is said
    DECLINED = "declined"
    FAILED = "failed"  # disk, database or recorder


class Recording:
    """
    The recording of one consultation.

    Its mark is told before anything is recorded and taken away after: RecordMedia follows the message `recording` when
    it begins, and stands before it when it ends.
    """

    def __init__(self, seats: Seats, course: Course, encryption: Encryption) -> None:
        self._seats, self._course, self._encryption = seats, course, encryption
        self.state = RecordingState.OFF
        self._holds: set[Hold] = set()
        self._refusal: Refusal | None = None
        self._answers: dict[str, bool] = {}
        self._visit_answer = course.view.recording_consent
        self._asked: frozenset[str] = frozenset()
        self._is_opening = False

    @property
    def is_running(self) -> bool:
        """Asked for, or under way."""
        return self.state not in (RecordingState.OFF, RecordingState.SEALED)

    # Inputs

    def command(self, seat: Seat, message: m.Record) -> list[e.Effect]:
        """Start, pause, resume or stop, by the practitioner. Raises NotAllowed, WrongState, RecordingRefused."""
        practitioner = self._course.view.practitioner
        if seat.role is not Role.DOCTOR or practitioner is None or practitioner.seat != seat.id:
            raise NotAllowed("record")
        match message.action:
            case "start":
                return self._start(seat)
            case "pause":
                self._require(RecordingState.ON, RecordingState.GAP, action="pause")
                return self._hold(Hold.PAUSED)
            case "resume":
                self._require(RecordingState.GAP, action="resume")
                return self._release(Hold.PAUSED)
            case "stop":
                self._require(RecordingState.CONSENT_PENDING, RecordingState.ON, RecordingState.GAP, action="stop")
                return self._stop()
            case _:
                assert_never(message.action)

    def answer(self, seat: Seat, message: m.Consent) -> list[e.Effect]:
        """
        Take the word of somebody of the patient's side. Raises NotAllowed.

        A no counts at once; a yes when it is stored.
        """
        if seat.role not in PATIENT_SIDE:
            raise NotAllowed("consent for the patient")
        effects: list[e.Effect] = [e.StoreConsent(seat.id, seat.role, message.given, message.text_version)]
        if message.given:
            return effects
        self._answers[seat.id] = False
        if self.state is RecordingState.CONSENT_PENDING:
            return effects + self._refuse(Refusal.DECLINED)
        return effects + self.follow()

    def receive(self, event: i.RecordingInput) -> list[e.Effect]:
        """Advance by what the store or the recorder says."""
        match event:
            case i.ConsentStored(seat, given):
                self._answers[seat] = given
                return self.follow()
            case i.RecorderReady():
                return self._release(Hold.STARTING) if self._is_opening else []
            case i.RecorderGap(is_gap):
                if is_gap:
                    return self._hold(Hold.MEDIA) if self.state is RecordingState.ON else []
                return self._release(Hold.MEDIA) if Hold.MEDIA in self._holds else []
            case i.RecorderFailed():
                return self._fail()
            case _:
                assert_never(event)

    def follow(self) -> list[e.Effect]:
        """Keep up with who is there, what they agreed to, and whether the call is open."""
        if self._course.view.recording_consent != self._visit_answer:
            self._visit_answer = self._course.view.recording_consent
            for seat in self._seats:
                if seat.role is Role.PATIENT:
                    self._answers[seat.id] = self._visit_answer
        if self.state in (RecordingState.OFF, RecordingState.SEALED):
            return []
        if self._encryption.is_on:
            return self._refuse(Refusal.END_TO_END_ENCRYPTED)
        if not self._course.is_open:
            return self._stop()
        missing = self._missing()
        if missing != self._asked or bool(missing) != (Hold.CONSENT in self._holds):
            self._asked = missing
            return self._hold(Hold.CONSENT) if missing else self._release(Hold.CONSENT)
        return []

    def on_arrival(self, seat: Seat) -> list[e.Effect]:
        """Tell a page that comes whether it is recorded."""
        return self._seats.tell(seat, self._message(seat)) if self.state is not RecordingState.OFF else []

    # Own

    def _start(self, seat: Seat) -> list[e.Effect]:
        if self._encryption.is_on:
            raise RecordingRefused(Refusal.END_TO_END_ENCRYPTED.value)
        if not self._course.is_open:
            raise WrongState(self._course.state.value, "record")
        if self._is_opening:
            raise WrongState(self.state.value, "record")  # the one before is being sealed
        self._move(_T.START)
        self._refusal, self._asked = None, self._missing()
        # Who said no before and is asked again says no by not answering.
        self._holds = {Hold.STARTING} | ({Hold.CONSENT} if self._asked else set())
        return self._open(seat) + self._tell()

    def _open(self, seat: Seat) -> list[e.Effect]:
        self._is_opening = True
        return [e.OpenRecording(seat.id)]

    def _hold(self, hold: Hold) -> list[e.Effect]:
        had_media = self._holds == {Hold.MEDIA}
        self._holds.add(hold)
        if hold is not Hold.MEDIA:
            self._holds.discard(Hold.MEDIA)  # the room is not tapped now, so nothing would tell that it is back
        if self.state is not RecordingState.ON:
            was_tapped = self.state is RecordingState.GAP and had_media
            return ([e.RecordMedia(False)] if was_tapped else []) + self._tell()
        self._move(_T.INTERRUPT)
        # When the recorder gets nothing the room stays tapped: the shell tries again, and tells when it is back.
        effects: list[e.Effect] = [] if hold is Hold.MEDIA else [e.RecordMedia(False)]
        return effects + self._tell()

    def _release(self, hold: Hold) -> list[e.Effect]:
        self._holds.discard(hold)
        if self._holds:
            return self._tell()
        if self.state is RecordingState.CONSENT_PENDING:
            self._move(_T.BEGIN)
        elif self.state is RecordingState.GAP:
            self._move(_T.GO_ON)
        else:
            return []
        return [*self._tell(), e.RecordMedia(True)]

    def _stop(self) -> list[e.Effect]:
        was_on = self.state is RecordingState.ON
        self._move(_T.STOP)
        return ([e.RecordMedia(False)] if was_on else []) + self._seal()

    def _refuse(self, refusal: Refusal) -> list[e.Effect]:
        self._refusal = refusal
        if self.state is not RecordingState.CONSENT_PENDING:
            return self._stop()
        self._move(_T.REFUSE)
        return self._seal()

    def _fail(self) -> list[e.Effect]:
        self._is_opening = False
        if self.state in (RecordingState.OFF, RecordingState.SEALED):
            return []
        self._refusal = Refusal.FAILED
        self._move(_T.REFUSE if self.state is RecordingState.CONSENT_PENDING else _T.STOP)
        self._holds.clear()
        return self._tell()

    def _seal(self) -> list[e.Effect]:
        self._holds.clear()
        self._asked = frozenset()
        self._is_opening = False
        return [e.SealRecording(), *self._tell()]

    def _missing(self) -> frozenset[str]:
        """Return who of the patient's side has not agreed; `?` when nobody of it is there to agree."""
        side = [seat for seat in self._seats if seat.role in PATIENT_SIDE]
        there = [seat for seat in side if seat.presence is not Presence.AWAY] or side  # cut off is not withdrawn
        if not there:
            return frozenset({"?"})
        return frozenset(seat.id for seat in there if not self._has_agreed(seat))

    def _has_agreed(self, seat: Seat) -> bool:
        by_visit = self._visit_answer if seat.role is Role.PATIENT else False
        return self._answers.get(seat.id, by_visit)

    def _require(self, *states: RecordingState, action: str) -> None:
        if self.state not in states:
            raise WrongState(self.state.value, action)

    def _move(self, trigger: RecordingTrigger) -> None:
        target = RECORDING_TRANSITIONS[self.state].get(trigger)
        if target is None:
            raise WrongState(self.state.value, trigger.value)
        self.state = target

    def _tell(self) -> list[e.Effect]:
        return [effect for seat in self._seats for effect in self._seats.tell(seat, self._message(seat))]

    def _message(self, seat: Seat) -> m.Recording:
        asks = self.state in (RecordingState.CONSENT_PENDING, RecordingState.GAP) and seat.id in self._asked
        if self.state in (RecordingState.OFF, RecordingState.SEALED):
            cause = self._refusal.value if self._refusal is not None else ""
        else:
            cause = next((hold.value for hold in Hold if hold in self._holds), "")
        return m.Recording(self.state.value, cause, asks)
