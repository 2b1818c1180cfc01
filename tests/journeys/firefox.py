"""
Debian's Firefox with a fake camera and microphone, driven by WebDriver BiDi (W3C), which it speaks itself.

Playwright's protocol driver needs commands that an ESR does not have, and its own Firefox is a patched one. A page here
answers to the few calls of Playwright's that the journeys use, so that `Patient` and `BrowserSeat` take it as it is.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

START_TIMEOUT_S = 30.0
COMMAND_TIMEOUT_S = 60.0
CLICK_TIMEOUT_S = 30.0
# No prompts, no calls home, fake devices; devices also on a page without TLS, as the tests of the relay alone use one.
PREFERENCES: dict[str, bool | int | str] = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.devices.insecure.enabled": True,
    "media.getusermedia.insecure.enabled": True,
    "media.autoplay.default": 0,
    "media.gmp-manager.updateEnabled": False,
    "app.update.auto": False,
    "app.normandy.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.getAddons.cache.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
    "toolkit.telemetry.enabled": False,
}
IS_SHOWN = """(selector) => {
  const [css, visible] = [selector.replaceAll(':visible', ''), selector.includes(':visible')];
  const found = [...document.querySelectorAll(css)];
  return visible ? found.some((one) => one.checkVisibility()) : found.length > 0;
}"""


# An element that is where it was two pictures ago, and is what a pointer there would meet.
RESTS = """async (css) => {
  const box = () => document.querySelector(css).getBoundingClientRect();
  const place = () => { const { x, y, width, height } = box(); return [x + width / 2, y + height / 2]; };
  document.querySelector(css).scrollIntoView({ block: 'center' });
  const before = place().join();
  await new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame(seen)));
  return before === place().join() && document.querySelector(css).contains(document.elementFromPoint(...place()));
}"""


class BidiError(Exception):
    """The browser refused a command, or a script threw."""


class Bidi:
    """One session: commands out, answers back. Events are not subscribed to."""

    def __init__(self, socket_: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket_
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._number = 0
        self._reader = asyncio.create_task(self._read())

    async def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result."""
        self._number += 1
        waiting = self._waiting[self._number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": self._number, "method": method, "params": parameters})
        return await asyncio.wait_for(waiting, COMMAND_TIMEOUT_S)

    async def close(self) -> None:
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)

    async def _read(self) -> None:
        async for message in self._socket:
            answer = message.json()
            waiting = self._waiting.pop(answer.get("id", 0), None)
            if waiting is None or waiting.done():
                continue
            if answer["type"] == "error":
                waiting.set_exception(BidiError(f"{answer['error']}: {answer['message']}"))
            else:
                waiting.set_result(answer["result"])


class FirefoxKeyboard:
    """The keys of one page."""

    def __init__(self, bidi: Bidi, context: str) -> None:
        self._bidi, self._context = bidi, context

    async def press(self, chord: str) -> None:
        """Press a letter with the keys that are held, as "Alt+KeyS"."""
        *held, letter = chord.split("+")
        values = [*({"Alt": "\ue00a"}[name] for name in held), letter.removeprefix("Key").lower()]
        steps = [{"type": "keyDown", "value": value} for value in values]
        steps += [{"type": "keyUp", "value": value} for value in reversed(values)]
        keys = {"type": "key", "id": "chord", "actions": steps}
        await self._bidi.command("input.performActions", context=self._context, actions=[keys])


