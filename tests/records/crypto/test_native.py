"""records/native: SHA-256 and HMAC by published vectors, and the same bytes as the reference in Python, row for row."""

import hmac
import shutil
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path as File
from random import Random
from typing import Any
from uuid import UUID

import pytest

from records.crypto import blind_index, native, suites
from records.crypto.blind_index import Path
from records.crypto.envelope import DataKey, seal, seal_all, set_up
from records.crypto.format import Context
from records.store.native import build

CONTEXT = Context(UUID(int=1), UUID(int=2), "resource", "Patient/p1/1", "content")
LETTERS = ["a", "ß", "王", "🦙", " ", "\x1f", "é", "z"]


@pytest.fixture(params=["processor", "portable"], scope="module")
def library(request: pytest.FixtureRequest) -> Iterator[Any]:
    """The library, with the processor's own instructions where it has them, and in plain C."""
    if native.load() is None:  # `make test` has built it
        build()
        native.load.cache_clear()
    loaded = native.load()
    assert loaded is not None
    loaded.use_portable(request.param == "portable")
    yield loaded
    loaded.use_portable(0)


def digest(library: Any, text: bytes) -> bytes:
    out = bytearray(32)
    library.sha256(text, len(text), native.ffi.from_buffer("uint8_t[]", out))
    return bytes(out)


def texts(random: Random, count: int, most: int) -> list[str]:
    return ["".join(random.choices(LETTERS, k=random.randint(0, most))) for _ in range(count)]


class TestSha256:
    """NIST, "Examples with Intermediate Values" of FIPS 180-4, and the empty message."""

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            (b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
             "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"),
            (b"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrs"
             b"mnopqrstnopqrstu", "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"),
            (b"a" * 1_000_000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
        ],
    )  # fmt: skip
    def test_vector(self, library: Any, text: bytes, expected: str) -> None:
        assert digest(library, text).hex() == expected

    def test_every_length_of_three_blocks(self, library: Any) -> None:
        text = Random(1).randbytes(192)
        assert [digest(library, text[:n]) for n in range(193)] == [sha256(text[:n]).digest() for n in range(193)]


class TestHmac:
    """RFC 4231 §4, the cases whose keys are no longer than a block and whose output is whole."""

    @pytest.mark.parametrize(
        ("key", "text", "expected"),
        [
            (b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (b"Jefe", b"what do ya want for nothing?",
             "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
            (b"\xaa" * 20, b"\xdd" * 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
            (bytes(range(1, 26)), b"\xcd" * 50, "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
        ],
    )  # fmt: skip
    def test_vector(self, library: Any, key: bytes, text: bytes, expected: str) -> None:
        out, state = bytearray(33), native.ffi.new("mac_state *")
        library.mac_start(key, len(key), state)
        assert library.mac_texts(state, text, len(text), 1, 7, 32, native.ffi.from_buffer("uint8_t[]", out)) == 0
        assert out.hex() == "07" + expected


@pytest.mark.usefixtures("library")
class TestSameAsTheReference:
    """Drawn texts of every length and width: the same bytes as records/crypto gives without the library."""

    KEY = DataKey(3, b"i" * 32)

    def test_tokens_and_marks(self) -> None:
        drawn = texts(Random(2), 300, 90)
        macs = [hmac.digest(self.KEY.derive("blind index/fhir"), text.encode(), "sha256") for text in drawn]
        assert blind_index.tokens(self.KEY, "fhir", drawn) == [b"\3" + mac[:16] for mac in macs]
        assert blind_index.marks(self.KEY, "fhir", drawn) == [b"\3" + mac[:7] for mac in macs]

    def test_truncated_tokens(self) -> None:
        drawn = texts(Random(3), 20, 20)
        assert blind_index.tokens(self.KEY, "patient.name", drawn) == [
            blind_index.token(self.KEY, "patient.name", text) for text in drawn
        ]

    def test_paths(self) -> None:
        random = Random(4)
        ends = [("", ""), ("one", ""), ("one" * 30, "other")]
        wanted = [(head, text[:12], *random.choice(ends)) for head in texts(random, 20, 70)
                  for text in texts(random, 15, 14)]  # fmt: skip
        assert blind_index.paths(self.KEY, "fhir", wanted) == [
            blind_index.path(self.KEY, "fhir", each) for each in wanted
        ]

    @pytest.mark.parametrize(
        "odd",
        [("", "a\0b", "", ""), ("head", "a" * 17, "", ""), ("a\0b", "", "x", "")],
        ids=["separator in letters", "more letters than the library takes", "separator in the head"],
    )
    def test_what_the_library_does_not_take_goes_the_other_way(self, odd: Path) -> None:
        both = [odd, ("head", "ab", "end", "")]
        assert blind_index.paths(self.KEY, "fhir", both) == [blind_index.path(self.KEY, "fhir", each) for each in both]
        some = ["a\0b", "a"]
        assert blind_index.tokens(self.KEY, "fhir", some) == [blind_index.token(self.KEY, "fhir", t) for t in some]

    @pytest.mark.parametrize("suite", [suites.AES_256_GCM, suites.XAES_256_GCM, suites.SM4_GCM])
    def test_keys_that_are_set_up_together_seal_as_those_that_are_not(self, suite: int) -> None:
        materials = [Random(5).randbytes(32) for _ in range(5)]
        together = [DataKey(1, material, suite) for material in materials]
        set_up(together)
        for key, material in zip(together, materials, strict=True):
            assert key.is_set_up
            assert key.commitment(suite) == suites.commit(material, suite)
            nonce = bytes(24 if suite == suites.XAES_256_GCM else 12)
            alone = suites.cipher(material, suite)
            assert key.cipher(suite).encrypt(nonce, b"x", b"y") == alone.encrypt(nonce, b"x", b"y")


class TestWithoutTheLibrary:
    """No compiler, no library: the same rows and keys."""

    @pytest.fixture(autouse=True)
    def absent(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(native, "load", lambda: None)

    def test_rows(self) -> None:
        key = DataKey(1, b"i" * 32)
        assert blind_index.tokens(key, "fhir", ["a", "b"]) == [blind_index.token(key, "fhir", t) for t in ("a", "b")]
        wanted = ("", "a", "", "")
        assert blind_index.paths(key, "fhir", [wanted]) == [blind_index.path(key, "fhir", wanted)]

    def test_sealing(self) -> None:
        keys = [DataKey(1, bytes((n,)) * 32) for n in range(3)]
        values = [(key, CONTEXT, b"x") for key in keys]
        assert [len(each) for each in seal_all(values)] == [len(seal(*value)) for value in values]
        assert keys[0].commitment(1) == suites.commit(keys[0].material, 1)


class TestItsName:
    """An older library would be called in another way than it knows."""

    def test_other_sources_are_another_library(self, tmp_path: File) -> None:
        shutil.copytree(native.SOURCES, tmp_path / "native")
        same = native.library(tmp_path / "native").name
        (tmp_path / "native" / "blind.c").write_text("")
        assert same == native.library().name != native.library(tmp_path / "native").name
