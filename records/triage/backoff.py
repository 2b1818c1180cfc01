"""Embedding back-off: clauses without a known word, compared with known findings. It only ever adds a question."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from records.triage.levels import Level
from records.triage.lexicon.words import Kind
from records.triage.ports import SentenceEncoder
from records.triage.rules.loader import Pack
from records.triage.story import Story


@dataclass(frozen=True, slots=True)
class Possible:
    """A clause that sounds like a finding. `similarity` is a cosine; the words are verbatim."""

    concept: str
    quote: str
    start: int
    end: int
    similarity: float


@dataclass(frozen=True, slots=True)
class Bank:
    """Prototype vectors, one row a prototype; `concepts[i]` is what row i stands for."""

    concepts: tuple[str, ...]
    vectors: NDArray[np.float32]


# Paraphrases of a finding score .36-.93, other complaints up to .60 (triage.md §5): a question is cheap, so the
# limit is where most of the false ones end.
MIN_SIMILARITY = 0.6
# Each clause costs about a millisecond; a long story keeps to the first of its unknown clauses.
MAX_CLAUSES = 6
MIN_CLAUSE_CHARACTERS = 6


def build_bank(known: Pack, encoder: SentenceEncoder) -> Bank:
    """Return the prototypes of every finding that a doctor must not miss: its title in both languages."""
    grave = [
        concept
        for concept in known.lexicon.concepts.values()
        if concept.base in (Level.EMERGENCY, Level.URGENT) and concept.kind in (Kind.SYMPTOM, Kind.DISEASE)
    ]
    texts = [(concept.id, concept.title[lang]) for concept in grave for lang in ("en", "zh")]
    vectors = np.asarray(encoder.encode([text for _, text in texts]), dtype=np.float32)
    return Bank(tuple(name for name, _ in texts), vectors)


def possible_findings(story: Story, bank: Bank, encoder: SentenceEncoder) -> tuple[Possible, ...]:
    """Return at most one possible finding for each clause in which the lexicon recognised nothing."""
    clauses = unknown_clauses(story)
    if not clauses:
        return ()
    text = story.readings[0].normal.original
    scores = np.asarray(encoder.encode([text[a:b] for a, b in clauses]), dtype=np.float32) @ bank.vectors.T
    found: dict[str, Possible] = {}
    for (start, end), row in zip(clauses, scores, strict=True):
        best = int(row.argmax())
        concept, similarity = bank.concepts[best], float(row[best])
        if similarity >= MIN_SIMILARITY and concept not in story.present and concept not in story.others:
            found.setdefault(concept, Possible(concept, text[start:end], start, end, round(similarity, 3)))
    return tuple(found.values())


def unknown_clauses(story: Story) -> list[tuple[int, int]]:
    """Return the original spans of clauses without any mention, in the order of the text."""
    reading = story.readings[0]
    plain, spans, first = reading.normal.plain, [], 0
    for index in [i for i, character in enumerate(plain) if character in ",\n、"] + [len(plain)]:
        if index - first >= MIN_CLAUSE_CHARACTERS and not any(
            mention.first < index and first < mention.last for mention in reading.mentions
        ):
            spans.append(reading.normal.span(first, index))
        first = index + 1
    return [(a, b) for a, b in spans if b > a][:MAX_CLAUSES]


def questions_for(found: Sequence[Possible], titles: Mapping[str, str], lang: str) -> list[str]:
    """Return one question for each possible finding, with the patient's own words."""
    if lang == "zh":
        return [f"您说“{one.quote}”，是指{titles[one.concept]}吗？" for one in found]
    return [f'You said "{one.quote}": do you mean {titles[one.concept]}?' for one in found]
