"""`python -m tests.triage.train`: trains the wording head on our own cases and writes its file of weights."""

import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # one thread, so that the sums come out alike everywhere

import numpy as np
from numpy.typing import NDArray

from records.triage.intake import Intake
from records.triage.levels import THREE_LEVEL, Level
from records.triage.rules.loader import pack
from records.triage.story import Story, understand
from records.triage.wording import (
    BUCKETS,
    SCALE,
    VECTOR_SCALE,
    age_feature,
    audible,
    bucket,
    features,
    heard_text,
    pack_head,
    pack_weights,
    words,
)
from server.adapters.sentence_encoder import UniversalSentenceEncoder

CASES = Path(__file__).parent / "cases"
TARGET = Path(__file__).parents[2] / "records" / "triage" / "tables" / "wording.bin"
# Never trained on: the sets by which unseen wording is judged.
HELD_OUT = (
    "held_out_next.jsonl",
    "prose.jsonl",
    "ed_rows.jsonl",
    "unseen.jsonl",
    "unseen2.jsonl",
    "unseen3.jsonl",
    "unseen4.jsonl",
)
# Sentences encoded at a time.
BATCH = 200
CLASSES = ("emergency", "doctor", "self-care")
# Chosen by leaving one set out at a time; between 3e-4 and 1e-3 nothing moved by more than a case or two.
L2, STEPS, RATE, MOMENTUM = 1e-3, 300, 2.0, 0.9

Floats = NDArray[np.float32]


def corpus() -> Iterator[tuple[str, str, dict[str, object]]]:
    """Yield (set, gold, intake) of every case that may be learnt from."""
    for path in sorted(CASES.glob("*.jsonl")):
        if path.name in HELD_OUT:
            continue
        for line in filter(str.strip, path.read_text(encoding="utf-8").splitlines()):
            case = json.loads(line)
            for gold, intake in _pair(case) if "en" in case else [(case["gold"], case["intake"])]:
                yield path.stem, gold, intake
    for line in lines_of("harmless.txt"):
        yield "harmless", "self-care", {"id": "1", "complaint": line, "age": 35}
    for levels, complaint in chief_complaints():
        if levels != ("emergency", "doctor"):  # age and vital signs decide there
            yield "chief_complaints", levels[0], {"id": "1", "complaint": complaint}


def lines_of(name: str) -> Iterator[str]:
    """Yield the lines of a text file of cases, without its remarks."""
    for line in (CASES / name).read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            yield line


def chief_complaints() -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield (right levels, the likeliest first; complaint) of chief_complaints.txt."""
    for line in lines_of("chief_complaints.txt"):
        levels, said = line.split(":", 1)
        for complaint in said.split(" | "):
            yield tuple(levels.split("/")), complaint.strip()


def _pair(case: dict[str, object]) -> Iterator[tuple[str, dict[str, object]]]:
    for lang in ("en", "zh"):
        yield str(case["gold"]), intake_of(case, lang)


def intake_of(case: dict[str, object], lang: str) -> dict[str, object]:
    """Return one side of a pair as an intake."""
    given = {name: case[name] for name in ("age", "age_months", "sex", "vitals") if case.get(name) is not None}
    if "age_months" in given:
        given.pop("age", None)
        given["age_months"] = int(float(str(given["age_months"])))
    return {"id": "1", "complaint": case[lang], "lang": lang, **given}


def row(story: Story) -> Floats:
    """Return one case as the head sees it."""
    plain = audible(story)
    found = set(age_feature(story.age)).union(*(features(part) for part in re.findall(r"[^\n]+", plain)), set())
    vector = np.zeros(BUCKETS, np.float32)
    for one in found:
        vector[bucket(one)] += 1
    return vector * np.float32(SCALE / np.sqrt(len(found) or 1))


def fit(gram: Floats, labels: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """
    Return softmax weights in the dual (case x class) and biases: classes weigh alike, full batches, no randomness.

    `gram` holds the products of all cases with each other: with 3,000 cases a step costs a quarter of what it would
    over 8,192 buckets. The weights of the buckets are rows.T @ dual.
    """
    dual, biases = np.zeros((len(labels), 3), np.float32), np.zeros(3, np.float32)
    speed, bias_speed = np.zeros_like(dual), np.zeros_like(biases)
    truth = np.eye(3, dtype=np.float32)[labels]
    share = (len(labels) / np.bincount(labels, minlength=3) / 3)[labels][:, None].astype(np.float32)
    for _ in range(STEPS):
        scores = gram @ dual + biases
        odds = np.exp(scores - scores.max(axis=1, keepdims=True))
        error = (odds / odds.sum(axis=1, keepdims=True) - truth) * share / np.float32(len(labels))
        speed = MOMENTUM * speed - RATE * (error + np.float32(L2) * dual)
        bias_speed = MOMENTUM * bias_speed - RATE * error.sum(axis=0)
        dual, biases = dual + speed, biases + bias_speed
    return dual, biases


@dataclass(frozen=True)
class Material:
    """What training reads: each case with the set that it is from, as rows of buckets and as sentence vectors."""

    cases: list[tuple[str, dict[str, object]]]
    sets: NDArray[np.str_]
    labels: NDArray[np.int64]
    rows: Floats
    vectors: Floats
    words: list[set[str]]

    def without(self, name: str) -> "Material":
        """Return the material without one set."""
        kept = np.flatnonzero(self.sets != name)
        return Material(
            [self.cases[i] for i in kept],
            self.sets[kept],
            self.labels[kept],
            self.rows[kept],
            self.vectors[kept],
            [self.words[i] for i in kept],
        )


def material() -> Material:
    """Return the whole corpus, read and encoded once."""
    named = list(corpus())
    cases = [(gold, intake) for _, gold, intake in named]
    stories = [understand(Intake.parse(intake), pack().lexicon) for _, intake in cases]
    encoder = UniversalSentenceEncoder()
    texts = [heard_text(story) for story in stories]
    chunks = [encoder.encode(texts[i : i + BATCH]) for i in range(0, len(texts), BATCH)]
    return Material(
        cases,
        np.array([name for name, _, _ in named]),
        np.array([CLASSES.index(gold if gold in CLASSES else THREE_LEVEL[Level(gold)]) for gold, _ in cases]),
        np.stack([row(story) for story in stories]),
        np.concatenate([np.asarray(chunk, np.float32) for chunk in chunks]) * np.float32(VECTOR_SCALE),
        [words(audible(story)) for story in stories],
    )


def trained(known: Material) -> bytes:
    """Return the file that training on the material gives."""
    digest = hashlib.sha256(json.dumps(known.cases, ensure_ascii=False, sort_keys=True).encode()).hexdigest()
    alone = known.rows @ known.rows.T
    heads = []
    for gram, inputs in (
        (alone, known.rows),
        (alone + known.vectors @ known.vectors.T, np.concatenate([known.rows, known.vectors], axis=1)),
    ):
        dual, biases = fit(gram, known.labels)
        weights = inputs.T @ dual
        columns = [(weights[:, 0] - weights[:, 1]).tolist(), (weights[:, 2] - weights[:, 1]).tolist()]
        heads.append(pack_weights(columns, (float(biases[0] - biases[1]), float(biases[2] - biases[1]))))
    return pack_head(heads, set[str]().union(*known.words), digest)


if __name__ == "__main__":
    TARGET.write_bytes(trained(material()))
    sys.stdout.write(f"{TARGET} {TARGET.stat().st_size} bytes\n")
