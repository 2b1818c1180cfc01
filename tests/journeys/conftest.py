"""One running product, one Chromium and one open call for the journeys of a module."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.journeys import product as running_product
from tests.journeys.browser import DESK, PHONE, Album, Faults, chromium, hears_and_sees, new_person
from tests.journeys.people import Doctor, Patient
from tests.journeys.product import Booked, Product


def processes(product: Product) -> list[int]:
    """Everything that ran at the start."""
    pids = product.pids
    return [pids["supervisor"], pids["web"], pids["postgres"], *pids["relays"]]


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """One running product with demo data for all journeys that leave its processes alone."""
    folder: Path = tmp_path_factory.mktemp("product")
    with asyncio.Runner() as runner:
        running = running_product.running(folder)
        started: Product = runner.run(running.__aenter__())
        yield started
        gone = [pid for pid in processes(started) if not Path(f"/proc/{pid}").exists()]
        runner.run(running.__aexit__(None, None, None))
    assert gone == [], "a process of the product died by itself"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def own_product(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Product]:
    """A product of this module's own, whose processes may be killed."""
    folder: Path = tmp_path_factory.mktemp("own-product")
    async with running_product.running(folder) as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """Chromium with fake devices."""
    async with chromium() as started:
        yield started


@dataclass
class Call:
    """A patient and a doctor who see and hear each other."""

    visit: Booked
    patient: Patient
    doctor: Doctor


async def open_call(product: Product, browser: Browser, name: str) -> Call:
    """Book, prepare, claim, ring, and wait until both see and hear."""
    faults, album = Faults(), Album(name)
    visit = await running_product.book(product, "Chen Mei")
    patient = Patient(await new_person(browser, PHONE, faults), album)
    doctor = Doctor(await new_person(browser, DESK, faults), album)
    await patient.prepare_quickly(visit.link)
    await doctor.sign_in(product.base_url, product.doctors[0])
    await doctor.read(visit.visit_id)
    await doctor.claim()
    await doctor.ring()
    await patient.in_call()
    await doctor.in_call()
    await hears_and_sees(patient.page)
    await hears_and_sees(doctor.page)
    return Call(visit, patient, doctor)


@pytest_asyncio.fixture(loop_scope="module")
async def call(product: Product, browser: Browser, request: pytest.FixtureRequest) -> AsyncIterator[Call]:
    """A call of this test's own."""
    opened = await open_call(product, browser, request.node.name)
    yield opened
    await opened.patient.page.context.close()
    await opened.doctor.page.context.close()
