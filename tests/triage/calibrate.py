"""
`python -m tests.triage.calibrate`: learns how sure the engine may be, and writes tables/confidence.json.

Each set is answered with a wording head that was trained without it, so that being right there is being right on
unseen words; logistic weights are learnt on all those answers, and the printed error is that of leaving the set out
of the weights too. The sets `unseen*` are never read.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray

from records.triage import confidence, engine
from records.triage.intake import Intake
from records.triage.levels import THREE_LEVEL, Level
from records.triage.wording import Head, read_head, wording
from server.adapters.sentence_encoder import shared_encoder
from tests.triage.train import CASES, intake_of, material, trained

TARGET = Path(__file__).parents[2] / "records" / "triage" / "tables" / "confidence.json"
# Few weights, many cases: the penalty only keeps them finite.
L2, NEWTON_STEPS = 1.0, 30
# Sets that have shaped the rules come out better than new wording would; these have not, so they weigh more.
FRESH = ("corpus_lay", "corpus_s3_learnt", "ed_rows", "prose", "held_out_next")
FRESH_WEIGHT = 3.0

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Answers:
    """One set: the signs of each answer (case x sign), whether it was right, and what a case weighs."""

    names: tuple[str, ...]
    signs: Floats
    right: Floats
    weight: float


def _cases(path: Path) -> Iterator[tuple[str, dict[str, object]]]:
    for line in filter(str.strip, path.read_text(encoding="utf-8").splitlines()):
        case = json.loads(line)
        gold = case["gold"] if case["gold"] in THREE_LEVEL.values() else THREE_LEVEL[Level(case["gold"])]
        sides = [intake_of(case, lang) for lang in ("en", "zh")] if "en" in case else [case["intake"]]
        yield from ((gold, side) for side in sides)


def answers(path: Path, head: Head) -> Answers:
    """Return the engine's answers to a set, read with the given wording head."""
    rows: list[Mapping[str, float]] = []
    right = []
    real = confidence.confidence

    def kept(story, level, evidence):  # type: ignore[no-untyped-def]
        rows.append(confidence.signs(story, level, evidence))
        return real(story, level, evidence)

    encoder = shared_encoder()
    with (
        mock.patch.object(engine, "wording", lambda story, vector=None: wording(story, head, vector)),
        mock.patch.object(engine, "confidence", kept),
    ):
        for gold, intake in _cases(path):
            level = engine.assess(Intake.parse(intake), encoder=encoder).level
            right.append(level is not None and THREE_LEVEL[level] == gold)
    names = tuple(rows[0])
    signs = np.array([[row[name] for name in names] for row in rows])
    return Answers(names, signs, np.array(right, float), FRESH_WEIGHT if path.stem in FRESH else 1.0)


def fit(sets: list[Answers]) -> Floats:
    """Return the weights of a logistic regression by Newton's method."""
    x = np.concatenate([one.signs for one in sets])
    y = np.concatenate([one.right for one in sets])
    share = np.concatenate([np.full(len(one.right), one.weight) for one in sets])
    weights = np.zeros(x.shape[1])
    for _ in range(NEWTON_STEPS):
        odds = 1 / (1 + np.exp(-x @ weights))
        slope = x.T @ (share * (odds - y)) + L2 * weights
        curve = (x * (share * odds * (1 - odds))[:, None]).T @ x + L2 * np.eye(len(weights))
        weights -= np.linalg.solve(curve, slope)
    return weights


def error(sets: list[Answers], weights: Floats, bins: int = 5) -> float:
    """Return the expected calibration error over equal-count bins."""
    sure = 1 / (1 + np.exp(-np.concatenate([one.signs for one in sets]) @ weights))
    right = np.concatenate([one.right for one in sets])
    order = np.argsort(sure, kind="stable")
    groups = np.array_split(order, bins)
    return float(sum(abs(sure[group].mean() - right[group].mean()) * len(group) for group in groups) / len(order))


def main() -> None:
    """Learn, print the error of each set left out, and write the table."""
    sets: dict[str, Answers] = {}
    known = material()
    for path in sorted(CASES.glob("*.jsonl")):
        if not path.stem.startswith("unseen"):
            sets[path.stem] = answers(path, read_head(trained(known.without(path.stem))))
    for name, one in sets.items():
        others = fit([other for key, other in sets.items() if key != name])
        line = f"{name:<16} n={len(one.right):<4} right {one.right.mean():.3f}  left out {error([one], others):.3f}"
        sys.stdout.write(line + "\n")
    every = list(sets.values())
    weights = fit(every)
    sys.stdout.write(f"all together {error(every, weights):.3f}\n")
    learnt = {name: round(float(value), 4) for name, value in zip(every[0].names, weights, strict=True)}
    TARGET.write_text(json.dumps({"weights": learnt}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
