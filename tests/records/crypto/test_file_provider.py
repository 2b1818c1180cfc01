"""records/README.md "Keys": the file key service."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.crypto.file_provider import FileKeyProvider, KeyFile
from records.crypto.keyring import Wrapped
from records.errors import CannotOpen, KeyFileInvalid

FILE = KeyFile("k1", {"k1": b"1" * 32})


class TestKeyFileText:
    """The file's JSON, and every way for it to be damaged."""

    def test_round_trip(self) -> None:
        assert KeyFile.from_text(FILE.to_text()) == FILE

    @pytest.mark.parametrize("text", [
        "", "{", "[]", "null", '{"format": 1}', '{"format": 2, "current": "k1", "keys": {"k1": "' + "00" * 32 + '"}}',
        '{"format": 1, "current": "k2", "keys": {"k1": "' + "00" * 32 + '"}}',
        '{"format": 1, "current": "k1", "keys": {"k1": "00"}}', '{"format": 1, "current": "k1", "keys": {"k1": "xx"}}',
        '{"format": 1, "current": "k1", "keys": {"k1": 5}}', '{"format": 1, "current": "k1", "keys": []}',
    ])  # fmt: skip
    def test_damage_is_named_without_quoting_the_file(self, text: str) -> None:
        with pytest.raises(KeyFileInvalid, match="damaged: restore it from its backup") as caught:
            KeyFile.from_text(text)
        assert "00" not in str(caught.value)

    @given(st.one_of(st.text(max_size=200), st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=9),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
            st.sampled_from(["format", "current", "keys", "k1", "x"]), inner, max_size=4),
    ).map(json.dumps)))  # fmt: skip
    def test_any_text_is_a_key_file_or_damage(self, text: str) -> None:
        with suppress(KeyFileInvalid):
            FileKeyProvider(KeyFile.from_text(text))

    def test_key_id_without_number_is_damage(self) -> None:
        with pytest.raises(KeyFileInvalid):
            FileKeyProvider(KeyFile("main", {"main": bytes(32)}))


class TestWrapping:
    """Wrapped keys open in their context, also after a rotation of the file."""

    async def test_round_trip(self) -> None:
        provider = FileKeyProvider(FILE)
        assert await provider.unwrap(await provider.wrap(b"d" * 32, b"context"), b"context") == b"d" * 32

    async def test_another_context_is_refused(self) -> None:
        provider = FileKeyProvider(FILE)
        wrapped = await provider.wrap(b"d" * 32, b"context")
        with pytest.raises(CannotOpen):
            await provider.unwrap(wrapped, b"other")

    async def test_unknown_key_is_refused(self) -> None:
        wrapped = await FileKeyProvider(FILE).wrap(b"d" * 32, b"context")
        with pytest.raises(CannotOpen):
            await FileKeyProvider(FILE).unwrap(Wrapped("k9", wrapped.blob), b"context")

    async def test_rotated_file_opens_old_and_wraps_new(self) -> None:
        old = await FileKeyProvider(FILE).wrap(b"d" * 32, b"context")
        rotated = FileKeyProvider(FILE.rotated(b"2" * 32))
        rewrapped = await rotated.rewrap(old, b"context")
        assert (await rotated.unwrap(old, b"context"), rewrapped.kek_id) == (b"d" * 32, "k2")

    async def test_old_key_dropped_refuses_what_was_not_rewrapped(self) -> None:
        old = await FileKeyProvider(FILE).wrap(b"d" * 32, b"context")
        with pytest.raises(CannotOpen):
            await FileKeyProvider(FILE.rotated(b"2" * 32).without_old()).unwrap(old, b"context")

    async def test_file_is_always_healthy(self) -> None:
        assert await FileKeyProvider(FILE).healthy()
