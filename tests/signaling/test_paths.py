"""README "Media": what carries a seat's media, and every change of it. In virtual time."""

from signaling import effects as e
from signaling import messages as m
from signaling.inputs import Arrival
from signaling.media import reports
from signaling.paths import WORD_WITHIN_S, Paths
from signaling.seats import Seats
from signaling.states import Role

WIFI, MOBILE = m.Network("host", "udp", "wifi"), m.Network("host", "udp", "cellular")


def change(cause: str = "restart", protocol: str = "udp") -> reports.PathChanged:
    return reports.PathChanged("v", "l_1", "s_patient", cause, "up", 410.0, protocol)  # type: ignore[arg-type]  # literals


def three_seats() -> tuple[Seats, Paths]:
    seats = Seats()
    for name, role in (("s_patient", Role.PATIENT), ("s_doctor", Role.DOCTOR), ("s_daughter", Role.CAREGIVER)):
        seat, _ = seats.take(Arrival(name, role, name, f"key-{name}"))
        seat.is_connected = True
    return seats, Paths(seats)


def told(effects: list[e.Effect]) -> tuple[list[str], list[m.PathChanged]]:
    """To whom, and what is stored."""
    return [x.seat for x in effects if isinstance(x, e.Send)], [x.change for x in effects if isinstance(x, e.StorePath)]


class TestRestart:
    def test_waits_for_the_pages_word_and_goes_to_doctor_and_seat(self) -> None:
        seats, paths = three_seats()
        paths.told(seats["s_patient"], WIFI)
        assert paths.moved(change(), 10.0) == []
        to, stored = told(paths.told(seats["s_patient"], MOBILE))
        assert to == ["s_patient", "s_doctor"]
        assert stored == [m.PathChanged("s_patient", "up", WIFI, MOBILE, "restart", 410.0)]
        assert paths.next_deadline() is None

    def test_without_a_word_it_is_told_after_two_seconds(self) -> None:
        seats, paths = three_seats()
        paths.told(seats["s_patient"], WIFI)
        paths.moved(change(), 10.0)
        assert paths.next_deadline() == 10.0 + WORD_WITHIN_S
        assert paths.handle_timer(11.9) == []
        _, stored = told(paths.handle_timer(12.0))
        assert [(x.before, x.after) for x in stored] == [(WIFI, WIFI)]


class TestAtOnce:
    def test_a_nats_change_is_nothing_that_the_page_knows_of(self) -> None:
        seats, paths = three_seats()
        paths.told(seats["s_patient"], WIFI)
        _, stored = told(paths.moved(change("rebinding"), 10.0))
        assert [x.cause for x in stored] == ["rebinding"]

    def test_the_relay_knows_tcp_from_udp(self) -> None:
        seats, paths = three_seats()
        paths.told(seats["s_patient"], WIFI)
        _, stored = told(paths.moved(change("migration", "tcp"), 10.0))
        assert stored[0].after == m.Network("host", "tcp", "wifi")

    def test_a_page_that_never_told_has_an_unknown_network(self) -> None:
        _, paths = three_seats()
        _, stored = told(paths.moved(change(), 10.0))
        assert stored[0].before.network == "unknown"

    def test_a_seat_that_left_is_nobodys_change(self) -> None:
        seats, paths = three_seats()
        seats.drop("s_patient")
        assert paths.moved(change(), 10.0) == []
