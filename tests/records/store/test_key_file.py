"""records/README.md "Keys": the key file is private, whole, and never overwritten."""

import os
from pathlib import Path

import pytest

from records.errors import KeyFileInvalid
from records.store.key_file import create_key_file, drop_old_keys, load_key_file, rotate_key_file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "keys" / "kek.json"
    create_key_file(path)
    return path


class TestKeyFile:
    """0600, refused when missing, damaged or open to others."""

    def test_created_private(self, path: Path) -> None:
        assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)

    def test_never_overwritten(self, path: Path) -> None:
        with pytest.raises(FileExistsError):
            create_key_file(path)

    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(KeyFileInvalid, match="no key file"):
            load_key_file(tmp_path / "none.json")

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o601])
    def test_open_to_others(self, path: Path, mode: int) -> None:
        path.chmod(mode)
        with pytest.raises(KeyFileInvalid, match="chmod 600"):
            load_key_file(path)

    @pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b"x" * 100_000])
    def test_damaged(self, path: Path, content: bytes) -> None:
        path.write_bytes(content)
        with pytest.raises(KeyFileInvalid, match="damaged"):
            load_key_file(path)

    def test_link_is_not_followed(self, path: Path, tmp_path: Path) -> None:
        link = tmp_path / "link.json"
        link.symlink_to(path)
        with pytest.raises(KeyFileInvalid):
            load_key_file(link)

    def test_pipe_is_no_file_and_nobody_waits_for_it(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "kek.json", 0o600)
        with pytest.raises(KeyFileInvalid, match="regular file"):
            load_key_file(tmp_path / "kek.json")

    @pytest.mark.parametrize("kept", [0, 1, 40, -2])
    def test_cut_off_anywhere_is_damage(self, path: Path, kept: int) -> None:
        path.write_bytes(path.read_bytes()[:kept])
        with pytest.raises(KeyFileInvalid, match="damaged"):
            load_key_file(path)

    def test_folder_is_no_file(self, tmp_path: Path) -> None:
        os.chmod(tmp_path, 0o700)
        with pytest.raises(KeyFileInvalid):
            load_key_file(tmp_path)

    def test_rotation_keeps_the_old_key_until_it_is_dropped(self, path: Path) -> None:
        first = load_key_file(path)
        rotate_key_file(path)
        both = load_key_file(path)
        assert (both.current, both.keys["k1"]) == ("k2", first.keys["k1"])
        drop_old_keys(path)
        assert load_key_file(path).keys == {"k2": both.keys["k2"]}
