"""Ed25519 signatures of audit checkpoints, under a tenant's signing key (RFC 8032)."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from records.crypto.suites import derive


def sign_checkpoint(material: bytes, message: bytes) -> bytes:
    """Return the signature of a checkpoint's message."""
    return _signing_key(material).sign(message)


def is_signed(material: bytes, message: bytes, signature: bytes) -> bool:
    """Say whether a signature is this signing key's."""
    try:
        _signing_key(material).public_key().verify(signature, message)
    except InvalidSignature:
        return False
    return True


def checkpoint_public_key(material: bytes) -> bytes:
    """Return the 32 bytes that a verifier outside needs."""
    return _signing_key(material).public_key().public_bytes_raw()


def _signing_key(material: bytes) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(derive(material, "audit checkpoint"))
