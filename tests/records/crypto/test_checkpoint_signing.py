"""records/README.md "Audit": checkpoints are signed."""

from records.crypto.checkpoint_signing import checkpoint_public_key, is_signed, sign_checkpoint


class TestCheckpointSignature:
    """Ed25519 under the tenant's signing key."""

    def test_is_signed_by_the_key_that_signed(self) -> None:
        assert is_signed(b"s" * 32, b"message", sign_checkpoint(b"s" * 32, b"message"))

    def test_another_key_or_message_is_not(self) -> None:
        signature = sign_checkpoint(b"s" * 32, b"message")
        assert not is_signed(b"x" * 32, b"message", signature)
        assert not is_signed(b"s" * 32, b"massage", signature)

    def test_public_key_is_32_bytes(self) -> None:
        assert len(checkpoint_public_key(b"s" * 32)) == 32
