"""One consultation: messages, relay events, store results and time in; effects out. The specification is README.md."""

from collections.abc import Iterable
from typing import assert_never

from signaling import effects as e
from signaling import inputs as i
from signaling import messages as m
from signaling.announce import Announcer, Change, may_enter
from signaling.chat import Chat
from signaling.clocks import earliest
from signaling.commands import Commands
from signaling.course import Course
from signaling.devices import Devices
from signaling.drops import Attendance
from signaling.encryption import Encryption
from signaling.errors import SignalingError, VisitOver
from signaling.fitness import Fitness
from signaling.media import reports
from signaling.moves import Moves
from signaling.negotiation import Media, Negotiation
from signaling.paths import Paths
from signaling.recording import Recording
from signaling.room_links import RoomLinks
from signaling.seats import Seat, Seats
from signaling.states import OPEN, MediaLinkState, Presence, Role


class Consultation:
    """
    The live part of one visit.

    `now` is in seconds of one clock of the caller, always the same one. Every method but the questions returns
    effects, to be carried out in order; after each call ask `next_deadline`.
    """

    def __init__(
        self, view: i.VisitView, now: float, facts: i.RoomFacts, history: Iterable[m.ChatLine | m.Reading] = ()
    ) -> None:
        self._seats = Seats()
        self._course = Course(view)
        self._links = RoomLinks(self._seats)
        self._media = Negotiation(self._seats, self._links)
        self._devices = Devices(view.id, self._seats)
        self._paths = Paths(self._seats)
        self._moves = Moves(self._seats)
        self._chat = Chat(self._seats, history)
        self._attendance = Attendance(self._seats, self._course, now)
        self._attendance.note_state(None, now)
        self._announcer = Announcer(self._seats, self._course, Media(self._links, self._media), facts)
        self._fitness = Fitness()
        self.encryption = Encryption(self._seats)
        self.recording = Recording(self._seats, self._course, self.encryption)
        self._commands = Commands(self._seats, self._course, Media(self._links, self._media), self._attendance)

    # Questions

    @property
    def view(self) -> i.VisitView:
        """The visit as announced."""
        return self._course.view

    @property
    def is_deserted(self) -> bool:
        """Nobody is here and nothing is under way: the room may be forgotten and opened again later."""
        is_quiet = self._course.under_way is None and self.next_deadline() is None
        return is_quiet and self._links.is_empty and not any(seat.is_connected for seat in self._seats)

    def presence(self, side: frozenset[Role]) -> Presence:
        """Return whether someone of a side is there."""
        return self._attendance.presence(side)

    def next_deadline(self) -> float | None:
        """Return when handle_timer is due; None while no clock runs."""
        return earliest(self._attendance.next_deadline(), self._paths.next_deadline(), self._moves.next_deadline())

    # Inputs

    def seat_connected(self, arrival: i.Arrival, now: float) -> list[e.Effect]:
        """
        Seat a page and welcome it.

        Raises:
            VisitOver, RoomFull, NotAllowed: it may not sit down; nothing has changed.
        """
        if not may_enter(self.view, arrival.role, arrival.seat):
            raise VisitOver(self.view.state.value)
        seat, is_same_page = self._seats.take(arrival)
        effects = [] if is_same_page else self._links.abandon(seat)
        seat.is_connected = True
        self._links.adopt(seat)
        self._attendance.note_arrival(now)
        self._seats.is_changed |= seat.note_reach(now)
        effects += self._welcome(seat, arrival, is_same_page)
        return effects + self._after(now)

    def seat_disconnected(self, seat: str, now: float, *, is_barred: bool = False) -> list[e.Effect]:
        """The seat's socket is gone: that is no leave. Barred: its session is over, and its media ends too."""
        if seat not in self._seats:
            return []
        if is_barred:
            return self._links.abandon(self._seats[seat]) + self.seat_disconnected(seat, now)
        self._seats[seat].is_connected = False
        self._seats.is_changed |= self._seats[seat].note_reach(now)
        return [*self._after(now), e.TellQueue()]

    def receive(self, envelope: m.ClientEnvelope, sender: str, now: float) -> list[e.Effect]:
        """
        Advance by one message of an authenticated seat.

        What the sender may not do is answered with `error`; nothing is raised.
        """
        if sender not in self._seats:
            return []  # removed a moment ago; its socket is being closed
        seat = self._seats[sender]
        seat.journal.acknowledge(envelope.ack)
        if not seat.received.is_new(envelope.seq):
            return []
        try:
            effects = self._take(seat, envelope, now)
        except SignalingError as refusal:
            effects = self._seats.tell(seat, m.Failure(refusal.code, refusal.detail), envelope.id)
        return effects + self._after(now)

    def receive_relay(self, event: i.RelayInput, now: float) -> list[e.Effect]:
        """Advance by what the relay, or the connection to it, says."""
        effects = self._take_relay(event, now)
        for seat in list(self._seats):
            self._seats.is_changed |= seat.role is not Role.DEVICE and seat.note_reach(now)
        return effects + self._after(now)

    def receive_store(self, result: i.StoreResult | i.RecordingInput, now: float) -> list[e.Effect]:
        """Advance by what the store or the recorder did, or by a change made elsewhere."""
        match result:
            case i.ChatStored() | i.ReadingStored() | i.NotStored(trigger=None):
                return self._chat.receive_store(result)
            case i.ConsentStored() | i.RecorderReady() | i.RecorderGap() | i.RecorderFailed():
                return self.recording.receive(result) + self._after(now)
            case i.NotStored():
                return self._commands.refuse(result) + self._after(now)
            case _:
                return self._moved(result, now) + self._after(now)

    def receive_device(self, request: i.DeviceInput, now: float) -> list[e.Effect]:
        """Advance by a device's HTTP request."""
        match request:
            case i.DeviceOffer():
                is_open, is_on = self._course.is_open, self.encryption.is_on
                effects = self._devices.offer(request, is_open=is_open, is_encrypted=is_on)
            case i.DeviceLeft():
                effects = self._devices.leave(request.link)
        return effects + self._after(now)

    def receive_place(self, place: m.QueuePlace) -> list[e.Effect]:
        """Tell the patient's side its place in the queue."""
        if not self._course.is_queued:
            return []
        return self._seats.tell_all(place, self._commands.patients())

    def handle_timer(self, now: float) -> list[e.Effect]:
        """Let the clocks act that are due."""
        return self._after(now)

    # Own

    def _welcome(self, seat: Seat, arrival: i.Arrival, is_same_page: bool) -> list[e.Effect]:
        ack = arrival.resume.ack if arrival.resume is not None else 0
        is_resumed = is_same_page and seat.key != arrival.fresh_key and seat.journal.can_replay(ack)
        welcome = m.Welcome(
            seat=seat.id,
            role=seat.role,
            resume_key=seat.key,
            resumed=is_resumed,
            visit=self.view.id,
            state=self.view.state,
            seats=self._seats.views(),
            links={name: link.state.value for name, link in seat.links.items()},
            ice_servers=arrival.ice_servers,
            ice_ttl_s=arrival.ice_ttl_s,
            chat=self._chat.lines,
            admitted=self._course.admits(seat.role),
            encrypted=self.encryption.is_on,
            vitals=self._chat.readings,
        )
        effects = self._seats.tell(seat, welcome, arrival.re)
        if is_resumed:
            seat.journal.acknowledge(ack)
            return effects + [self._seats.send(seat, missed) for missed in seat.journal.tail(ack)]
        return effects + self._announcer.on_arrival(seat) + self.recording.on_arrival(seat)

    def _take(self, seat: Seat, envelope: m.ClientEnvelope, now: float) -> list[e.Effect]:
        message, re = envelope.message, envelope.id
        match message:
            case m.Hello():
                return []  # a second hello on a seated socket; the shell refuses it before
            case m.Ping():
                return self._seats.tell(seat, m.Pong(), re)
            case m.ChatText() | m.Vitals():
                return self._chat.receive(seat, message, envelope)
            case m.ClientQuality():  # its numbers are for the shell's metrics
                return self._media.network(seat, message.network)
            case m.Network():
                return self._paths.told(seat, message)
            case m.Identify() | m.Encrypt() | m.SendKey():
                return self._encrypt(seat, message, re)
            case m.Publish() | m.Subscribe() | m.Answer() | m.Mute() | m.Layers():
                if isinstance(message, m.Publish):
                    self.encryption.require(seat)
                return self._commands.negotiate(seat, message, re)
            case m.Leave():
                return self._commands.leave(seat, envelope, now)
            case m.Accept() | m.Remove():
                return self._commands.seat(seat, message, re)
            case m.Record():
                return self._commands.with_done(seat, self.recording.command(seat, message), re)
            case m.Consent():
                return self._commands.with_done(seat, self.recording.answer(seat, message), re)
            case m.Ring() | m.Hold() | m.Resume() | m.End() | m.Escalate():
                return self._commands.move(seat, message, envelope)
            case _:
                assert_never(message)

    def _encrypt(self, seat: Seat, message: m.Identify | m.Encrypt | m.SendKey, re: str | None) -> list[e.Effect]:
        match message:
            case m.Identify(public_key):
                effects = self.encryption.identify(seat, public_key)
            case m.Encrypt(on):
                self._commands.require_practitioner(seat, "encrypt")
                effects = self.encryption.switch(seat, on, is_recording=self.recording.is_running)
            case m.SendKey():
                effects = self.encryption.pass_on(seat, message)
        return effects + (self._seats.tell(seat, m.Done(), re) if re is not None else [])

    def _take_relay(self, event: i.RelayInput, now: float) -> list[e.Effect]:
        match event:
            case i.LinkAnswered() | i.LinkRefused() if self._devices.owns(event.link):
                return self._devices.receive_result(event)
            case i.LinkAnswered() | i.LinkOffered() | i.LinkTook() | i.LinkRefused():
                return self._media.receive_result(event)
            case i.RelayGone():
                return self._links.lose_relay()
            case i.RelayBack(_, links):
                return self._links.restore(links)
            case i.RelayMoved():
                return self._moves.begin(now)
            case reports.LinkState():
                self._link_moved(event)
                return []
            case reports.RoomClosed():
                self._links.room_closed()
                return []
            case reports.OfferReady():
                found = self._links.find(event.link)
                return self._media.offer(*found, event) if found is not None else []
            case reports.PathChanged():
                return self._paths.moved(event, now)
            case reports.TracksChanged():
                return self._media.tracks_changed(event)
            case reports.Quality() if self._course.is_open:
                self._fitness.note(event)
                return self._commands.forward(event)
            case _:
                return self._commands.forward(event)

    def _link_moved(self, event: reports.LinkState) -> None:
        found = self._links.find(event.link)
        if found is None:
            self._links.orphan_moved(event)
            return
        seat, link = found
        link.move(MediaLinkState(event.state))
        if seat.role is Role.DEVICE:
            self._devices.link_moved(link.id, link.state)
        elif link.state is MediaLinkState.CLOSED:
            seat.links.pop(link.direction, None)

    def _moved(self, result: i.Stored | i.Deferred | i.VisitChanged, now: float) -> list[e.Effect]:
        before = self.view
        match result:
            case i.Deferred(waiting, at):
                done = self._course.settle_unstored(waiting)
            case i.VisitChanged(view):
                done, at, self._course.view = None, view.at, view
            case i.Stored(view, at):
                done = self._course.settle(view)
        trigger = done.trigger if done is not None else None
        if self.view.state is not before.state or trigger is not None:
            self._attendance.note_state(trigger, now)
        effects = self._announcer.tell(Change(before, trigger, at)) + self._commands.answer(done)
        return effects + (self._lines() if before.state in OPEN and not self._course.is_open else [])

    def _lines(self) -> list[e.Effect]:
        lines = self._fitness.take({seat.id: seat.role.value for seat in self._seats})
        return [e.StoreLines(lines)] if lines else []

    def _after(self, now: float) -> list[e.Effect]:
        """Let the clocks act, and tell who is here when that has changed."""
        self._attendance.follow_losses()
        effects = self._attendance.handle_timer(now) + self._paths.handle_timer(now) + self.recording.follow()
        effects += self._moves.handle_timer(now)
        due = self._attendance.due(now)
        if due is not None and self._course.under_way is None:
            effects += self._course.propose(due)
        if self._seats.is_changed:
            self._seats.is_changed = False
            effects += [*self._seats.tell_all(m.SeatsChanged(self._seats.views())), e.TellQueue()]
        return effects
