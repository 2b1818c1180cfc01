"""Index key rotation of FHIR resources: their tokens under the newest key, and the end of the older ones."""

from sqlalchemy import text

from records.fhir import text as fhir_text
from records.fhir.index import index_of
from records.store.resource_rows import REINDEX, IndexRows, joined, opened
from records.store.unit import Unit

# Tokens begin with their index key's version (records/crypto/blind_index.py).
_BEHIND = """from resource r where not r.deleted
    and exists (select from resource_token t where t.tenant_id = r.tenant_id and t.row = r.row)
    and not exists (select from resource_token t where t.tenant_id = r.tenant_id and t.row = r.row
                    and get_byte(t.token, 0) = :newest)"""
_INDEXES = {"resource_token": "token", "resource_date": "key", "resource_reference": "key", "resource_quantity": "key"}


async def reindex_resources(unit: Unit, newest: int, limit: int) -> int:
    """Write the tokens of one batch of resources that lack the newest key's anew, under every live key; how many."""
    query = text(f"select r.* {_BEHIND} order by r.row limit :limit for update of r skip locked")
    rows = (await unit.connection.execute(query, {"newest": newest, "limit": limit})).mappings().all()
    for row in rows:
        stored = await opened(unit, row)
        index = joined([IndexRows(unit, index_of(fhir_text.loads(stored.content)))])
        await unit.raw.execute(REINDEX, unit.actor.tenant_id, [stored.row], *index)
    return len(rows)


async def resources_behind(unit: Unit, newest: int) -> int:
    """Return how many resources have no token of the newest key."""
    return int((await unit.connection.execute(text(f"select count(*) {_BEHIND}"), {"newest": newest})).scalar_one())


async def drop_resource_tokens(unit: Unit, newest: int) -> None:
    """Delete the tokens of older keys."""
    for table, column in _INDEXES.items():
        statement = text(f"delete from {table} where get_byte({column}, 0) <> :newest")
        await unit.connection.execute(statement, {"newest": newest})
