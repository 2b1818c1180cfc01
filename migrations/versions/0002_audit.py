"""
The audit chain.

Before any table that holds records, so that no read or write can ever have gone unrecorded. The app role appends
through append_audit only, which runs as the owner and takes the tenant from the transaction: it can neither forge a
hash nor write into another tenant's chain.
"""

from alembic import op

from migrations.protection import APP_ROLE, wall

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# hash = SHA-256(previous hash | number, 8 bytes | recorded time in microseconds, 8 bytes | leaf). The time is taken
# under the head's row lock, so that it can go backwards only if the machine's clock did.
APPEND = """
create function append_audit(leaves text[]) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    tenant constant uuid := nullif(current_setting('app.tenant', true), '')::uuid;
    head public.audit_head;
    leaf text;
    recorded bigint;
begin
    if tenant is null then raise exception 'append_audit outside a unit of work'; end if;
    select * into head from public.audit_head where tenant_id = tenant for update;
    if not found then
        insert into public.audit_head (tenant_id, number, hash) values (tenant, 0, sha256(tenant::text::bytea))
            on conflict do nothing;
        select * into strict head from public.audit_head where tenant_id = tenant for update;
    end if;
    recorded := (extract(epoch from clock_timestamp()) * 1000000)::bigint;
    foreach leaf in array leaves loop
        head.number := head.number + 1;
        head.hash := sha256(head.hash || int8send(head.number) || int8send(recorded) || convert_to(leaf, 'UTF8'));
        insert into public.audit_entry (tenant_id, number, recorded_us, leaf, hash)
            values (tenant, head.number, recorded, leaf::json, head.hash);
    end loop;
    update public.audit_head set number = head.number, hash = head.hash where tenant_id = tenant;
    return head.number;
end $$
"""

REFUSE = """
create function refuse_audit_change() returns trigger language plpgsql as $$
begin
    if current_user <> (select pg_get_userbyid(relowner) from pg_class where oid = tg_relid) then
        raise exception 'audit entries are never changed' using errcode = 'insufficient_privilege';
    end if;
    if tg_op = 'DELETE' then return old; end if;
    return new;
end $$
"""


def upgrade() -> None:
    op.execute("""create table audit_head (
        tenant_id uuid not null, number bigint not null, hash bytea not null, primary key (tenant_id)
    )""")
    wall("audit_head", "select")
    op.execute("""create table audit_entry (
        tenant_id uuid not null, number bigint not null, recorded_us bigint not null,
        leaf json not null, hash bytea not null, primary key (tenant_id, number)
    )""")
    op.execute("create index audit_entry_patient_idx on audit_entry (tenant_id, (leaf ->> 'patient'), number)")
    op.execute("create index audit_entry_recorded_idx on audit_entry (tenant_id, recorded_us)")
    wall("audit_entry", "select")
    op.execute(APPEND)
    op.execute("revoke all on function append_audit(text[]) from public")
    op.execute(f"grant execute on function append_audit(text[]) to {APP_ROLE}")
    op.execute(REFUSE)
    for verb, level in (("update or delete", "row"), ("truncate", "statement")):
        op.execute(f"""create trigger refuse_{verb.split()[0]} before {verb} on audit_entry
            for each {level} execute function refuse_audit_change()""")


def downgrade() -> None:
    op.execute("drop table audit_entry")
    op.execute("drop function refuse_audit_change")
    op.execute("drop function append_audit")
    op.execute("drop table audit_head")
