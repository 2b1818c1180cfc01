"""Argon2id passwords, checked off the loop: two at a time, a bounded queue, the same time for unknown accounts."""

from __future__ import annotations

import asyncio
import secrets
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from server.errors import TooManyRequests

# RFC 9106 §4, second recommended option, with one lane: 64 MiB and three passes are 0.1-0.2 s on one core. More lanes
# would let one login take every core from the relays.
TIME_COST, MEMORY_KIB, LANES = 3, 65_536, 1
# Two at once hold 128 MiB; sixteen waiting are two seconds, after which a person has given up anyway.
AT_ONCE, WAITING = 2, 16
MIN_CHARACTERS = 12  # ASVS 6.2.1 asks for 8 and recommends 15


class PasswordTooShort(ValueError):
    """A new password has at least MIN_CHARACTERS characters."""


class Passwords:
    """Hashes and checks passwords. One per process; `close` ends its threads."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(TIME_COST, MEMORY_KIB, LANES, type=Type.ID)
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="argon2")
        self._pending = 0
        # What an unknown account is checked against, so that its answer takes as long as a known one's.
        self._nobody = self._hasher.hash(secrets.token_urlsafe())

    def hash(self, password: str) -> str:
        """Return the PHC string of a new password. Blocks for about 0.2 s: for commands, not for the loop."""
        if len(password) < MIN_CHARACTERS:
            raise PasswordTooShort(f"A password has at least {MIN_CHARACTERS} characters.")
        return self._hasher.hash(password)

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """
        Say whether the password is right; None is an unknown account. Raises TooManyRequests when the queue is full.
        """
        if self._pending >= AT_ONCE + WAITING:
            raise TooManyRequests(2)
        self._pending += 1
        try:
            loop = asyncio.get_running_loop()
            is_right = await loop.run_in_executor(self._threads, self._check, password_hash or self._nobody, password)
        finally:
            self._pending -= 1
        return is_right and password_hash is not None

    def close(self) -> None:
        """End the threads; what they are checking is finished first."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _check(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False
