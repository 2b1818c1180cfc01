"""
Audit entries of one unit by one INSERT.

The chain is the same: hashes are computed one after the other under the head's row lock, as in 0002. Only the rows are
then written together, which for a transaction of a hundred resources is a statement instead of a hundred.
"""

from importlib import import_module

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# `create or replace` keeps the owner and who may call it.
APPEND = """
create or replace function append_audit(leaves text[]) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
<<chain>>
declare
    tenant constant uuid := nullif(current_setting('app.tenant', true), '')::uuid;
    leaf text;
    before bigint;
    number bigint;
    hash bytea;
    hashes bytea[] := '{}';
    recorded bigint;
    stamp bytea;
begin
    if tenant is null then raise exception 'append_audit outside a unit of work'; end if;
    select h.number, h.hash into before, hash from public.audit_head h where h.tenant_id = tenant for update;
    if not found then
        insert into public.audit_head (tenant_id, number, hash) values (tenant, 0, sha256(tenant::text::bytea))
            on conflict do nothing;
        select h.number, h.hash into strict before, hash from public.audit_head h
            where h.tenant_id = tenant for update;
    end if;
    recorded := (extract(epoch from clock_timestamp()) * 1000000)::bigint;
    stamp := int8send(recorded);
    number := before;
    foreach leaf in array leaves loop
        number := number + 1;
        hash := sha256(hash || int8send(number) || stamp || convert_to(leaf, 'UTF8'));
        hashes := array_append(hashes, hash);
    end loop;
    insert into public.audit_entry (tenant_id, number, recorded_us, leaf, hash)
        select tenant, before + u.place, recorded, u.leaf::json, u.hash
        from unnest(leaves, hashes) with ordinality u(leaf, hash, place);
    update public.audit_head h set number = chain.number, hash = chain.hash where h.tenant_id = tenant;
    return number;
end $$
"""


def upgrade() -> None:
    op.execute(APPEND)


def downgrade() -> None:
    first = import_module("migrations.versions.0002_audit")
    op.execute(first.APPEND.replace("create function", "create or replace function"))