class FirefoxPage:
    """One page. Its methods mean what Playwright's of the same name mean."""

    def __init__(self, bidi: Bidi, context: str) -> None:
        self._bidi, self._context = bidi, context

    async def goto(self, url: str) -> None:
        await self._bidi.command("browsingContext.navigate", context=self._context, url=url, wait="complete")

    async def reload(self) -> None:
        await self._bidi.command("browsingContext.reload", context=self._context, wait="complete")

    async def evaluate(self, script: str, argument: Any = None) -> Any:
        """Run an expression, or call a function with one argument; what it gives (or resolves to) must be JSON."""
        declaration = f"""async (text) => {{
          const value = ({script.strip().rstrip(";")});
          const given = typeof value === 'function' ? await value(JSON.parse(text)) : await value;
          return JSON.stringify(given ?? null);
        }}"""
        answer = await self._bidi.command(
            "script.callFunction",
            functionDeclaration=declaration,
            arguments=[{"type": "string", "value": json.dumps(argument)}],
            target={"context": self._context},
            awaitPromise=True,
            userActivation=True,
        )
        if answer["type"] == "exception":
            raise BidiError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"])

    async def add_init_script(self, script: str) -> None:
        """Run a script before every page's own."""
        await self._bidi.command("script.addPreloadScript", functionDeclaration=f"() => {{ {script} }}")

    async def add_script_tag(self, *, content: str) -> None:
        await self.evaluate(f"() => {{ {content} }}")

    async def wait_for_selector(
        self,
        selector: str,
        *,
        timeout: float = 30_000,  # noqa: ASYNC109  # Playwright's name
        state: str = "visible",
    ) -> None:
        """Wait until an element is there; `:visible` in the selector asks for it to be seen too."""
        try:
            async with asyncio.timeout(timeout / 1000):
                while not await self.evaluate(IS_SHOWN, selector):
                    await asyncio.sleep(0.1)
        except TimeoutError:
            text = await self.evaluate("document.body.innerText.slice(0, 1500)")
            raise AssertionError(f"not within {timeout} ms ({state}): {selector}; the page says: {text}") from None

    async def click(self, selector: str) -> None:
        """Press the first fitting element with a pointer, once it rests and nothing lies over it."""
        await self.wait_for_selector(selector)
        async with asyncio.timeout(CLICK_TIMEOUT_S):
            while True:
                with contextlib.suppress(BidiError):  # drawn anew meanwhile
                    if await self.evaluate(RESTS, selector):
                        return await self._press(selector)
                await asyncio.sleep(0.1)

    async def _press(self, selector: str) -> None:
        find = "(css) => document.querySelector(css)"
        found = await self._bidi.command(
            "script.callFunction",
            functionDeclaration=find,
            arguments=[{"type": "string", "value": selector}],
            target={"context": self._context},
            awaitPromise=False,
        )
        origin = {"type": "element", "element": {"sharedId": found["result"]["sharedId"]}}
        steps = [
            {"type": "pointerMove", "x": 0, "y": 0, "origin": origin},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        pointer: dict[str, Any] = {"type": "pointer", "id": "finger", "actions": steps}
        await self._bidi.command("input.performActions", context=self._context, actions=[pointer])

    async def fill(self, selector: str, text: str) -> None:
        """Type into a field."""
        await self.click(selector)
        await self.type(text)

    async def press(self, selector: str, key: str) -> None:
        """Press one key in a field."""
        await self.evaluate("(css) => document.querySelector(css).focus()", selector)
        await self.type({"Enter": "\ue007"}.get(key, key))

    async def type(self, text: str) -> None:
        """Type where the focus is."""
        steps = [{"type": kind, "value": letter} for letter in text for kind in ("keyDown", "keyUp")]
        keyboard = {"type": "key", "id": "keys", "actions": steps}
        await self._bidi.command("input.performActions", context=self._context, actions=[keyboard])

    @property
    def keyboard(self) -> FirefoxKeyboard:
        """Keys where the focus is."""
        return FirefoxKeyboard(self._bidi, self._context)

    async def screenshot(self, *, path: Path, full_page: bool = False) -> None:
        origin = "document" if full_page else "viewport"
        shot = await self._bidi.command("browsingContext.captureScreenshot", context=self._context, origin=origin)
        await asyncio.to_thread(path.write_bytes, base64.b64decode(shot["data"]))

    async def set_size(self, width: int, height: int) -> None:
        size = {"width": width, "height": height}
        await self._bidi.command("browsingContext.setViewport", context=self._context, viewport=size)


class Firefox:
    """A running browser."""

    def __init__(self, bidi: Bidi, version: str) -> None:
        self.version = version
        self._bidi = bidi

    async def new_page(self, *, before: str = "") -> FirefoxPage:
        """A page of a person of its own: own cookies, own storage. `before` runs before the page's scripts."""
        person = (await self._bidi.command("browser.createUserContext"))["userContext"]
        # A window, since a tab would hide the others, and a hidden page asks for no pictures.
        made = await self._bidi.command("browsingContext.create", type="window", userContext=person)
        page = FirefoxPage(self._bidi, made["context"])
        if before:
            await page.add_init_script(before)
        return page


def _profile(folder: Path) -> None:
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in PREFERENCES.items()]
    (folder / "user.js").write_text("\n".join(lines))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def firefox() -> AsyncIterator[Firefox]:
    """Run Debian's Firefox with a profile of its own."""
    path = shutil.which("firefox-esr")
    assert path, "Firefox is missing: `make test` installs it"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        _profile(Path(folder))
        port = _free_port()
        arguments = ["--headless", "--no-remote", "--profile", folder, "--remote-debugging-port", str(port)]
        quiet = asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(path, *arguments, stdout=quiet, stderr=quiet)
        try:
            async with aiohttp.ClientSession() as client, _session(client, port) as running:
                yield running
        finally:
            if process.returncode is None:
                process.terminate()
            await asyncio.wait_for(process.wait(), 20)
            process._transport.close()  # type: ignore[attr-defined]  # else its pipe warns when the loop is gone


@asynccontextmanager
async def _session(client: aiohttp.ClientSession, port: int) -> AsyncIterator[Firefox]:
    async with asyncio.timeout(START_TIMEOUT_S):
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                socket_ = await client.ws_connect(f"ws://127.0.0.1:{port}/session", max_msg_size=0)
                break
            await asyncio.sleep(0.1)
    bidi = Bidi(socket_)
    try:
        made = await bidi.command("session.new", capabilities={"alwaysMatch": {"acceptInsecureCerts": True}})
        yield Firefox(bidi, str(made["capabilities"]["browserVersion"]))
        await bidi.command("browser.close")
    finally:
        await bidi.close()
        await socket_.close()
