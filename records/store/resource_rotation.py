"""Index key rotation of FHIR resources: their index rows under the newest key, and the end of the older ones'."""

from sqlalchemy import TextClause, text

from records.crypto.blind_index import MARK_BYTES, ROW_FOR_EACH
from records.crypto.envelope import DataKey
from records.fhir import text as fhir_text
from records.fhir.index import index_of
from records.store.consent_rules import rewrite_rules
from records.store.resource_rows import COLUMNS, REINDEX, IndexRows, opened
from records.store.resource_tokens import INDEXED, changed, tokens_of
from records.store.unit import Unit

# Tokens begin with their index key's version (records/crypto/blind_index.py); so do the marks of `present`, the newest
# key's first. An erased patient's resources have neither.
_HAS_TOKENS = """case when r.tokens_of = r.version then cardinality(r.tokens) > 0
    else exists (select from resource_token t where t.tenant_id = r.tenant_id and t.row = r.row) end"""
_IS_NEW = {
    True: """exists (select from resource_token t where t.tenant_id = r.tenant_id and t.row = r.row
        and get_byte(t.token, 0) = :newest)""",
    False: "coalesce(get_byte(r.present, 0) = :newest, false)",
}
_INDEXES = {"resource_token": "token", "resource_date": "key", "resource_reference": "key", "resource_quantity": "key"}
_DROP_MARKS = f"""update resource set present = (
    select string_agg(substring(present from place for {MARK_BYTES}), '' order by place)
    from generate_series(1, length(present), {MARK_BYTES}) place where get_byte(present, place - 1) = :newest)
where get_byte(present, length(present) - {MARK_BYTES}) <> :newest"""

_DROP_LISTED = """update resource set tokens = array(
    select t.token from unnest(tokens) with ordinality t(token, n) where get_byte(t.token, 0) = :newest order by n)
where exists (select from unnest(tokens) t(token) where get_byte(t.token, 0) <> :newest)"""


async def reindex_resources(unit: Unit, newest: DataKey, limit: int) -> int:
    """Write the index rows of one batch of resources that lack the newest key's, under every live key; how many."""
    batch = "order by r.row limit :limit for update of r skip locked"
    query = _behind(newest, f"select {COLUMNS}, {INDEXED} from", batch)
    rows = (await unit.connection.execute(query.bindparams(limit=limit))).mappings().all()
    if not rows:
        return 0
    stored = [await opened(unit, row) for row in rows]
    contents = [fhir_text.loads(each.content) for each in stored]
    index = IndexRows(unit, [index_of(content, unit.fhir_base) for content in contents])
    changes = changed(await tokens_of(unit, [(each.row, each.indexed) for each in stored]), index.tokens)
    columns = [[each.row for each in stored], index.present, index.ranges, *changes, *index.arrays]
    await unit.raw.execute(REINDEX, unit.actor.tenant_id, *columns)
    for each, content in zip(stored, contents, strict=True):
        if each.type == "Consent":
            await rewrite_rules(unit, each, content)
    return len(rows)


async def resources_behind(unit: Unit, newest: DataKey) -> int:
    """Return how many resources have no index rows of the newest key."""
    return int((await unit.connection.execute(_behind(newest, "select count(*) from"))).scalar_one())


async def drop_resource_tokens(unit: Unit, newest: int) -> None:
    """Delete the tokens and marks of older keys."""
    for table, column in _INDEXES.items():
        statement = text(f"delete from {table} where get_byte({column}, 0) <> :newest")
        await unit.connection.execute(statement, {"newest": newest})
    for statement in (text(_DROP_MARKS), text(_DROP_LISTED)):
        await unit.connection.execute(statement, {"newest": newest})


def _behind(newest: DataKey, before: str, after: str = "") -> TextClause:
    has_index = f"(r.present is not null or {_HAS_TOKENS})"
    is_new = _IS_NEW[newest.layout == ROW_FOR_EACH]
    query = text(f"{before} resource r where not r.deleted and {has_index} and not {is_new} {after}")
    return query.bindparams(newest=newest.version)
