"""Row-level security, forced: the application sees and writes one account at a time; a router finds whose."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

#: The account that a transaction set for itself. Where none is set this is NULL, and no row is equal to that.
_THIS_ACCOUNT = "nullif(current_setting('ticketwalk.account_id', true), '')::uuid"
#: A policy holds for members too: without this a login that took no role would see what its router may.
_IS_ROUTER = "current_user = 'ticketwalk_router'"
#: The column that says whose a row is.
_OWNED = {
    "account": "id",
    "audit_log": "account_id",
    "command": "account_id",
    "connection": "account_id",
    "delivery": "account_id",
    "flow": "account_id",
    "flow_proposal": "account_id",
    "flow_version": "account_id",
    "l1_walk_session": "account_id",
    "note_draft": "account_id",
    "outbox": "account_id",
    "ticket": "account_id",
    "user_account": "account_id",
    "walk_step": "account_id",
}
#: What the router may read, in all accounts: ids, names of accounts and connections, states and times.
_ROUTED = {
    "account": "id, name, created_at",
    "command": "id, account_id, ticket_id, position, type, state, next_attempt_at, received_at",
    "connection": "id, account_id, name",
    "delivery": (
        "id, account_id, connection_id, lane, event_kind, external_ticket_id, state, next_attempt_at, "
        "received_at"
    ),
    "l1_walk_session": "id, account_id, ticket_id, status, started_at, last_step_at",
    "note_draft": "session_id, account_id, first_dirty_at, due_at",
    "outbox": "id, account_id, ticket_id, session_id, state, next_attempt_at, created_at",
    "ticket": "id, external_id",
}


def upgrade() -> None:
    _create_router_role()
    for table, column in _OWNED.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        # the owner too: only superusers and roles with BYPASSRLS see rows without a policy of theirs
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY own_account ON {table} TO ticketwalk_app "
            f"USING ({column} = {_THIS_ACCOUNT}) WITH CHECK ({column} = {_THIS_ACCOUNT})"
        )
    for table, columns in _ROUTED.items():
        op.execute(
            f"CREATE POLICY every_account ON {table} FOR SELECT TO ticketwalk_router USING ({_IS_ROUTER})"
        )
        op.execute(f"GRANT SELECT ({columns}) ON {table} TO ticketwalk_router")
    # belongs to no account, so it is not the application's
    op.execute("REVOKE ALL ON canary FROM ticketwalk_app")
    op.execute("GRANT SELECT, INSERT, UPDATE ON canary TO ticketwalk_router")


def _create_router_role() -> None:
    """Roles belong to the whole cluster, so another database of it may have made this one already."""
    op.execute("""
        DO $$ BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ticketwalk_router') THEN
                CREATE ROLE ticketwalk_router NOLOGIN NOBYPASSRLS;
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END $$
    """)
    # tried, not asked: who made the role may be its member without being allowed to become it (PostgreSQL 16)
    op.execute("""
        DO $$ BEGIN
            PERFORM set_config('role', 'ticketwalk_router', true);
            RESET ROLE;
        EXCEPTION WHEN insufficient_privilege THEN
            GRANT ticketwalk_router TO CURRENT_USER;
        END $$
    """)
    op.execute("GRANT USAGE ON SCHEMA public TO ticketwalk_router")
