"""
A resource knows its own index rows: `resource_token` needs no second index, and an update no look for what is there.

The index by resource cost each of a Patient's rows a second insertion, only for its rows to be found when they change.
`tokens` lists them; `tokens_of` is the version that the list was made for, so that a version written by the program
before this one shows as not listed, and is looked up; `ranges` is a digest of the rows in the other three tables.

The lists are made here where that takes seconds. A larger database keeps the index: its resources get their list when
they change or when the index key rotates, and are looked up by the index until then.

The tenant wall's check asks for the tenant once a statement rather than once a row. Ciphertext and HMACs are no longer
offered to the compressor, which never made them smaller.
"""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

INDEX_TABLES = ("resource_token", "resource_date", "resource_reference", "resource_quantity")
CHECKED = (*INDEX_TABLES, "resource", "resource_history", "patient_key", "audit_entry")
TENANT = "nullif(current_setting('app.tenant', true), '')::uuid"
# Some 2 million Patients' rows; an index of more took longer to write anew than a start may last.
MOST_BYTES = 4 << 30

DROP_ROWS = """create or replace function drop_index_rows() returns trigger language plpgsql
    set search_path = pg_catalog, pg_temp as $$
begin
    delete from public.resource_token x using gone g cross join lateral unnest(g.tokens) t(token)
        where x.tenant_id = g.tenant_id and x.token = t.token and x.row = g.row;
    if exists (select from gone g where g.tokens_of is distinct from g.version) then
        delete from public.resource_token x using gone g
            where x.tenant_id = g.tenant_id and x.row = g.row and g.tokens_of is distinct from g.version;
    end if;
    delete from public.resource_date x using gone g where x.tenant_id = g.tenant_id and x.row = g.row;
    delete from public.resource_reference x using gone g where x.tenant_id = g.tenant_id and x.row = g.row;
    delete from public.resource_quantity x using gone g where x.tenant_id = g.tenant_id and x.row = g.row;
    return null;
end $$"""


def _list_tokens() -> None:
    walled = ("resource", "resource_token")
    for table in walled:  # the owner looks at every tenant's rows, for the length of this transaction
        op.execute(f"alter table {table} no force row level security")
    op.execute(f"""do $$ begin
        if pg_relation_size('resource_token') <= {MOST_BYTES} then
            update resource r set tokens = coalesce(t.tokens, '{{}}'), tokens_of = r.version
                from resource o left join (select tenant_id, row, array_agg(token) as tokens from resource_token
                group by tenant_id, row) t on t.tenant_id = o.tenant_id and t.row = o.row
                where o.tenant_id = r.tenant_id and o.row = r.row;
            drop index resource_token_tenant_id_row_idx;
        end if;
    end $$""")
    for table in walled:
        op.execute(f"alter table {table} force row level security")


def upgrade() -> None:
    op.execute("alter table resource add tokens bytea[], add tokens_of integer, add ranges bytea")
    _list_tokens()
    for table, columns in (("resource", ("content", "present", "tokens")), ("resource_history", ("content",))):
        for column in columns:
            op.execute(f"alter table {table} alter {column} set storage external")
    # A list makes a Patient's row 1.9 kB long; above 2 kB content would move out of the row, a look-up for each read.
    op.execute("alter table resource set (toast_tuple_target = 4080)")
    op.execute(DROP_ROWS)
    for table in CHECKED:
        op.execute(f"alter policy tenant_wall on {table} with check (tenant_id = (select {TENANT}))")


def downgrade() -> None:
    for table in CHECKED:
        op.execute(f"alter policy tenant_wall on {table} with check (tenant_id = {TENANT})")
    deletes = "\n".join(
        f"    delete from public.{table} x using gone g where x.tenant_id = g.tenant_id and x.row = g.row;"
        for table in INDEX_TABLES
    )
    op.execute(f"""create or replace function drop_index_rows() returns trigger language plpgsql
        set search_path = pg_catalog, pg_temp as $$
begin
{deletes}
    return null;
end $$""")
    for table, columns in (("resource", ("content", "present")), ("resource_history", ("content",))):
        for column in columns:
            op.execute(f"alter table {table} alter {column} set storage extended")
    op.execute("alter table resource reset (toast_tuple_target)")
    op.execute("create index if not exists resource_token_tenant_id_row_idx on resource_token (tenant_id, row)")
    op.execute("alter table resource drop tokens, drop tokens_of, drop ranges")
