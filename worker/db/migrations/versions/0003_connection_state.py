"""How it goes with each connection; what the PSA showed of a ticket; time entries."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _connection_state()
    op.add_column("ticket", sa.Column("psa_closed", sa.Boolean(), nullable=True))
    op.add_column("ticket", sa.Column("psa_assigned_to", sa.Text(), nullable=True))
    op.add_column("delivery", sa.Column("seen_version", sa.Text(), nullable=True))
    op.create_index(
        "ix_delivery_seen",
        "delivery",
        ["connection_id", "external_ticket_id", "seen_version"],
        postgresql_where=sa.text("seen_version IS NOT NULL"),
    )
    op.add_column("outbox", sa.Column("emptied_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_outbox_full",
        "outbox",
        ["account_id", "id"],
        postgresql_where=sa.text("state IN ('sent', 'discarded') AND emptied_at IS NULL"),
    )
    op.drop_constraint(op.f("ck_outbox_kind_known"), "outbox", type_="check")
    op.create_check_constraint(op.f("ck_outbox_kind_known"), "outbox", "kind IN ('note', 'time', 'status')")


def _connection_state() -> None:
    now = sa.text("now()")
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "connection_state",
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("paused_until", moment, nullable=True),
        sa.Column("pause_reason", sa.Text(), nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("watermark", moment, server_default=now, nullable=False),
        sa.Column("reconcile_due_at", moment, server_default=now, nullable=False),
        sa.Column("reconciling_until", moment, nullable=True),
        sa.Column("reconciled_at", moment, nullable=True),
        sa.Column("reconcile_problem", sa.Text(), nullable=True),
        sa.Column("missed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("missed_since_delivery", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("last_delivery_at", moment, nullable=True),
        sa.Column("registered_at", moment, nullable=True),
        sa.Column("check_due_at", moment, server_default=now, nullable=False),
        sa.Column("checked_at", moment, nullable=True),
        sa.Column(
            "problems",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "connection_id"],
            ["connection.account_id", "connection.id"],
            name=op.f("fk_connection_state_account_id_connection_id"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_connection_state_account_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("connection_id", name=op.f("pk_connection_state")),
    )
    # a connection that was there before is looked at from its beginning
    # the owner of a table sees its rows only while row-level security is not forced on it, unless it is a
    # superuser: the wall is down in this transaction alone, which holds the table
    op.execute("ALTER TABLE connection NO FORCE ROW LEVEL SECURITY")
    op.execute(
        "INSERT INTO connection_state (connection_id, account_id, watermark)"
        " SELECT id, account_id, created_at FROM connection"
    )
    op.execute("ALTER TABLE connection FORCE ROW LEVEL SECURITY")
    op.execute("GRANT SELECT, INSERT, UPDATE ON connection_state TO ticketwalk_app")
    own = "account_id = nullif(current_setting('ticketwalk.account_id', true), '')::uuid"
    op.execute("ALTER TABLE connection_state ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE connection_state FORCE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY own_account ON connection_state TO ticketwalk_app USING ({own}) WITH CHECK ({own})"
    )
    op.execute(
        "CREATE POLICY every_account ON connection_state FOR SELECT TO ticketwalk_router "
        "USING (current_user = 'ticketwalk_router')"
    )
    op.execute(
        "GRANT SELECT (connection_id, account_id, paused_until, failures, reconcile_due_at, check_due_at) "
        "ON connection_state TO ticketwalk_router"
    )
    op.execute("GRANT SELECT (connection_id, kind) ON outbox TO ticketwalk_router")
