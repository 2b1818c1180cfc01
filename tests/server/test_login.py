"""Logging in: nothing for a guesser, no lock-out by a third party (security.md §13, rows 18 and 41)."""

from __future__ import annotations

import pytest
from argon2 import extract_parameters
from argon2.low_level import Type

from records.store.database import DEFAULT_TENANT
from server.auth import passwords
from server.auth.accounts import PER_ACCOUNT, PER_KNOWN_BROWSER
from server.auth.passwords import Passwords, PasswordTooShort
from server.auth.principals import system_actor
from tests.server.clinic import PASSWORD, Answer, Clinic, Person

EMAIL = "lin@clinic.example"


async def try_password(person: Person, password: str, email: str = EMAIL, **headers: str) -> Answer:
    return await person.post("/api/session", {"email": email, "password": password}, **headers)


class TestTrail:
    """Who tried to come in stands in the chain, with the outcome; never the address that was typed."""

    async def test_refused_and_accepted(self, clinic: Clinic) -> None:
        account = await clinic.employ(EMAIL)
        person = await clinic.person()
        for password, email in (("wrong password", EMAIL), ("wrong password", "nobody@x.example"), (PASSWORD, EMAIL)):
            await try_password(person, password, email)
        async with clinic.database.unit(system_actor(DEFAULT_TENANT, "test", "r")) as unit:
            entries = [each.fields for each in await unit.audit.search(entity_type="account", limit=1_000)]
        tried = [(each.get("entity"), each["outcome"], each["detail"]) for each in entries if each["action"] == "E"]
        assert tried == [(str(account), "8", "login"), (None, "8", "login"), (str(account), "0", "login")]
        assert "clinic.example" not in str(entries)


class TestAnswer:
    """The same answer, whatever was wrong."""

    async def test_an_unknown_account_is_told_the_same_as_a_wrong_password(self, clinic: Clinic) -> None:
        await clinic.employ(EMAIL)
        person = await clinic.person()
        wrong = await try_password(person, "wrong password")
        unknown = await try_password(person, "wrong password", "nobody@clinic.example")
        assert (wrong.status, wrong.body) == (401, unknown.body)

    async def test_an_unknown_account_costs_a_whole_password_check(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(passwords, "MEMORY_KIB", 64)
        checked: list[str] = []
        threads = Passwords()
        check = threads._check
        monkeypatch.setattr(threads, "_check", lambda *pair: checked.append(pair[0]) or check(*pair))
        assert await threads.verify(None, PASSWORD) is False
        assert checked[0].startswith("$argon2id$")
        threads.close()

    async def test_an_address_in_other_letters_is_the_same_account(self, clinic: Clinic) -> None:
        await clinic.employ(EMAIL)
        assert (await try_password(await clinic.person(), PASSWORD, "LIN@Clinic.Example")).status == 200


class TestGuessing:
    """Counters in the database stop guesses, and only the guesser."""

    async def test_guesses_are_stopped_with_a_time_to_wait(self, clinic: Clinic) -> None:
        await clinic.employ(EMAIL)
        stranger = await clinic.person()
        answers = [await try_password(stranger, f"guess number {n}") for n in range(PER_ACCOUNT + 1)]
        assert [answer.status for answer in answers] == [401] * PER_ACCOUNT + [429]
        assert answers[-1].headers["Retry-After"] == str(answers[-1].body["retry_after_s"])

    async def test_the_right_password_does_not_help_a_stopped_guesser(self, clinic: Clinic) -> None:
        await clinic.employ(EMAIL)
        stranger = await clinic.person()
        for n in range(PER_ACCOUNT):
            await try_password(stranger, f"guess number {n}")
        assert (await try_password(stranger, PASSWORD)).status == 429

    async def test_a_stopped_guesser_does_not_lock_the_doctor_out_of_their_own_browser(self, clinic: Clinic) -> None:
        doctor = await clinic.staff(EMAIL)
        stranger = await clinic.person()
        for n in range(PER_ACCOUNT + 1):
            await try_password(stranger, f"guess number {n}")
        assert (await try_password(doctor, PASSWORD)).status == 200

    async def test_a_known_browser_has_a_budget_too(self, clinic: Clinic) -> None:
        doctor = await clinic.staff(EMAIL)
        answers = [await try_password(doctor, f"guess number {n}") for n in range(PER_KNOWN_BROWSER + 1)]
        assert answers[-1].status == 429

    async def test_the_budget_comes_back_after_a_quarter_of_an_hour(self, clinic: Clinic) -> None:
        await clinic.employ(EMAIL)
        stranger = await clinic.person()
        for n in range(PER_ACCOUNT + 1):
            await try_password(stranger, f"guess number {n}")
        clinic.clock.advance(minutes=15, seconds=1)
        assert (await try_password(stranger, PASSWORD)).status == 200

    async def test_one_address_is_slowed_before_the_database_is_asked(self, clinic: Clinic) -> None:
        stranger = await clinic.person()
        answers = [await try_password(stranger, "guess", f"somebody{n}@clinic.example") for n in range(22)]
        assert answers[-1].code == "too-many-requests"


class TestParameters:
    """Argon2id as RFC 9106 §4 recommends it."""

    def test_a_password_is_stored_as_argon2id_with_64_mib(self) -> None:
        found = extract_parameters(Passwords().hash(PASSWORD))
        assert (found.type, found.memory_cost, found.time_cost) == (Type.ID, 65_536, 3)

    def test_a_short_password_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(passwords, "MEMORY_KIB", 64)
        with pytest.raises(PasswordTooShort):
            Passwords().hash("elevenchars")
