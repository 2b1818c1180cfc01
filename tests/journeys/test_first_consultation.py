"""The first real consultation, end to end: link to signed note, two browsers, and the hospital reads it by FHIR.

Screenshots of each step stay in build/journey/.
"""

from __future__ import annotations

import time
import uuid
from pathlib import Path

import aiohttp
import jwt
import pytest
from fhirpy import AsyncFHIRClient
from playwright.async_api import expect

from tests.journeys import product as running_product
from tests.journeys.browser import DESK, PHONE, Album, Faults, chromium, heard, hears_and_sees, new_person
from tests.journeys.people import Doctor, Patient

pytestmark = [pytest.mark.journey, pytest.mark.timeout(240)]

COMPLAINTS = {"en": "I have had a cough and a fever for two days.", "zh": "我咳嗽、发烧两天了。"}


async def fhir(product: running_product.Product) -> AsyncFHIRClient:
    """Return fhirpy with a token of the demo's own client (SMART Backend Services, private_key_jwt)."""
    facts = product.facts["fhir"]
    client = facts["clients"][0]
    now = int(time.time())
    claims = {
        "iss": client["client_id"],
        "sub": client["client_id"],
        "aud": facts["token_url"],
        "exp": now + 120,
        "iat": now,
        "jti": str(uuid.uuid4()),
    }
    assertion = jwt.encode(claims, client["private_key_pem"], algorithm=client["alg"], headers={"kid": client["kid"]})
    form = {
        "grant_type": "client_credentials",
        "scope": " ".join(client["scopes"]) if isinstance(client["scopes"], list) else client["scopes"],
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": assertion,
    }
    async with aiohttp.ClientSession() as session, session.post(facts["token_url"], data=form) as answer:
        assert answer.status == 200, await answer.text()
        token = (await answer.json())["access_token"]
    return AsyncFHIRClient(facts["base_url"], authorization=f"Bearer {token}")


async def hospital_reads(product: running_product.Product, visit_id: str) -> None:
    """The encounter is finished, and its intake, triage note and signed note are there."""
    client = await fhir(product)
    encounter = await client.resources("Encounter").search(_id=visit_id).first()
    assert encounter is not None and encounter["status"] == "finished"
    composition = await client.resources("Composition").search(encounter=f"Encounter/{visit_id}").first()
    assert composition is not None and composition["status"] == "final"
    patient = await client.reference(reference=encounter["subject"]["reference"]).to_resource()
    assert patient["resourceType"] == "Patient"


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_patient_is_seen_and_the_hospital_reads_it(language: str, tmp_path: Path) -> None:
    faults, album = Faults(), Album(f"first-consultation-{language}")
    async with running_product.running(tmp_path) as product, chromium() as browser:
        visit = await running_product.book(product, "Chen Mei" if language == "en" else "陈梅", language)
        patient = Patient(await new_person(browser, PHONE, faults), album, language)
        doctor = Doctor(await new_person(browser, DESK, faults), album)

        await patient.prepare(visit.link, COMPLAINTS[language])
        assert "t=" not in patient.page.url

        await doctor.sign_in(product.base_url, product.doctors[0])
        if language == "zh":
            await doctor.page.locator('header button[lang="zh-CN"]').click()
        await album.take(doctor.page, "queue")
        await doctor.read(visit.visit_id)
        await doctor.sees_text(".triage .ai-banner", "AI")
        await album.take(doctor.page, "triage-note-before-joining")
        await doctor.claim()
        await patient.step("ring")
        await album.take(patient.page, "doctor-is-ready")
        await doctor.ring()

        await patient.in_call()
        await doctor.in_call()
        await hears_and_sees(patient.page)
        await hears_and_sees(doctor.page)
        assert len((await heard(patient.page)).ports | (await heard(doctor.page)).ports) == 1
        await doctor.write("Please take a deep breath.")
        await patient.write("OK")
        await doctor.sees_text(".chat-list", "OK")
        await album.take(patient.page, "call")
        await album.take(doctor.page, "call")

        await doctor.write_note()
        await album.take(doctor.page, "note")
        await doctor.end()
        await patient.step("ended")
        await album.take(doctor.page, "before-signing")
        await doctor.sign()
        await album.take(doctor.page, "signed")
        await patient.step("summary", 20_000)
        await expect(patient.page.locator(".summary")).to_contain_text("no sign of pneumonia")
        await album.take(patient.page, "summary")

        await hospital_reads(product, visit.visit_id)
        assert faults.seen == []
