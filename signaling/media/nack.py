"""Which lost packets of a publisher's stream are asked for again, when, and how often (RFC 4585 §6.2.1). Pure."""

REORDER_S = 0.012  # packets overtake each other by a few milliseconds; asking at once doubles the traffic for nothing
MIN_RETRY_S = 0.06  # with an unknown round trip
MAX_TRIES = 8
MAX_AGE_S = 1.0  # a frame that late is no use; the decoder asks for a key frame instead
MAX_MISSING = 256  # more at once is an outage, which a key frame repairs better


class NackList:
    """The gaps of one stream. `missed` when numbers were skipped, `take` when it is time to ask."""

    def __init__(self) -> None:
        self._missing: dict[int, tuple[float, float, int]] = {}

    def missed(self, numbers: list[int], now: float) -> bool:
        """Note extended numbers that were skipped; False when so many are missing that only a key frame helps."""
        if len(numbers) > MAX_MISSING:
            self._missing.clear()
            return False
        for number in numbers:
            self._missing[number] = (now, now + REORDER_S, 0)
        while len(self._missing) > MAX_MISSING:
            del self._missing[next(iter(self._missing))]
        return True

    def arrived(self, number: int) -> None:
        """A missing packet came after all."""
        self._missing.pop(number, None)

    def __len__(self) -> int:
        return len(self._missing)

    def numbers(self) -> list[int]:
        """Return what is missing, as extended numbers."""
        return list(self._missing)

    def take(self, now: float, rtt_s: float) -> list[int]:
        """Return the 16-bit numbers to ask for now, oldest first."""
        asked = []
        for number, (since, due, tries) in list(self._missing.items()):
            if now - since > MAX_AGE_S or tries >= MAX_TRIES:
                del self._missing[number]
            elif now >= due:
                self._missing[number] = (since, now + max(MIN_RETRY_S, 1.2 * rtt_s), tries + 1)
                asked.append(number & 0xFFFF)
        return asked
