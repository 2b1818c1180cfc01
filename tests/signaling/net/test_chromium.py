"""Two real Chromium pages through a real relay process: both see and hear each other through one UDP port."""

from pathlib import Path

import pytest

from signaling.net.control import LayerChanged, LayerWish, LinkState
from tests.signaling.net.browser_seat import chromium, negotiating, open_seat
from tests.signaling.net.worker_process import relay_process

pytestmark = pytest.mark.journey


class TestCall:
    @pytest.mark.parametrize("codec", ["vp8", "h264", "vp9", "av1"])
    async def test_both_seats_see_and_hear_each_other(self, tmp_path: Path, codec: str) -> None:
        async with relay_process(tmp_path) as relay, chromium() as browser:
            seats = [await open_seat(browser, relay.client, "room", seat) for seat in ("s_a", "s_b")]
            async with negotiating(relay.client, seats) as negotiator:
                for seat in seats:
                    await seat.subscribe()
                    await seat.publish(codec=codec)
                for seat in seats:
                    await seat.wait_until("d.frames > 20 && d.energy > 0.01")
                    found = await seat.statistics()
                    assert found["down"]["codec"].lower() == f"video/{codec}"
                    assert {found["up"]["path"], found["down"]["path"]} == {relay.port}
                    assert "GCM" in found["up"]["cipher"]
            states = [e.state for e in negotiator.events if isinstance(e, LinkState) and e.state == "connected"]
            assert len(states) == 4

    async def test_the_picture_is_not_stuck_at_300_kbit_per_second(self, tmp_path: Path) -> None:
        async with relay_process(tmp_path) as relay, chromium() as browser:
            seats = [await open_seat(browser, relay.client, "room", seat) for seat in ("s_a", "s_b")]
            async with negotiating(relay.client, seats):
                for seat in seats:
                    await seat.subscribe()
                    await seat.publish()
                await seats[0].wait_until("u.available > 1e6 && u.target > 500e3")
                await seats[0].wait_until(
                    "((window.marks ??= []).push([performance.now(), u.sent]), marks.length > 8) && "
                    "(u.sent - marks.at(-8)[1]) * 8 / (performance.now() - marks.at(-8)[0]) > 500",
                    timeout_s=40,
                )

    async def test_ice_restart_keeps_the_call(self, tmp_path: Path) -> None:
        async with relay_process(tmp_path) as relay, chromium() as browser:
            seats = [await open_seat(browser, relay.client, "room", seat) for seat in ("s_a", "s_b")]
            async with negotiating(relay.client, seats):
                for seat in seats:
                    await seat.subscribe()
                    await seat.publish()
                await seats[1].wait_until("d.frames > 10")
                await seats[0].publish(iceRestart=True)
                await seats[1].subscribe(restart=True)
                before = (await seats[1].statistics())["down"]["frames"]
                await seats[1].wait_until(f"d.frames > {before} + 40 && d.energy > 0.01")

    async def test_leaving_and_coming_back_reuses_the_lines(self, tmp_path: Path) -> None:
        async with relay_process(tmp_path) as relay, chromium() as browser:
            a, b = [await open_seat(browser, relay.client, "room", seat) for seat in ("s_a", "s_b")]
            async with negotiating(relay.client, [a, b]):
                await a.subscribe()
                await b.publish()
                await a.wait_until("d.frames > 10")
                await relay.client.close_link("room", b.up)
                c = await open_seat(browser, relay.client, "room", "s_c")
                await c.publish()
                before = (await a.statistics())["down"]["frames"]
                await a.wait_until(f"d.frames > {before} + 10")
                assert {t["mid"] for t in await a.page.evaluate("() => tracks")} == {"0", "1"}

    async def test_call_by_tcp_where_udp_does_not_pass(self, tmp_path: Path) -> None:
        async with relay_process(tmp_path) as relay, chromium() as browser:
            a, b = [await open_seat(browser, relay.client, "room", seat) for seat in ("s_a", "s_b")]
            for seat in (a, b):
                no_udp = r"() => { window.filter = sdp => sdp.replace(/a=candidate:.* udp .*\r\n/g, ''); }"
                await seat.page.evaluate(no_udp)
            async with negotiating(relay.client, [a, b]):
                await b.publish()
                await a.subscribe()
                await a.wait_until("d.frames > 20 && d.energy > 0.01")
                found = await a.statistics()
                assert (found["down"]["protocol"], found["down"]["path"]) == ("tcp", relay.port)


class TestSimulcast:
    async def test_subscriber_gets_the_layer_of_its_tile_and_climbs_back(self, tmp_path: Path) -> None:
        async with relay_process(tmp_path) as relay, chromium() as browser:
            a, b = [await open_seat(browser, relay.client, "room", seat) for seat in ("s_a", "s_b")]
            async with negotiating(relay.client, [a, b]) as negotiator:
                await b.publish(simulcast=True)
                await a.subscribe()
                await a.wait_until("d.frames > 20 && d.height >= 360", timeout_s=40)
                await relay.client.set_layers("room", a.down, [LayerWish("1", max_height=180)])
                await a.wait_until("d.height <= 180", timeout_s=15)
                frames = (await a.statistics())["down"]["frames"]
                await a.wait_until(f"d.frames > {frames} + 30")
                await relay.client.set_layers("room", a.down, [LayerWish("1", max_height=None)])
                await a.wait_until("d.height >= 360", timeout_s=25)
            assert [e.rung for e in negotiator.events if isinstance(e, LayerChanged)]

    async def test_hidden_picture_is_not_sent_and_comes_back_with_a_key_frame(self, tmp_path: Path) -> None:
        async with relay_process(tmp_path) as relay, chromium() as browser:
            a, b = [await open_seat(browser, relay.client, "room", seat) for seat in ("s_a", "s_b")]
            async with negotiating(relay.client, [a, b]):
                await b.publish()
                await a.subscribe()
                await a.wait_until("d.frames > 20")
                await relay.client.set_layers("room", a.down, [LayerWish("1", paused=True)])
                await a.wait_until("d.frames === window.last || (window.last = d.frames, false)")
                keys = (await a.statistics())["down"]["keyFrames"]
                await relay.client.set_layers("room", a.down, [LayerWish("1")])
                await a.wait_until(f"d.keyFrames > {keys} && d.frames > window.last + 20")


class TestDataChannel:
    async def test_strokes_and_vitals_pass_and_go_on_after_an_ice_restart(self, tmp_path: Path) -> None:
        async with relay_process(tmp_path) as relay, chromium() as browser:
            doctor, patient = [await open_seat(browser, relay.client, "room", seat) for seat in ("s_d", "s_p")]
            for seat, role in ((doctor, "doctor"), (patient, "patient")):
                await seat.publish(role=role, data=True, kinds=["audio"])
                await seat.hears("welcome")
            body = {"on": "s_p/camera", "points": [0.1, 0.2, 0.3, 0.4]}
            await doctor.say(type="stroke", seq=1, body=body)
            await patient.say(type="vitals", seq=1, body={"key": "k", "values": {"spo2": 96}})
            assert (await patient.hears("stroke"))[0]["body"]["points"] == [0.1, 0.2, 0.3, 0.4]
            assert (await doctor.hears("vitals"))[0]["role"] == "patient"
            await doctor.publish(role="doctor", iceRestart=True)
            await doctor.say(type="stroke", seq=2, body=body)
            assert [m["number"] for m in await patient.hears("stroke", 2)] == [1, 3]
            await doctor.hears("done", 2)
