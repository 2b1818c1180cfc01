"""Rule conditions: a small expression language over findings, compiled once, with the evidence for a yes."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from records.triage.errors import PackInvalid


class Findings(Protocol):
    """What a condition may ask of a patient's story."""

    def has(self, name: str) -> bool:
        """Whether the patient has the concept now."""

    def is_marked(self, mark: str, name: str) -> bool:
        """Whether the concept is `severe`, `sudden`, `mild`, `denied` in this story."""

    def number(self, name: str) -> tuple[float, float] | None:
        """Return (least, most) of a quantity such as age or hr; None when it is not known at all."""

    def fact(self, name: str) -> bool:
        """Whether a fact such as female, pregnant or child holds."""


Evidence = frozenset[str]
_NO: Evidence | None = None
_Test = Callable[[Findings], "Evidence | None"]


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled condition. `evaluate` returns the concepts that made it true, or None."""

    text: str
    names: frozenset[str]
    positive: frozenset[str]
    test: _Test = field(repr=False, compare=False)

    def evaluate(self, findings: Findings) -> Evidence | None:
        """Return the names of the concepts that satisfy the condition, in no order, or None if it does not hold."""
        return self.test(findings)


FACTS = frozenset(["female", "male", "pregnant", "adult", "child", "infant", "newborn"])
MARKS = frozenset(["severe", "sudden", "mild", "denied"])
QUANTITIES = frozenset(["age", "days", "temp", "hr", "rr", "spo2", "sbp", "dbp", "pain"])
_TOKEN = re.compile(
    r"\s*(?:(\d+of)\(|(severe|sudden|mild|denied)\(|([a-z_][a-z0-9_]*)|([<>]=?)|(\d+(?:\.\d+)?)|([&|!(),]))"
)


def compile_condition(text: str) -> Condition:
    """
    Return the compiled condition.

    Grammar: `a & b`, `a | b`, `!a`, `(…)`, `2of(a, b, c)`, `severe(a)`, `sudden(a)`, `mild(a)`, `denied(a)`,
    facts (female, pregnant, child …) and comparisons (`age >= 50`, `days < 3`, `temp >= 38`).
    A comparison holds only when it is certain; `!` of an unknown holds.
    """
    parser = _Parser(text)
    test = parser.either()
    if parser.rest():
        raise PackInvalid(f"condition {text!r}: cannot read {parser.rest()!r}")
    return Condition(text, frozenset(parser.names), frozenset(parser.positive), test)


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._negated = False
        self.names: set[str] = set()
        self.positive: set[str] = set()

    def rest(self) -> str:
        return self._text[self._at :].strip()

    def _peek(self) -> re.Match[str] | None:
        return _TOKEN.match(self._text, self._at)

    def _take(self, symbol: str) -> bool:
        match = self._peek()
        if match and match.group(6) == symbol:
            self._at = match.end()
            return True
        return False

    def either(self) -> _Test:
        tests = [self.both()]
        while self._take("|"):
            tests.append(self.both())
        return tests[0] if len(tests) == 1 else _any(tests)

    def both(self) -> _Test:
        tests = [self.single()]
        while self._take("&"):
            tests.append(self.single())
        return tests[0] if len(tests) == 1 else _all(tests)

    def single(self) -> _Test:
        if self._take("!"):
            self._negated = not self._negated
            inner = self.single()
            self._negated = not self._negated
            return lambda findings: frozenset() if inner(findings) is None else None
        if self._take("("):
            inner = self.either()
            self._require(")")
            return inner
        match = self._peek()
        if match is None:
            raise PackInvalid(f"condition {self._text!r}: nothing at {self._at}")
        self._at = match.end()
        if match.group(1):
            return self._count(int(match.group(1)[:-2]))
        if match.group(2):
            return self._marked(match.group(2))
        if match.group(3) in QUANTITIES:
            return self._comparison(match.group(3))
        return self._name(match.group(3))

    def _require(self, symbol: str) -> None:
        if not self._take(symbol):
            raise PackInvalid(f"condition {self._text!r}: {symbol!r} expected at {self._at}")

    def _count(self, least: int) -> _Test:
        tests = [self.either()]
        while self._take(","):
            tests.append(self.either())
        self._require(")")
        return _at_least(least, tests)

    def _marked(self, mark: str) -> _Test:
        match = self._peek()
        name = match.group(3) if match else None
        if match is None or name is None:
            raise PackInvalid(f"condition {self._text!r}: {mark}() needs a concept")
        self._at = match.end()
        self._require(")")
        self._note(name)
        return lambda findings: frozenset({name}) if findings.is_marked(mark, name) else None

    def _comparison(self, name: str) -> _Test:
        operator = self._peek()
        sign = operator.group(4) if operator else None
        number = _TOKEN.match(self._text, operator.end()) if operator else None
        if sign is None or number is None or number.group(5) is None:
            raise PackInvalid(f"condition {self._text!r}: {name} needs a comparison")
        self._at = number.end()
        return _compare(name, sign, float(number.group(5)))

    def _name(self, name: str | None) -> _Test:
        if name is None:
            raise PackInvalid(f"condition {self._text!r}: a name expected before {self.rest()!r}")
        if name in FACTS:
            return lambda findings: frozenset() if findings.fact(name) else None
        self._note(name)
        return lambda findings: frozenset({name}) if findings.has(name) else None

    def _note(self, name: str) -> None:
        self.names.add(name)
        if not self._negated:
            self.positive.add(name)


def _any(tests: list[_Test]) -> _Test:
    def test(findings: Findings) -> Evidence | None:
        held = [evidence for one in tests if (evidence := one(findings)) is not None]
        return frozenset().union(*held) if held else None

    return test


def _all(tests: list[_Test]) -> _Test:
    def test(findings: Findings) -> Evidence | None:
        gathered: set[str] = set()
        for one in tests:
            evidence = one(findings)
            if evidence is None:
                return None
            gathered |= evidence
        return frozenset(gathered)

    return test


def _at_least(least: int, tests: list[_Test]) -> _Test:
    def test(findings: Findings) -> Evidence | None:
        held = [evidence for one in tests if (evidence := one(findings)) is not None]
        return frozenset().union(*held) if len(held) >= least else None

    return test


_COMPARE: Mapping[str, Callable[[float, float, float], bool]] = {
    "<": lambda low, high, limit: high < limit,
    "<=": lambda low, high, limit: high <= limit,
    ">": lambda low, high, limit: low > limit,
    ">=": lambda low, high, limit: low >= limit,
}


def _compare(name: str, sign: str, limit: float) -> _Test:
    certain = _COMPARE[sign]

    def test(findings: Findings) -> Evidence | None:
        known = findings.number(name)
        return frozenset() if known is not None and certain(*known, limit) else None

    return test
