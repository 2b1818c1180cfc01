"""The lexicon as data: concepts, the atoms that near-phrases are made of, and context triggers, in one automaton."""

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import ahocorasick

from records.triage.errors import PackInvalid
from records.triage.levels import Level
from records.triage.normalise import searchable


class Kind(enum.Enum):
    """What sort of thing a concept is; it decides how "history of" is read."""

    SYMPTOM = "symptom"  # the patient feels or shows it; "history of" makes it past
    CONDITION = "condition"  # a lasting state or medicine; "history of" makes it true
    DISEASE = "disease"  # an acute illness by name; worrying about it does not make it true
    QUALITY = "quality"  # severity, onset, trigger: never a complaint by itself
    RELIEF = "relief"  # reassuring detail: bears weight, eats and drinks; only ever used in guards
    VAGUE = "vague"  # pain, bleeding … with no place given; counts only where no clearer mention covers the words


@dataclass(frozen=True, slots=True)
class Concept:
    """One finding. `base` is the level when it stands alone; None leaves the level to the rules."""

    id: str
    kind: Kind
    title: Mapping[str, str]
    base: Level | None
    departments: tuple[str, ...]
    implies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NearPhrase:
    """Two or three atoms that mean the concept when they stand near each other in one segment, in any order."""

    concept: str
    atoms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tag:
    """What a matched pattern stands for. Sort: concept, alone, atom, trigger or blocker."""

    sort: str
    name: str


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Everything that text is searched for. `automaton` maps a pattern to (length, tags)."""

    concepts: Mapping[str, Concept]
    near: tuple[NearPhrase, ...]
    sites: frozenset[str]
    automaton: Any
    traditional: Mapping[str, str]
    vocabulary: Mapping[str, tuple[str, ...]]


_SEPARATOR = "|"
_NO_CONCEPTS = ("atoms.yaml", "context.yaml")
# The sort of a pattern that counts only as a clause of a terse complaint: "HTN", not "HTN and DM2, c/o chest pain".
ALONE = "alone"


def build_lexicon(documents: Mapping[str, Any], traditional: Mapping[str, str], digest: Any) -> Lexicon:
    """Return the lexicon of all YAML documents: atoms.yaml, context.yaml, and concepts in every other file."""
    patterns: dict[str, set[Tag]] = {}
    atoms, context = documents["atoms.yaml"], documents["context.yaml"]
    for group in ("sites", "words"):
        for name, said in atoms[group].items():
            _add(patterns, said, Tag("atom", name), traditional)
    for sort in ("trigger", "blocker"):
        for name, said in context[sort].items():
            _add(patterns, said, Tag(sort, name), traditional)
    concepts: dict[str, Concept] = {}
    near: list[NearPhrase] = []
    known_atoms = set(atoms["sites"]) | set(atoms["words"])
    rows = [pair for name, document in documents.items() if name not in _NO_CONCEPTS for pair in document.items()]
    for key, row in rows:
        if "name" in row and key in concepts:
            raise PackInvalid(f"concept {key} is defined twice")
        if "name" in row:
            concepts[key] = _concept(key, row)
    for key, row in rows:
        if key not in concepts:
            raise PackInvalid(f"more words for an unknown concept {key}")
        _add(patterns, row.get("says", ""), Tag("concept", key), traditional)
        _add(patterns, row.get("alone", ""), Tag(ALONE, key), traditional)
        near.extend(_near(key, row.get("near", ""), known_atoms))
    digest.update("".join(sorted(patterns)).encode())
    vocabulary = _deletions(patterns)
    return Lexicon(concepts, tuple(near), frozenset(atoms["sites"]), _automaton(patterns), traditional, vocabulary)


def _concept(key: str, row: Mapping[str, Any]) -> Concept:
    english, chinese = row["name"]
    base = row.get("base", "routine" if row.get("kind", "symptom") in ("symptom", "disease") else None)
    return Concept(
        id=key,
        kind=Kind(row.get("kind", "symptom")),
        title={"en": english, "zh": chinese},
        base=None if base in (None, "none") else Level(base),
        departments=tuple(row.get("dept", "").split()),
        implies=tuple(row.get("implies", "").split()),
    )


def _near(key: str, said: str, known: set[str]) -> Iterable[NearPhrase]:
    for one in filter(None, (part.strip() for part in said.split(_SEPARATOR))):
        atoms = tuple(atom.strip() for atom in one.split("+"))
        if unknown := set(atoms) - known:
            raise PackInvalid(f"concept {key}: unknown atoms {sorted(unknown)}")
        yield NearPhrase(key, atoms)


def _add(patterns: dict[str, set[Tag]], said: str, tag: Tag, traditional: Mapping[str, str]) -> None:
    for phrase in said.split(_SEPARATOR):
        plain = searchable(phrase, traditional)
        if plain:
            patterns.setdefault(plain, set()).add(tag)


def _automaton(patterns: Mapping[str, set[Tag]]) -> Any:
    automaton = ahocorasick.Automaton()
    for plain, tags in patterns.items():
        automaton.add_word(plain, (len(plain), tuple(sorted(tags, key=lambda tag: (tag.sort, tag.name)))))
    automaton.make_automaton()
    return automaton


# Below seven letters one slip turns a word into another word too often ("heart"/"hearts", "chest"/"cheat").
MIN_TYPO_LETTERS = 7


def _deletions(patterns: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    """Return every long English stem under itself and under each form with one letter left out (SymSpell's index)."""
    stems = {word for plain in patterns for word in plain.split() if word.isascii() and word.isalpha()}
    index: dict[str, list[str]] = {}
    for word in stems:
        if len(word) < MIN_TYPO_LETTERS - 1:
            index.setdefault(word, []).append(word)
            continue
        for form in {word, *(word[:i] + word[i + 1 :] for i in range(1, len(word)))}:
            index.setdefault(form, []).append(word)
    return {form: tuple(sorted(found)) for form, found in index.items()}
