"""ICE-lite in virtual time: nobody without the password gets a path; restarts make before they break."""

import re
from pathlib import Path

from signaling.media import ice, stun
from signaling.media.ice import Announce, Bind, Consent, Credentials, IceLite, Respond, Select, Trigger, Unbind

A, B = ("192.0.2.1", 1000), ("192.0.2.2", 2000)
FIRST = Credentials("aaaaaaaa", "p" * 32)
SECOND = Credentials("bbbbbbbb", "q" * 32)


def check(agent: IceLite, now: float, **how: object) -> list[ice.Effect]:
    credentials = how.get("of", FIRST)
    assert isinstance(credentials, Credentials)
    password = str(how.get("password", credentials.password)).encode()
    nominate = bool(how.get("nominate", True))
    data = stun.binding_request(bytes(12), f"{credentials.ufrag}:peer", password, nominate=nominate)
    return agent.receive_check(data, stun.parse_request(data), how.get("source", A), now)  # type: ignore[arg-type]  # test's own


def connected() -> IceLite:
    agent = IceLite(FIRST, 0.0)
    check(agent, 0.0)
    return agent


class TestChecks:
    def test_valid_check_is_answered_bound_and_selected(self) -> None:
        effects = check(IceLite(FIRST, 0.0), 0.0)
        assert [type(e) for e in effects] == [Respond, Bind, Select, Announce]

    def test_wrong_password_gets_nothing(self) -> None:
        agent = IceLite(FIRST, 0.0)
        assert check(agent, 0.0, password="z" * 32) == []
        assert agent.selected is None

    def test_other_path_without_nomination_does_not_move_media(self) -> None:
        agent = connected()
        check(agent, 1.0, source=B, nominate=False)
        assert agent.selected == A

    def test_nominated_other_path_moves_media(self) -> None:
        agent = connected()
        assert Select(B, "migration") in check(agent, 1.0, source=B)

    def test_paths_are_bounded(self) -> None:
        agent = connected()
        effects = [e for n in range(20) for e in check(agent, n / 100, source=("192.0.2.9", 3000 + n), nominate=False)]
        bound = sum(isinstance(e, Bind) for e in effects) - sum(isinstance(e, Unbind) for e in effects)
        assert bound + 1 == ice.MAX_PATHS
        assert Unbind(A) not in effects  # the selected path stays


class TestConsent:
    def test_five_silent_seconds_are_shaky_and_thirty_are_lost(self) -> None:
        agent = connected()
        assert agent.handle_timer(4.9) == []
        assert agent.handle_timer(5.0) == [Announce(Consent.SHAKY)]
        assert agent.handle_timer(29.9) == []
        assert agent.handle_timer(30.0) == [Announce(Consent.LOST)]

    def test_a_packet_restores_consent(self) -> None:
        agent = connected()
        agent.handle_timer(6.0)
        assert agent.heard(7.0) == [Announce(Consent.CONNECTED)]

    def test_lost_link_closes_after_its_revival_time_and_frees_its_path(self) -> None:
        agent = connected()
        for now in (5.0, 30.0):
            agent.handle_timer(now)
        assert agent.handle_timer(60.0) == [Unbind(A), Announce(Consent.CLOSED)]

    def test_link_that_never_connects_is_lost(self) -> None:
        agent = IceLite(FIRST, 0.0)
        assert agent.handle_timer(30.0) == [Announce(Consent.LOST)]

    def test_closed_is_final(self) -> None:
        assert ice.TRANSITIONS[Consent.CLOSED] == {}
        assert all(Trigger.END in row for state, row in ice.TRANSITIONS.items() if state is not Consent.CLOSED)


