"""Settings: read once from TELECONSULT_* variables, frozen, handed on. server/README.md shows the same table."""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from server.faults import SettingsInvalid

PREFIX = "TELECONSULT_"
# Read by tests/conftest.py, not by the product.
TEST_PREFIX = "TELECONSULT_TEST_"
MAX_RELAYS = 64
# A shared secret is guessed off line from one pair of credentials: 128 bits, as 22 characters of base64 or more.
MIN_TURN_SECRET = 22
_TURN_URL = re.compile(r"turns?:([A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?(\?transport=(udp|tcp))?")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything an operator can set. Fields follow SETTINGS, in order and name."""

    data_dir: Path
    host: str
    port: int
    public_url: str
    """Without a slash at its end."""
    trusted_proxies: tuple[str, ...]
    """Networks in CIDR form whose X-Forwarded-For and -Proto are believed."""
    media_host: str
    media_port: int
    media_addresses: tuple[str, ...]
    media_dscp: str
    relays: int
    database_url: str | None = field(repr=False)
    """None: the embedded PostgreSQL. May hold a password."""
    postgres_bin: Path | None
    key_file: Path
    key_service: str
    """`file`, `vault` or `pkcs11`."""
    vault_url: str | None
    vault_key: str
    vault_token_file: Path | None
    pkcs11_module: Path | None
    pkcs11_token: str | None
    pkcs11_key: str
    pkcs11_pin_file: Path | None
    country: str
    emergency_number: str
    turn_urls: tuple[str, ...]
    """Of an external TURN server; none when empty."""
    turn_secret: str | None = field(repr=False)
    turn_ttl_s: int
    llm_url: str | None
    llm_key: str | None = field(repr=False)
    llm_model: str
    log_level: str
    relay_sockets: tuple[str, ...]
    """Set by the supervisor for web."""

    @property
    def is_secure(self) -> bool:
        """Whether browsers reach us over TLS, by a proxy in front."""
        return self.public_url.startswith("https://")


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table."""

    name: str
    default: str
    """As an operator would write it; a text in brackets says how it is worked out when absent."""
    meaning: str
    parse: Callable[[str], Any]
    """Raises ValueError whose text completes "NAME must be …"."""


def _port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise ValueError("a port, 1 to 65535")
    return int(text)


