"""Pages of a search or history: which one is meant travels sealed in the link, bound to client and address."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from records.errors import CannotOpen
from records.fhir.errors import BadSearch
from records.store.sealing import Cell

if TYPE_CHECKING:
    from records.store.unit import Unit


@dataclass(frozen=True, slots=True)
class Page:
    """Which page of which search. The whole of it travels sealed in a link: no query text in URLs and logs."""

    client_id: str
    pairs: tuple[tuple[str, str], ...] = ()
    """The search parameters as the client sent them."""
    path: str = ""
    """Address below [base], `Patient/p1/Observation`. A token serves at its own address only."""
    compartment: tuple[str, str] | None = None
    """(Patient or Encounter, id) when the search is inside a compartment."""
    position: tuple[Any, ...] = ()
    """Sort keys and row of the match at which the page begins, itself excluded; empty for the first page."""
    is_backwards: bool = False
    """The page ends before the position rather than beginning behind it."""


async def seal_page(unit: Unit, page: Page) -> str:
    """Give the token of a page, for a link."""
    body = [page.pairs, page.compartment, [_typed(v) for v in page.position], page.is_backwards]
    sealed = await unit.seal(None, _cell(page.client_id, page.path), json.dumps(body).encode())
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


async def open_page(unit: Unit, client_id: str, path: str, token: str) -> Page:
    """Give the page that a token of this client stands for at this address. Raises BadSearch for any other text."""
    try:
        sealed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        text = await unit.open(None, _cell(client_id, path), sealed)
    except (CannotOpen, binascii.Error, ValueError):
        raise BadSearch("_page is not a page of this client's search; start again without it") from None
    pairs, compartment, position, is_backwards = json.loads(text)
    return Page(
        client_id,
        tuple((n, v) for n, v in pairs),
        path,
        (compartment[0], compartment[1]) if compartment else None,
        tuple(_untyped(v) for v in position),
        is_backwards,
    )


def _cell(client_id: str, path: str) -> Cell:
    owner = json.dumps([client_id, path])  # a joined string would be ambiguous
    return Cell("page", hashlib.sha256(owner.encode()).hexdigest(), "position")


def _typed(value: Any) -> list[Any]:
    if isinstance(value, datetime):
        return ["t", value.isoformat()]
    if isinstance(value, Decimal):
        return ["d", str(value)]
    return ["v", value]


def _untyped(pair: list[Any]) -> Any:
    kind, value = pair
    if kind == "t":
        return datetime.fromisoformat(value)
    return Decimal(value) if kind == "d" else value
