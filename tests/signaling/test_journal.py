"""README "Resume": nothing that was acknowledged is lost, nothing is done twice."""

from hypothesis import given
from hypothesis import strategies as st

from signaling import messages as m
from signaling.journal import MAX_ENTRIES, Journal, Received
from signaling.states import Role, VisitState
from tests.fakes.visit import AT, DOCTOR, PATIENT, FakeVisit


def texts(visit: FakeVisit, seat: str) -> list[str]:
    return [told.line.text for told in visit.told(seat, m.ChatMessage)]


class TestResume:
    """A page that lost its socket goes on where it was."""

    def test_missed_messages_follow_in_order_with_their_numbers(self) -> None:
        visit = FakeVisit()
        visit.both_arrive()
        key = next(s.message.resume_key for s in visit.sent[PATIENT] if isinstance(s.message, m.Welcome))
        seen = visit.sent[PATIENT][-1].seq
        visit.lose(PATIENT)
        visit.say(DOCTOR, m.ChatText("one", "k1"))
        visit.say(DOCTOR, m.ChatText("two", "k2"))
        visit.forget()
        visit.arrive(PATIENT, Role.PATIENT, m.ResumePoint(key, seen))
        assert texts(visit, PATIENT) == ["one", "two"]
        numbers = [envelope.seq for envelope in visit.sent[PATIENT] if envelope.seq]
        assert numbers == sorted(numbers)
        assert min(numbers) > seen

    def test_only_the_newest_seats_are_replayed(self) -> None:
        visit = FakeVisit()
        visit.both_arrive()
        key = next(s.message.resume_key for s in visit.sent[PATIENT] if isinstance(s.message, m.Welcome))
        seen = visit.sent[PATIENT][-1].seq
        visit.lose(PATIENT)
        visit.arrive("s_expert", Role.EXPERT)
        visit.lose("s_expert")
        visit.forget()
        visit.arrive(PATIENT, Role.PATIENT, m.ResumePoint(key, seen))
        replayed = [s.message for s in visit.sent[PATIENT] if isinstance(s.message, m.SeatsChanged)]
        assert len(replayed) == 2  # the newest missed one, and the one that its own return made

    def test_wrong_key_is_a_new_page(self) -> None:
        visit = FakeVisit()
        visit.both_arrive()
        visit.lose(PATIENT)
        visit.forget()
        visit.arrive(PATIENT, Role.PATIENT, m.ResumePoint("guess", 1))
        (welcome,) = visit.told(PATIENT, m.Welcome)
        assert not welcome.resumed

    def test_number_from_the_future_gets_the_whole_state(self) -> None:
        visit = FakeVisit()
        key = visit.arrive(PATIENT, Role.PATIENT)
        visit.lose(PATIENT)
        visit.forget()
        visit.arrive(PATIENT, Role.PATIENT, m.ResumePoint(key, 10_000))
        (welcome,) = visit.told(PATIENT, m.Welcome)
        assert not welcome.resumed

    def test_message_sent_again_after_resume_is_done_once(self) -> None:
        visit = FakeVisit()
        visit.both_arrive()
        visit.say(PATIENT, m.Mute("camera", True), seq=1)
        visit.say(PATIENT, m.Mute("camera", False), seq=2)
        visit.say(PATIENT, m.Mute("camera", True), seq=1)
        assert visit.told(DOCTOR, m.SeatsChanged)[-1].seats[1].muted == ()

    def test_reloaded_page_counts_from_one_again(self) -> None:
        visit = FakeVisit()
        visit.arrive(PATIENT, Role.PATIENT)
        visit.say(PATIENT, m.Ping(), seq=1)
        visit.arrive(PATIENT, Role.PATIENT)
        visit.forget()
        visit.say(PATIENT, m.Ping(), seq=1)
        assert visit.told(PATIENT, m.Pong)


class TestJournal:
    """Bounded, and honest about what it lost."""

    def test_newest_offer_answers_the_question_of_the_one_that_it_replaces(self) -> None:
        journal = Journal()
        journal.number(m.Offer(1, "asked for", ()), re="m5")
        journal.number(m.Offer(2, "newer", ()))
        assert journal.tail(0) == [m.ServerEnvelope(m.Offer(2, "newer", ()), seq=2, re="m5")]

    def test_overflow_is_known(self) -> None:
        journal = Journal()
        for _ in range(MAX_ENTRIES + 1):
            journal.number(m.Ringing())
        assert not journal.can_replay(0)
        assert journal.can_replay(1)

    def test_acknowledged_messages_are_forgotten(self) -> None:
        journal = Journal()
        for _ in range(3):
            journal.number(m.Ringing())
        journal.acknowledge(2)
        assert [entry.seq for entry in journal.tail(2)] == [3]

    def test_acknowledgement_of_an_earlier_servers_count_forgets_nothing(self) -> None:
        journal = Journal()
        journal.number(m.Ringing())
        journal.acknowledge(50)
        assert [entry.seq for entry in journal.tail(0)] == [1]

    def test_unjournalled_message_has_no_number(self) -> None:
        assert Journal().number(m.Pong()).seq == 0

    @given(st.lists(st.sampled_from(["chat", "state", "ring"]), max_size=40), st.data())
    def test_tail_has_every_chat_after_the_acknowledged(self, kinds: list[str], data: st.DataObject) -> None:
        journal = Journal()
        made = {
            "chat": lambda n: m.ChatMessage(m.ChatLine(n, "s", "patient", "t", "k", AT)),
            "state": lambda n: m.StateChanged(VisitState.HELD, AT, True),
            "ring": lambda n: m.Ringing(),
        }
        sent = [journal.number(made[kind](n)) for n, kind in enumerate(kinds)]
        ack = data.draw(st.integers(0, len(sent)))
        expected = [entry.seq for entry in sent if entry.seq > ack and isinstance(entry.message, m.ChatMessage)]
        assert [entry.seq for entry in journal.tail(ack) if isinstance(entry.message, m.ChatMessage)] == expected


class TestReceived:
    """The acknowledgement stays below what is not stored."""

    def test_pending_message_holds_the_acknowledgement(self) -> None:
        received = Received()
        for seq in (1, 2, 3):
            received.is_new(seq)
        received.wait_for(2)
        assert received.ack == 1
        received.settle(2)
        assert received.ack == 3