def _count(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= MAX_RELAYS:
        raise ValueError(f"a whole number from 1 to {MAX_RELAYS}")
    return int(text)


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/") or parts.query:
        raise ValueError("an address such as https://clinic.example, without a path")
    return text.rstrip("/")


def _service_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("an http or https address")
    return text


def _database_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("postgresql", "postgres") or not parts.path.strip("/"):
        raise ValueError("an address such as postgresql://user:password@host:5432/database")
    return text


def _addresses(text: str) -> tuple[str, ...]:
    return tuple(_address(part.strip()) for part in text.split(",") if part.strip())


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError("IP addresses, separated by commas") from None


def _networks(text: str) -> tuple[str, ...]:
    try:
        return tuple(str(ipaddress.ip_network(part.strip())) for part in text.split(",") if part.strip())
    except ValueError:
        raise ValueError("networks such as 10.0.0.0/8, separated by commas") from None


def _key_service(text: str) -> str:
    if text not in ("file", "vault", "pkcs11"):
        raise ValueError("file, vault or pkcs11")
    return text


def _key_name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", text):
        raise ValueError("a name of letters, digits, hyphens and underscores")
    return text


def _label(text: str) -> str:
    if len(text.encode()) > 32:
        raise ValueError("a token's label, 32 bytes or fewer")
    return text


def _country(text: str) -> str:
    if not re.fullmatch(r"[a-z]{2}", text):
        raise ValueError("a country's two letters (ISO 3166-1), such as cn or de")
    return text


def _telephone(text: str) -> str:
    if not re.fullmatch(r"\+?[0-9 ]{2,20}", text):
        raise ValueError("a telephone number")
    return text


def _level(text: str) -> str:
    if text not in ("debug", "info", "warning", "error"):
        raise ValueError("debug, info, warning or error")
    return text


def _on_off(text: str) -> str:
    if text not in ("on", "off"):
        raise ValueError("on or off")
    return text


def _turn_urls(text: str) -> tuple[str, ...]:
    urls = _names(text.replace(" ", ""))
    if not all(_TURN_URL.fullmatch(url) for url in urls):
        raise ValueError("addresses such as turn:turn.example:3478?transport=udp, separated by commas (RFC 7065)")
    return urls


def _turn_secret(text: str) -> str:
    if len(text) < MIN_TURN_SECRET:
        raise ValueError(f"the TURN server's static-auth-secret, {MIN_TURN_SECRET} characters or more")
    return text


def _turn_ttl(text: str) -> int:
    if not text.isdigit() or not 60 <= int(text) <= 86_400:
        raise ValueError("seconds, 60 to 86400")
    return int(text)


def _path(text: str) -> Path:
    return Path(text).absolute()  # a shell has expanded ~ already


def _names(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split(",") if part)


SETTINGS: tuple[Setting, ...] = (
    Setting("DATA_DIR", "./data", "Folder for everything kept: database, keys, logs. Made when missing.", _path),
    Setting("HOST", "127.0.0.1", "Address to serve pages and API on.", _address),
    Setting("PORT", "8080", "TCP port to serve pages and API on.", _port),
    Setting("PUBLIC_URL", "(http://HOST:PORT)", "Address that browsers use; https behind a TLS proxy.", _url),
    Setting("TRUSTED_PROXIES", "", "Networks of proxies whose X-Forwarded-For and -Proto are believed.", _networks),
    Setting("MEDIA_HOST", "127.0.0.1", "Address that the relays receive sound and pictures on.", _address),
    Setting("MEDIA_PORT", "8081", "UDP and TCP port of the first relay; each further relay takes the next one.", _port),
    Setting("MEDIA_ADDRESSES", "(MEDIA_HOST)", "Addresses at which browsers reach the relays; needed when "
            "MEDIA_HOST is 0.0.0.0 or ::.", _addresses),
    Setting("MEDIA_DSCP", "on", "on: marks that let a network prefer speech (RFC 8837); off: none.", _on_off),
    Setting("RELAYS", "(number of CPU cores)", "How many relay processes.", _count),
    Setting("DATABASE_URL", "(embedded PostgreSQL)", "A PostgreSQL 15-18 of yours: "
            "postgresql://user:password@host/database, whose user owns the database.", _database_url),
    Setting("POSTGRES_BIN", "(embedded wheel)", "Folder with the programs of PostgreSQL 15-18 to run instead.", _path),
    Setting("KEY_FILE", "(DATA_DIR/keys/kek.json)", "File with the key-encryption key; made on the first start only.",
            _path),
    Setting("KEY_SERVICE", "file", "file: the key file; vault: the transit engine of HashiCorp Vault or OpenBao; "
            "pkcs11: a hardware security module.", _key_service),
    Setting("VAULT_URL", "", "Its address, such as https://vault.example:8200.", _url),
    Setting("VAULT_KEY", "teleconsult", "Name of the transit key there, made with derived=true.", _key_name),
    Setting("VAULT_TOKEN_FILE", "", "File in which its agent keeps our token: encrypt, decrypt, rewrap, read.", _path),
    Setting("PKCS11_MODULE", "", "The vendor's PKCS#11 library, such as /usr/lib/softhsm/libsofthsm2.so.", _path),
    Setting("PKCS11_TOKEN", "", "Label of the token there.", _label),
    Setting("PKCS11_KEY", "teleconsult", "Label of the AES-256 key in the token; made there on the first start.",
            _key_name),
    Setting("PKCS11_PIN_FILE", "", "File with the PIN of the token's user.", _path),
    Setting("COUNTRY", "cn", "Country whose rules and numbers apply.", _country),
    Setting("EMERGENCY_NUMBER", "120", "Number that patients are told to call in an emergency.", _telephone),
    Setting("TURN_URLS", "", "Addresses of your TURN server, for lines that let nothing else through.", _turn_urls),
    Setting("TURN_SECRET", "", "Its static-auth-secret (coturn).", _turn_secret),
    Setting("TURN_TTL_S", "300", "How long its credentials hold, in seconds; pages renew them.", _turn_ttl),
    Setting("LLM_URL", "", "OpenAI-compatible endpoint that words triage notes; none is needed.", _service_url),
    Setting("LLM_KEY", "", "Its key.", str),
    Setting("LLM_MODEL", "default", "Its model.", str),
    Setting("LOG_LEVEL", "info", "debug, info, warning or error.", _level),
    Setting("RELAY_SOCKETS", "", "Control sockets of running relays, for `web` alone; the supervisor sets it.", _names),
)  # fmt: skip


def read_settings(environment: Mapping[str, str]) -> Settings:
    """
    Return the settings that the variables give.

    Raises:
        SettingsInvalid: naming every fault at once, each with its remedy. Values are not repeated: they may be secret.
    """
    values: dict[str, Any] = {}
    faults: list[str] = _unknown_names(environment)
    for setting in SETTINGS:
        text = environment.get(PREFIX + setting.name, "").strip()
        if not text:
            text = "" if setting.default.startswith("(") else setting.default
        try:
            values[setting.name.lower()] = setting.parse(text) if text else None
        except ValueError as fault:
            faults.append(f"{PREFIX}{setting.name} must be {fault}.")
    if not faults:
        _fill_in(values)
        faults = _contradictions(values)
    if faults:
        raise SettingsInvalid(
            "These settings are wrong:\n" + "\n".join(f"  - {fault}" for fault in faults),
            "correct them and start again; server/README.md lists all settings.",
        )
    return Settings(**values)


def _unknown_names(environment: Mapping[str, str]) -> list[str]:
    known = [PREFIX + setting.name for setting in SETTINGS]
    faults = []
    for name in sorted(environment):
        if name.startswith(PREFIX) and not name.startswith(TEST_PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, 1)
            faults.append(f"{name} is no setting" + (f"; did you mean {near[0]}?" if near else "."))
    return faults


def _fill_in(values: dict[str, Any]) -> None:
    for name in ("trusted_proxies", "media_addresses", "turn_urls", "relay_sockets"):
        values[name] = values[name] or ()
    host = values["host"]
    reached = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    values["public_url"] = values["public_url"] or f"http://{reached}:{values['port']}"
    if not values["media_addresses"] and values["media_host"] not in ("0.0.0.0", "::"):
        values["media_addresses"] = (values["media_host"],)
    values["relays"] = values["relays"] or min(os.cpu_count() or 1, MAX_RELAYS)
    values["key_file"] = values["key_file"] or values["data_dir"] / "keys" / "kek.json"


def _contradictions(values: Mapping[str, Any]) -> list[str]:
    faults = []
    if not values["media_addresses"]:
        faults.append(
            f"{PREFIX}MEDIA_ADDRESSES must name the addresses at which browsers reach this machine, "
            f"since {PREFIX}MEDIA_HOST listens on all."
        )
    if values["media_port"] + values["relays"] - 1 > 65535:
        faults.append(f"{PREFIX}MEDIA_PORT must leave room for {values['relays']} relays below 65536.")
    faults += _key_service_contradictions(values)
    if values["llm_key"] and not values["llm_url"]:
        faults.append(f"{PREFIX}LLM_URL must be set when {PREFIX}LLM_KEY is.")
    if bool(values["turn_urls"]) != bool(values["turn_secret"]):
        faults.append(f"{PREFIX}TURN_URLS and {PREFIX}TURN_SECRET must be set together.")
    return faults


# What each key service needs; a setting of another is a mistake, best found before keys are made in the wrong place.
_NEEDED_BY: Mapping[str, tuple[str, ...]] = {
    "vault": ("vault_url", "vault_token_file"),
    "pkcs11": ("pkcs11_module", "pkcs11_token", "pkcs11_pin_file"),
}


def _key_service_contradictions(values: Mapping[str, Any]) -> list[str]:
    faults = []
    for service, needed in _NEEDED_BY.items():
        named = [f"{PREFIX}{name.upper()}" for name in needed]
        is_chosen = values["key_service"] == service
        if is_chosen and not all(values[name] for name in needed):
            faults.append(f"{' and '.join(named)} must be set when {PREFIX}KEY_SERVICE is {service}.")
        if not is_chosen and any(values[name] for name in needed):
            faults.append(f"{PREFIX}KEY_SERVICE must be {service} when {' or '.join(named)} is set.")
    return faults


def to_environment(settings: Settings) -> dict[str, str]:
    """Return the variables that give the same settings to a child."""
    written = {}
    for item in fields(settings):
        value = getattr(settings, item.name)
        if value is None:
            continue
        written[PREFIX + item.name.upper()] = ",".join(value) if isinstance(value, tuple) else str(value)
    return written
