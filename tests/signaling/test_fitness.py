"""What a call's lines were fit for: counted over the call, stored at its end."""

from signaling import effects as e
from signaling.fitness import Fitness, LineRecord
from signaling.media.reports import Quality
from signaling.messages import SeatQuality
from signaling.states import Role, VisitState
from tests.fakes.visit import DOCTOR, PATIENT, VISIT, FakeVisit


def reading(seat: str, verdict: str, *reasons: str, score: float = 4.0) -> Quality:
    return Quality(VISIT, seat, score, verdict, reasons, 0.0, 40.0, 500_000)


def of(*readings: Quality) -> LineRecord:
    fitness = Fitness()
    for each in readings:
        fitness.note(each)
    (record,) = fitness.take({PATIENT: "patient"})
    return record


class TestRecord:
    """The most demanding use that held nearly always."""

    def test_a_line_that_was_always_good_for_gait(self) -> None:
        assert of(*[reading(PATIENT, "gait")] * 10) == LineRecord("patient", "gait", (), 4.0, 4.0, 10)

    def test_one_better_moment_makes_no_better_line(self) -> None:
        assert of(*[reading(PATIENT, "conversation")] * 9, reading(PATIENT, "skin_image")).verdict == "conversation"

    def test_one_bad_moment_in_ten_is_forgiven(self) -> None:
        assert of(*[reading(PATIENT, "gait")] * 9, reading(PATIENT, "none")).verdict == "gait"

    def test_a_line_bad_for_a_quarter_of_the_call_is_fit_for_nothing_better(self) -> None:
        assert of(*[reading(PATIENT, "gait")] * 3, reading(PATIENT, "none")).verdict == "none"

    def test_reasons_that_lasted_the_most_frequent_first(self) -> None:
        readings = [reading(PATIENT, "none", "up_loss", "down_delay")] * 2 + [reading(PATIENT, "none", "up_loss")] * 2
        record = of(*readings, reading(PATIENT, "none", "up_loss", "up_jitter"))
        assert record.reasons == ("up_loss", "down_delay", "up_jitter")

    def test_mean_and_lowest_score(self) -> None:
        record = of(reading(PATIENT, "gait", score=4.0), reading(PATIENT, "gait", score=3.0))
        assert (record.score, record.lowest, record.readings) == (3.5, 3.0, 2)

    def test_a_seat_that_nobody_knows_any_more_is_left_out(self) -> None:
        fitness = Fitness()
        fitness.note(reading("s_gone", "gait"))
        assert fitness.take({}) == ()


class TestInTheCall:
    """Told to the pages at once, kept at the end."""

    def call(self) -> FakeVisit:
        visit = FakeVisit(VisitState.IN_CONSULT)
        visit.arrive(DOCTOR, Role.DOCTOR)
        visit.arrive(PATIENT, Role.PATIENT)
        return visit

    def test_the_console_sees_the_line_fall_and_recover(self) -> None:
        visit = self.call()
        for verdict in ("gait", "none", "gait"):
            visit.relay(reading(PATIENT, verdict))
        told = [sent.message for sent in visit.sent[DOCTOR] if isinstance(sent.message, SeatQuality)]
        assert [message.verdict for message in told] == ["gait", "none", "gait"]

    def test_the_end_of_the_call_keeps_what_every_line_was_fit_for(self) -> None:
        visit = self.call()
        visit.relay(reading(PATIENT, "conversation", "up_loss"))
        visit.relay(reading(DOCTOR, "gait"))
        visit.change(VisitState.WRAP_UP)
        (stored,) = [effect for effect in visit.effects if isinstance(effect, e.StoreLines)]
        assert {(line.role, line.verdict) for line in stored.lines} == {("patient", "conversation"), ("doctor", "gait")}

    def test_a_drop_is_not_the_end(self) -> None:
        visit = self.call()
        visit.relay(reading(PATIENT, "gait"))
        visit.change(VisitState.DROPPED)
        assert not [effect for effect in visit.effects if isinstance(effect, e.StoreLines)]

    def test_a_call_without_readings_keeps_nothing(self) -> None:
        visit = self.call()
        visit.change(VisitState.WRAP_UP)
        assert not [effect for effect in visit.effects if isinstance(effect, e.StoreLines)]
