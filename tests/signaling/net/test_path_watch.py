"""Whether a peer's packets flow: only then does a silence say something about its path."""

from signaling.net.path_watch import Flow


def looked(heard: list[float]) -> Flow:
    flow = Flow()
    for turn, heard_at in enumerate(heard):
        flow.observe(heard_at, turn / 4)
    return flow


class TestFlow:
    def test_packets_at_every_look_flow(self) -> None:
        assert looked([0.0, 0.24, 0.49, 0.74, 0.99]).was_flowing_at(1.2)

    def test_a_lone_packet_is_no_flow(self) -> None:
        assert not looked([0.0, 0.0, 0.49, 0.49, 0.49]).was_flowing_at(0.49)

    def test_a_flow_that_ended_long_before_does_not_count(self) -> None:
        flow = looked([0.0, 0.24, 0.49, 0.74, 0.99, 0.99, 0.99, 0.99, 1.9])
        assert not flow.was_flowing_at(1.9)
