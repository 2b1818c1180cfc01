"""Settings: every fault at once, each with its remedy; the README's table is the code's."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.config import SETTINGS, Settings, read_settings, to_environment
from server.faults import SettingsInvalid

README = Path("server/README.md")


class TestDefaults:
    """README "Settings": nothing needs to be set."""

    def test_nothing_set_serves_on_loopback(self) -> None:
        settings = read_settings({})
        assert (settings.host, settings.port, settings.public_url) == ("127.0.0.1", 8080, "http://127.0.0.1:8080")
        assert settings.media_addresses == ("127.0.0.1",)
        assert settings.database_url is None

    def test_an_empty_variable_is_as_good_as_none(self) -> None:
        assert read_settings({"TELECONSULT_PORT": " "}).port == 8080

    def test_the_key_file_follows_the_data_folder(self) -> None:
        assert read_settings({"TELECONSULT_DATA_DIR": "/srv/x"}).key_file == Path("/srv/x/keys/kek.json")

    def test_listening_everywhere_is_reached_on_loopback(self) -> None:
        assert read_settings({"TELECONSULT_HOST": "::"}).public_url == "http://[::1]:8080"

    def test_settings_survive_the_way_to_a_child(self) -> None:
        given_ = {"TELECONSULT_PORT": "9000", "TELECONSULT_MEDIA_ADDRESSES": "10.0.0.1, 10.0.0.2",
                  "TELECONSULT_LLM_URL": "http://127.0.0.1:1", "TELECONSULT_LLM_KEY": "k"}  # fmt: skip
        settings = read_settings(given_)
        assert read_settings(to_environment(settings)) == settings


class TestFaults:
    """README "Settings": all faults are reported at once."""

    # variable, value, what the message says
    ROWS = [
        ("PORT", "eighty", "TELECONSULT_PORT must be a port"),
        ("PORT", "70000", "TELECONSULT_PORT must be a port"),
        ("HOST", "example.org", "TELECONSULT_HOST must be IP addresses"),
        ("PUBLIC_URL", "clinic.example", "TELECONSULT_PUBLIC_URL must be an address such as"),
        ("PUBLIC_URL", "https://a.example/path", "without a path"),
        ("TRUSTED_PROXIES", "10.0.0.1/8", "networks such as"),
        ("RELAYS", "0", "whole number from 1"),
        ("DATABASE_URL", "mysql://x/y", "postgresql://"),
        ("MEDIA_HOST", "0.0.0.0", "TELECONSULT_MEDIA_ADDRESSES must name"),
        ("TURN_URLS", "turn.example:3478", "addresses such as turn:"),
        ("TURN_URLS", "turn:turn.example:3478?transport=sctp", "addresses such as turn:"),
        ("TURN_SECRET", "short", "22 characters or more"),
        ("TURN_SECRET", "a-secret-that-is-long-enough", "must be set together"),
        ("TURN_TTL_S", "5", "60 to 86400"),
        ("COUNTRY", "China", "two letters"),
        ("EMERGENCY_NUMBER", "call us", "a telephone number"),
        ("LOG_LEVEL", "loud", "debug, info"),
        ("LLM_KEY", "secret", "TELECONSULT_LLM_URL must be set"),
        ("PROT", "1", "did you mean TELECONSULT_PORT"),
    ]

    @pytest.mark.parametrize(("name", "value", "says"), ROWS)
    def test_a_fault_names_its_variable_and_the_remedy(self, name: str, value: str, says: str) -> None:
        with pytest.raises(SettingsInvalid, match=re.escape(says)):
            read_settings({f"TELECONSULT_{name}": value})

    def test_all_faults_come_at_once(self) -> None:
        with pytest.raises(SettingsInvalid) as raised:
            read_settings({"TELECONSULT_PORT": "x", "TELECONSULT_RELAYS": "x", "TELECONSULT_COUNTRY": "x"})
        assert all(name in str(raised.value) for name in ("_PORT", "_RELAYS", "_COUNTRY"))

    @pytest.mark.parametrize("name", ["DATABASE_URL", "LLM_URL"])
    def test_a_fault_does_not_repeat_the_value(self, name: str) -> None:
        with pytest.raises(SettingsInvalid) as raised:
            read_settings({f"TELECONSULT_{name}": "s3cret-value"})
        assert "s3cret" not in str(raised.value)

    def test_secrets_are_not_in_the_repr(self) -> None:
        settings = read_settings({"TELECONSULT_DATABASE_URL": "postgresql://u:s3cret@h/d"})
        assert "s3cret" not in repr(settings)

    @given(st.dictionaries(st.sampled_from([f"TELECONSULT_{s.name}" for s in SETTINGS]), st.text(max_size=30)))
    def test_no_value_gives_anything_but_settings_or_a_named_fault(self, environment: dict[str, str]) -> None:
        try:
            read_settings(environment)
        except SettingsInvalid as fault:
            assert "TELECONSULT_" in fault.detail


class TestTable:
    """The table, the dataclass and the README say the same."""

    def test_the_fields_follow_the_table(self) -> None:
        assert [field.name for field in fields(Settings)] == [row.name.lower() for row in SETTINGS]

    def test_the_readme_lists_every_setting_as_the_code_has_it(self) -> None:
        rows = re.findall(r"(?m)^\| `TELECONSULT_(\w+)` \| ?(.*?) \| (.+?) \|$", README.read_text())
        written = [(name, default.strip("`"), meaning) for name, default, meaning in rows]
        assert written == [(row.name, row.default, row.meaning) for row in SETTINGS]
