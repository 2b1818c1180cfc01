"""server/README.md `client`: a hospital system is registered, listed, disabled."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from server.cli import main, parser
from server.commands.client import ClientRefused, check, public_keys
from tests.fakes.hospital import HospitalKey

KEY = HospitalKey()


def arguments(*more: str) -> object:
    return parser().parse_args(["client", "add", "his", *more])


@pytest.fixture
def environment(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TELECONSULT_DATABASE_URL", database_url)
    monkeypatch.setenv("TELECONSULT_DATA_DIR", str(tmp_path))
    main(["make-key"])
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [KEY.jwk]}))
    return tmp_path


class TestClient:
    """add, list, disable."""

    def test_its_life(self, environment: Path, capsys: pytest.CaptureFixture[str]) -> None:
        jwks = str(environment / "jwks.json")
        scope = "system/Observation.rs?category=vital-signs"
        added = main(["client", "add", "his", "--scope", scope, "--jwks", jwks, "--purpose", "OPERAT",
                      "--organization", "Organization/o1"])  # fmt: skip
        assert added == 0
        main(["client", "list"])
        assert f"his\t{scope}\tOPERAT\tOrganization/o1\tkey-1" in capsys.readouterr().out
        assert main(["client", "disable", "his"]) == 0
        assert main(["client", "disable", "his"]) == 78
        main(["client", "list"])
        assert "No client is registered." in capsys.readouterr().out

    @pytest.mark.parametrize(
        "more",
        [(), ("--scope", "system/*.rs"), ("--scope", "patient/*.rs", "--jwks-url", "https://x/jwks"),
         ("--scope", "system/*.rs", "--jwks", "x", "--jwks-url", "https://x/jwks"),
         ("--scope", "system/*.rs", "--jwks", "x", "--purpose", "FUN"),
         ("--scope", "system/Patient.rs?nothing=1", "--jwks", "x"),
         ("--scope", "system/*.rs", "--jwks", "x", "--organization", "Clinic")],
    )  # fmt: skip
    def test_what_cannot_be_is_refused(self, more: tuple[str, ...]) -> None:
        with pytest.raises(ClientRefused):
            check(arguments(*more))  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        "content",
        ["", "[]", "{}", '{"keys":[]}', '{"keys":[{"kty":"RSA"}]}', '{"keys":[{"kty":"EC","kid":"1","d":"x"}]}'],
    )
    def test_a_file_that_is_no_public_key_set_is_refused(self, tmp_path: Path, content: str) -> None:
        (tmp_path / "keys").write_text(content)
        with pytest.raises(ClientRefused):
            public_keys(tmp_path / "keys")
