"""Token buckets in bounded memory: how often one address may call one route. Pure; `now` is monotonic seconds."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass

# One bucket is about 200 bytes: 2 MB. A flood from more addresses than this evicts the oldest, that is, the fullest,
# buckets.
MAX_BUCKETS = 10_000


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` calls at once, then `per_s` a second."""

    burst: float
    per_s: float


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Buckets:
    """One bucket per key, refilled with time. A key that was never seen has a full bucket."""

    def __init__(self, limit: int = MAX_BUCKETS) -> None:
        self._limit = limit
        self._buckets: OrderedDict[tuple[str, ...], _Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: tuple[str, ...], rate: Rate, now: float, cost: float = 1.0) -> int:
        """
        Take from a key's bucket. Returns 0 when there was enough, else the whole seconds to wait (nothing is taken).
        """
        bucket = self._filled(key, rate, now)
        if bucket.tokens >= cost:
            bucket.tokens -= cost
            return 0
        return max(1, math.ceil((cost - bucket.tokens) / rate.per_s))

    def _filled(self, key: tuple[str, ...], rate: Rate, now: float) -> _Bucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= self._limit:
                self._buckets.popitem(last=False)
            bucket = self._buckets[key] = _Bucket(rate.burst, now)
        bucket.tokens = min(rate.burst, bucket.tokens + max(0.0, now - bucket.at) * rate.per_s)
        bucket.at = now
        self._buckets.move_to_end(key)
        return bucket
