"""A second reader over any OpenAI-compatible endpoint. Every failure ends in the engine's own note, in 8 s at most."""

import asyncio
import enum
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import aiohttp

from records.triage.intake import Intake
from records.triage.note import Note
from records.triage.opinion import SCHEMA, Opinion, OpinionInvalid, merge, messages, parse_opinion

log = logging.getLogger(__name__)

# The doctor's screen must not wait longer for a second opinion than a patient takes to sit down.
TIMEOUT_S = 8.0
# A model's answer of this schema is 1-4 kB; more is a fault, not an opinion.
MAX_ANSWER_BYTES = 64 * 1024
# After so many failures in a row the endpoint is left alone for a minute; then one request tries it again.
FAILURES_TO_OPEN = 5
OPEN_FOR_S = 60.0
MAX_TOKENS = 1500


class Failure(enum.Enum):
    """Why there is no second opinion; the value goes into the note's limits."""

    TIMEOUT = "timeout"
    REFUSED = "refused"  # an HTTP error status
    BUSY = "busy"  # 429
    UNREACHABLE = "unreachable"
    MALFORMED = "malformed"
    CIRCUIT_OPEN = "circuit-open"


class LanguageModelFailed(Exception):
    """No usable answer; carries the reason and whether a plainer request may still work."""

    def __init__(self, failure: Failure, *, plainer_may_work: bool = False) -> None:
        super().__init__(failure.value)
        self.failure = failure
        self.plainer_may_work = plainer_may_work


class CircuitBreaker:
    """Counts failures in a row; pure, `now` is monotonic seconds."""

    def __init__(self) -> None:
        self._failures = 0
        self._open_until = 0.0

    def allows(self, now: float) -> bool:
        """Whether a request may be tried. After the pause each call allows one; a failure closes it again."""
        return self._failures < FAILURES_TO_OPEN or now >= self._open_until

    def succeeded(self) -> None:
        """Forget earlier failures."""
        self._failures = 0

    def failed(self, now: float) -> None:
        """Count one failure; from FAILURES_TO_OPEN on, pause."""
        self._failures += 1
        if self._failures >= FAILURES_TO_OPEN:
            self._open_until = now + OPEN_FOR_S


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the model is. `url` ends before /chat/completions, for example http://127.0.0.1:8000/v1."""

    url: str
    model: str
    key: str | None = None
    timeout_s: float = TIMEOUT_S


_SCHEMA_FORMAT = {"type": "json_schema", "json_schema": {"name": "triage", "strict": True, "schema": SCHEMA}}
# From the strictest form of answer that an endpoint may know to none at all; the answer is always validated.
_FORMATS: Sequence[Mapping[str, Any] | None] = (_SCHEMA_FORMAT, {"type": "json_object"}, None)
_REPAIR = "That was not a valid JSON object of the schema. Answer again with the JSON object only."


class LanguageModelClient:
    """Implements records.triage.ports.SecondReader. Owns no session; the caller closes the one it gave."""

    def __init__(self, endpoint: Endpoint, session: aiohttp.ClientSession, monotonic: Callable[[], float]) -> None:
        self._endpoint = endpoint
        self._session = session
        self._monotonic = monotonic
        self._breaker = CircuitBreaker()
        self._format = 0  # remembered: an endpoint that refuses json_schema once is not asked for it again

    async def review(self, intake: Intake, note: Note) -> Note:
        """Return the note with the model's verified additions, or the note itself with the reason as a limit."""
        try:
            opinion = await self._opinion(intake)
        except LanguageModelFailed as error:
            log.warning("triage.language_model.failed", extra={"reason": error.failure.value})
            return replace(note, limits=(*note.limits, f"language-model-{error.failure.value}"))
        return merge(note, opinion, intake, model=self._endpoint.model)

    async def _opinion(self, intake: Intake) -> Opinion:
        if not self._breaker.allows(self._monotonic()):
            raise LanguageModelFailed(Failure.CIRCUIT_OPEN)
        try:
            async with asyncio.timeout(self._endpoint.timeout_s):
                opinion = await self._ask_down_the_ladder(messages(intake))
        except TimeoutError:
            self._breaker.failed(self._monotonic())
            raise LanguageModelFailed(Failure.TIMEOUT) from None
        except LanguageModelFailed:
            self._breaker.failed(self._monotonic())
            raise
        self._breaker.succeeded()
        return opinion

    async def _ask_down_the_ladder(self, conversation: list[dict[str, str]]) -> Opinion:
        while True:
            try:
                return await self._ask_and_repair(conversation)
            except LanguageModelFailed as error:
                if not error.plainer_may_work or self._format + 1 >= len(_FORMATS):
                    raise
                self._format += 1

    async def _ask_and_repair(self, conversation: list[dict[str, str]]) -> Opinion:
        answer = await self._complete(conversation)
        try:
            return parse_opinion(answer)
        except OpinionInvalid:
            again = [*conversation, {"role": "assistant", "content": answer}, {"role": "user", "content": _REPAIR}]
        try:
            return parse_opinion(await self._complete(again))
        except OpinionInvalid:
            raise LanguageModelFailed(Failure.MALFORMED) from None

    async def _complete(self, conversation: list[dict[str, str]]) -> str:
        """Return the text of one completion."""
        request: dict[str, Any] = {
            "model": self._endpoint.model,
            "messages": conversation,
            "temperature": 0,
            "seed": 1,
            "max_tokens": MAX_TOKENS,
        }
        if (wanted := _FORMATS[self._format]) is not None:
            request["response_format"] = wanted
        headers = {"Authorization": f"Bearer {self._endpoint.key}"} if self._endpoint.key else {}
        url = self._endpoint.url.rstrip("/") + "/chat/completions"
        try:
            async with self._session.post(url, json=request, headers=headers, allow_redirects=False) as response:
                _refuse_status(response.status)
                return _content(await _bounded(response))
        except aiohttp.ClientError:
            raise LanguageModelFailed(Failure.UNREACHABLE) from None


def _refuse_status(status: int) -> None:
    if status == 429:
        raise LanguageModelFailed(Failure.BUSY)
    if status != 200:
        raise LanguageModelFailed(Failure.REFUSED, plainer_may_work=status in (400, 422))


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(8192):
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise LanguageModelFailed(Failure.MALFORMED)
    return bytes(body)


def _content(body: bytes) -> str:
    try:
        content = json.loads(body)["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError):
        raise LanguageModelFailed(Failure.MALFORMED) from None
    if not isinstance(content, str):
        raise LanguageModelFailed(Failure.MALFORMED)
    return content