class TestRestart:
    def test_old_path_carries_media_until_the_new_one_is_nominated(self) -> None:
        agent = connected()
        agent.restart(SECOND, 1.0)
        assert [type(e) for e in check(agent, 1.1)] == [Respond]
        assert Select(B, "restart") in check(agent, 1.5, of=SECOND, source=B)

    def test_old_generation_is_answered_three_seconds_more_but_can_not_take_the_path_back(self) -> None:
        agent = connected()
        agent.restart(SECOND, 1.0)
        check(agent, 1.5, of=SECOND, source=B)
        assert [type(e) for e in check(agent, 2.0)] == [Respond]
        agent.handle_timer(4.6)
        assert check(agent, 4.7) == []

    def test_unfinished_restart_is_forgotten_after_twenty_seconds(self) -> None:
        agent = connected()
        agent.restart(SECOND, 1.0)
        agent.heard(20.0)
        agent.handle_timer(21.0)
        assert check(agent, 21.1, of=SECOND, source=B) == []
        assert agent.current is FIRST

    def test_newer_restart_supersedes(self) -> None:
        agent = connected()
        agent.restart(SECOND, 1.0)
        third = Credentials("cccccccc", "r" * 32)
        agent.restart(third, 2.0)
        assert check(agent, 2.1, of=SECOND, source=B) == []
        assert Select(B, "restart") in check(agent, 2.2, of=third, source=B)


REMOTE = "r" * 24


def challenged(agent: IceLite, source: stun.Address = B, now: float = 1.0) -> bytes:
    """Return the challenge that a media packet from an unknown address brings about."""
    agent.learn_remote("peer", REMOTE)
    (effect,) = agent.challenge(source, bytes(8), now)
    assert isinstance(effect, Respond) and effect.address == source
    return effect.data


def answered(agent: IceLite, question: bytes, source: stun.Address = B, **how: object) -> list[ice.Effect]:
    request = stun.parse_request(question)
    password = str(how.get("password", REMOTE)).encode()
    data = stun.binding_response(request.transaction_id, A, password)
    at = how.get("now", 1.1)
    assert isinstance(at, float)
    return agent.receive_response(data, stun.parse_response(data), source, at)


class TestRebinding:
    """A NAT gives the peer another address: its media is a hint, its answer to our challenge is the proof."""

    def test_media_from_a_new_address_moves_nothing_by_itself(self) -> None:
        agent = connected()
        challenged(agent)
        assert agent.selected == A

    def test_the_answer_moves_the_path(self) -> None:
        agent = connected()
        assert answered(agent, challenged(agent)) == [Bind(B), Select(B, "rebinding")]

    def test_the_challenge_names_both_sides_and_proves_that_we_know_the_password(self) -> None:
        question = challenged(connected())
        request = stun.parse_request(question)
        assert request.username == "peer:aaaaaaaa"
        assert stun.is_authentic(question, request, REMOTE.encode())

    def test_an_answer_with_another_password_is_nothing(self) -> None:
        agent = connected()
        assert answered(agent, challenged(agent), password="z" * 24) == []

    def test_an_answer_from_another_address_is_nothing(self) -> None:
        agent = connected()
        assert answered(agent, challenged(agent), source=("192.0.2.3", 3000)) == []

    def test_an_answer_after_two_seconds_is_nothing(self) -> None:
        agent = connected()
        assert answered(agent, challenged(agent), now=3.1) == []

    def test_an_answer_counts_once(self) -> None:
        agent = connected()
        question = challenged(agent)
        answered(agent, question)
        check(agent, 1.2)
        assert answered(agent, question) == []
        assert agent.selected == A

    def test_challenges_are_bounded_in_number_and_rate(self) -> None:
        agent = connected()
        challenged(agent)
        assert agent.challenge(B, b"1" * 8, 1.01) == []
        asked = [agent.challenge(("192.0.2.9", n), n.to_bytes(8, "big"), 1.1) for n in range(1, 100)]
        assert sum(map(len, asked)) == ice.MAX_CHALLENGES - 1

    def test_without_the_peers_password_there_is_no_challenge(self) -> None:
        assert connected().challenge(B, bytes(8), 1.0) == []


class TestReadme:
    def test_picture_shows_the_transition_table(self) -> None:
        text = (Path(__file__).parents[3] / "signaling/media/README.md").read_text()
        drawn = set(re.findall(r"^    (\w+) --> (\w+): (\w+)$", text, flags=re.MULTILINE))
        table = {
            (state.value, to.value, trigger.value)
            for state, row in ice.TRANSITIONS.items()
            for trigger, to in row.items()
        }
        assert drawn == table
