"""Reads the package's own YAML once, checks it, and gives the frozen pack that the engine runs on."""

import functools
import hashlib
import importlib.resources
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml  # type: ignore[import-untyped] # PyYAML ships no types

from records.triage.conditions import Condition, compile_condition
from records.triage.errors import PackInvalid
from records.triage.levels import Level
from records.triage.lexicon.words import Lexicon, build_lexicon

PACK_VERSION = "2026-11-22"
_FOLDER = importlib.resources.files("records.triage")


@dataclass(frozen=True, slots=True)
class Rule:
    """One red-flag rule. `when` is a condition over findings; `level` is a floor, never a ceiling."""

    id: str
    level: Level
    when: Condition
    title: Mapping[str, str]
    source: str
    departments: tuple[str, ...]
    population: str
    ask: tuple[str, ...]
    examples: tuple[tuple[str, bool, Mapping[str, Any]], ...]


@dataclass(frozen=True, slots=True)
class MinorComplaint:
    """A complaint that may be cared for at home, and everything that must hold before we say so."""

    id: str
    when: Condition
    unless: Condition | None
    allowed: frozenset[str]
    min_age: float
    max_age: float
    max_days: float
    ask: tuple[str, ...]
    title: Mapping[str, str]
    needs_detail: bool


@dataclass(frozen=True, slots=True)
class Disease:
    """One line of the differential: what speaks for it and against it."""

    id: str
    title: Mapping[str, str]
    must_not_miss: bool
    supports: Mapping[str, float]
    against: frozenset[str]
    requires: Condition | None
    departments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """
    A question to the patient, in both languages, and the concept that a yes would establish.

    `presumes` is the concept that its wording takes for granted ("the pain"); without it nobody could answer.
    """

    id: str
    text: Mapping[str, str]
    finding: str | None
    presumes: str | None


@dataclass(frozen=True, slots=True)
class Pack:
    """Everything the engine knows, with the hash that a note carries."""

    version: str
    sha256: str
    lexicon: Lexicon
    rules: tuple[Rule, ...]
    minor: tuple[MinorComplaint, ...]
    diseases: tuple[Disease, ...]
    questions: Mapping[str, Question]
    departments: Mapping[str, Mapping[str, str]]


@functools.cache
def pack() -> Pack:
    """Return the pack, read and checked on the first call (well below a second) and kept."""
    digest = hashlib.sha256()
    lexicon = build_lexicon(
        {name: _yaml(text, digest) for name, text in _texts("lexicon", ".yaml")}, _traditional(), digest
    )
    tables = dict(_texts("tables", ".yaml"))
    documents = {name: _yaml(text, digest) for name, text in tables.items()}
    rules = [rule for _, text in _texts("rules", ".yaml") for rule in _rules(_yaml(text, digest))]
    made = Pack(
        PACK_VERSION,
        digest.hexdigest(),
        lexicon,
        tuple(rules),
        tuple(_minor(key, row) for key, row in documents["minor.yaml"].items()),
        tuple(_disease(key, row) for key, row in documents["diseases.yaml"].items()),
        {key: _question(key, row) for key, row in documents["questions.yaml"].items()},
        {key: _names(row) for key, row in documents["departments.yaml"].items()},
    )
    _check(made)
    return made


def _texts(folder: str, suffix: str) -> Iterator[tuple[str, str]]:
    for entry in sorted((_FOLDER / folder).iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(suffix):
            yield entry.name, entry.read_text(encoding="utf-8")


def _yaml(text: str, digest: "hashlib._Hash") -> Any:
    digest.update(text.encode())
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both loaders are safe


def _traditional() -> Mapping[str, str]:
    _, traditional, simplified = (_FOLDER / "lexicon" / "traditional.txt").read_text(encoding="utf-8").splitlines()
    return dict(zip(traditional, simplified, strict=True))


def words(value: Any) -> tuple[str, ...]:
    """Return the items of a space-separated text or of a list."""
    if value is None:
        return ()
    return tuple(value.split()) if isinstance(value, str) else tuple(value)


def _names(pair: Any) -> Mapping[str, str]:
    english, chinese = pair
    return {"en": english, "zh": chinese}


def _rules(document: Any) -> Iterator[Rule]:
    defaults = document.get("defaults", {})
    for key, row in document["rules"].items():
        merged = {**defaults, **row}
        examples = [(text, True, merged.get("given", {})) for text in merged.get("fires", [])]
        examples += [(text, False, merged.get("given", {})) for text in merged.get("silent", [])]
        yield Rule(
            id=key,
            level=Level(merged["level"]),
            when=compile_condition(merged["when"]),
            title=_names(merged["title"]),
            source=merged["source"],
            departments=words(merged["dept"]),
            population=merged.get("for", "everyone"),
            ask=words(merged.get("ask")),
            examples=tuple(examples),
        )


def _minor(key: str, row: Mapping[str, Any]) -> MinorComplaint:
    return MinorComplaint(
        id=key,
        when=compile_condition(row["when"]),
        unless=compile_condition(row["unless"]) if "unless" in row else None,
        allowed=frozenset(words(row.get("allow"))),
        min_age=row.get("min_age", 2),
        max_age=row.get("max_age", 130),
        max_days=row["max_days"],
        ask=words(row.get("ask")),
        title=_names(row["title"]),
        needs_detail=bool(row.get("detail", False)),
    )


def _disease(key: str, row: Mapping[str, Any]) -> Disease:
    supports: dict[str, float] = {}
    for item in words(row["for"]):
        name, _, weight = item.partition("*")
        supports[name] = float(weight or 1)
    return Disease(
        id=key,
        title=_names(row["title"]),
        must_not_miss=bool(row.get("must", False)),
        supports=supports,
        against=frozenset(words(row.get("against"))),
        requires=compile_condition(row["needs"]) if "needs" in row else None,
        departments=words(row["dept"]),
    )


def _question(key: str, row: Any) -> Question:
    finding, presumes = (*row[2:], None, None)[:2]
    return Question(key, _names(row[:2]), finding, presumes)


def _check(made: Pack) -> None:
    """Every name that a table uses exists; a typing slip stops the tests, not a patient."""
    known = set(made.lexicon.concepts)
    for rule in made.rules:
        _require(rule.when.names - known, f"rule {rule.id}")
        _require(set(rule.departments) - set(made.departments), f"departments of {rule.id}")
        _require(set(rule.ask) - set(made.questions), f"questions of {rule.id}")
    for minor in made.minor:
        names = minor.when.names | minor.allowed | (minor.unless.names if minor.unless else frozenset())
        _require(names - known, f"minor complaint {minor.id}")
        _require(set(minor.ask) - set(made.questions), f"questions of {minor.id}")
    for disease in made.diseases:
        required = disease.requires.names if disease.requires else frozenset()
        _require((set(disease.supports) | disease.against | required) - known, f"disease {disease.id}")
        _require(set(disease.departments) - set(made.departments), f"departments of {disease.id}")
    for concept in made.lexicon.concepts.values():
        _require(set(concept.implies) - known, f"concept {concept.id}")
        _require(set(concept.departments) - set(made.departments), f"departments of {concept.id}")
    for question in made.questions.values():
        _require({question.finding, question.presumes} - known - {None}, f"question {question.id}")


def _require(unknown: set[Any] | frozenset[Any], where: str) -> None:
    if unknown:
        raise PackInvalid(f"{where}: unknown {', '.join(sorted(map(str, unknown)))}")
