"""Bearer tokens: 256 random bits outside, SHA-256 inside. A stolen database opens no door."""

import hashlib
import secrets

TOKEN_BYTES = 32  # 256 bit; SHA-256 without salt or stretching is enough for what cannot be guessed


def new_token() -> tuple[str, bytes]:
    """Return a URL-safe token and the hash to keep."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    return token, token_hash(token)


def token_hash(token: str) -> bytes:
    """Return what is kept of a token."""
    return hashlib.sha256(token.encode()).digest()
