"""Published vectors: NIST/McGrew-Viega GCM, C2SP XAES-256-GCM, RFC 8998 SM4-GCM, RFC 5869 HKDF, GB/T 32905 SM3."""

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from records.crypto.suites import AES_256_GCM, SM4_GCM, XAES_256_GCM, AesGcm, Sm4Gcm, XaesGcm, cipher, commit, derive
from records.errors import CannotOpen


class TestAes256Gcm:
    """The Galois/Counter Mode of Operation, McGrew and Viega, appendix B, test cases 13 to 16."""

    KEY = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"
    NONCE = "cafebabefacedbaddecaf888"
    PLAINTEXT = (
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
        "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255"
    )
    CIPHERTEXT = (
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
        "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad"
    )

    def test_case_13_empty(self) -> None:
        assert AesGcm(bytes(32)).encrypt(bytes(12), b"", b"").hex() == "530f8afbc74536b9a963b4f1c4cb738b"

    def test_case_14_one_block(self) -> None:
        sealed = AesGcm(bytes(32)).encrypt(bytes(12), bytes(16), b"").hex()
        assert sealed == "cea7403d4d606b6e074ec5d3baf39d18" + "d0d1c8a799996bf0265b98b5d48ab919"

    def test_case_15_four_blocks(self) -> None:
        aead = AesGcm(bytes.fromhex(self.KEY))
        sealed = aead.encrypt(bytes.fromhex(self.NONCE), bytes.fromhex(self.PLAINTEXT), b"")
        assert sealed.hex() == self.CIPHERTEXT + "b094dac5d93471bdec1a502270e3cc6c"

    def test_case_16_with_associated_data(self) -> None:
        aead = AesGcm(bytes.fromhex(self.KEY))
        data = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
        sealed = aead.encrypt(bytes.fromhex(self.NONCE), bytes.fromhex(self.PLAINTEXT)[:60], data)
        assert sealed.hex() == self.CIPHERTEXT[:120] + "76fc6ece0f4e1768cddf8853bb2d551b"


class TestXaes256Gcm:
    """C2SP XAES-256-GCM, "Test vectors": one for each value of the subkey's top bit."""

    NONCE = b"ABCDEFGHIJKLMNOPQRSTUVWX"

    @pytest.mark.parametrize(
        ("key", "data", "expected"),
        [
            (1, b"", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"),
            (3, b"c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"),
        ],
    )
    def test_vector(self, key: int, data: bytes, expected: str) -> None:
        aead = XaesGcm(bytes((key,)) * 32)
        assert aead.encrypt(self.NONCE, b"XAES-256-GCM", data).hex() == expected
        assert aead.decrypt(self.NONCE, bytes.fromhex(expected), data) == b"XAES-256-GCM"


class TestSm4Gcm:
    """RFC 8998 appendix A.1."""

    KEY = "0123456789abcdeffedcba9876543210"
    NONCE = "00001234567800000000abcd"
    DATA = "feedfacedeadbeeffeedfacedeadbeefabaddad2"
    PLAINTEXT = "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddd" \
                "eeeeeeeeeeeeeeeeffffffffffffffffeeeeeeeeeeeeeeeeaaaaaaaaaaaaaaaa"  # fmt: skip
    CIPHERTEXT = "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735" \
                 "d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d"  # fmt: skip
    TAG = "83de3541e4c2b58177e065a9bf7b62ec"

    def test_vector(self) -> None:
        aead = Sm4Gcm(bytes.fromhex(self.KEY))
        nonce, data = bytes.fromhex(self.NONCE), bytes.fromhex(self.DATA)
        sealed = aead.encrypt(nonce, bytes.fromhex(self.PLAINTEXT), data)
        assert sealed.hex() == self.CIPHERTEXT + self.TAG
        assert aead.decrypt(nonce, sealed, data).hex() == self.PLAINTEXT

    def test_nothing_is_returned_before_the_tag_was_checked(self) -> None:
        wrong = bytes.fromhex(self.CIPHERTEXT) + bytes(16)
        with pytest.raises(CannotOpen):
            Sm4Gcm(bytes.fromhex(self.KEY)).decrypt(bytes.fromhex(self.NONCE), wrong, bytes.fromhex(self.DATA))


class TestDerivation:
    """RFC 5869; sub-keys of two purposes, suites or keys have nothing in common."""

    def test_rfc_5869_case_1(self) -> None:
        info, salt = bytes(range(0xF0, 0xFA)), bytes(range(13))
        derived = HKDF(hashes.SHA256(), 42, salt=salt, info=info).derive(b"\x0b" * 22)
        assert derived.hex() == (
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
        )

    def test_rfc_5869_case_3_without_salt_and_info(self) -> None:
        derived = HKDF(hashes.SHA256(), 42, salt=b"", info=b"").derive(b"\x0b" * 22)
        assert derived.hex() == (
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
        )

    def test_sm3_of_abc(self) -> None:
        digest = hashes.Hash(hashes.SM3())
        digest.update(b"abc")
        assert digest.finalize().hex() == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"

    def test_every_purpose_suite_and_key_gives_another_sub_key(self) -> None:
        keys = {
            derive(material, purpose, suite)
            for material in (bytes(32), b"\1" * 32)
            for purpose in ("seal", "commitment", "blind index/a", "blind index/b")
            for suite in (AES_256_GCM, XAES_256_GCM, SM4_GCM)
        }
        assert len(keys) == 2 * 4 * 3

    def test_commitments_differ_by_key_and_suite(self) -> None:
        commitments = {commit(material, suite) for material in (bytes(32), b"\1" * 32) for suite in (1, 2, 3)}
        assert len(commitments) == 6

    def test_unknown_suite_does_not_open(self) -> None:
        with pytest.raises(CannotOpen):
            cipher(bytes(32), 4)
