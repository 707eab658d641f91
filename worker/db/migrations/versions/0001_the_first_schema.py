"""The first schema: every table with its constraints, and the application's role that owns none of them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("name", name=op.f("uq_account_name")),
    )
    op.create_table(
        "canary",
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("drained_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("queue", name=op.f("pk_canary")),
    )
    op.create_table(
        "connection",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("base_url", sa.Text(), nullable=False),
        sa.Column("secrets", sa.LargeBinary(), nullable=False),
        sa.Column(
            "rules", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_connection_account_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_connection")),
        sa.UniqueConstraint("account_id", "id", name=op.f("uq_connection_account_id_id")),
        sa.UniqueConstraint("account_id", "name", name=op.f("uq_connection_account_id_name")),
    )
    op.create_table(
        "flow",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_flow_account_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flow")),
        sa.UniqueConstraint("account_id", "id", name=op.f("uq_flow_account_id_id")),
        sa.UniqueConstraint("account_id", "name", name=op.f("uq_flow_account_id_name")),
    )
    op.create_table(
        "flow_proposal",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("tree", sa.JSON(), nullable=False),
        sa.Column("validated_by_outcome", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("validated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_flow_proposal_account_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flow_proposal")),
        sa.UniqueConstraint("account_id", "id", name=op.f("uq_flow_proposal_account_id_id")),
    )
    op.create_table(
        "user_account",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("can_cover_l1", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("psa_member_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "role IN ('l1_tech', 'engineer', 'owner')", name=op.f("ck_user_account_role_known")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_user_account_account_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_account")),
        sa.UniqueConstraint("account_id", "id", name=op.f("uq_user_account_account_id_id")),
    )
    op.create_index(
        "uq_user_account_account_id_email",
        "user_account",
        ["account_id", sa.literal_column("lower(email)")],
        unique=True,
    )
    op.create_table(
        "delivery",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("dedupe_key", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("event_kind", sa.Text(), nullable=False),
        sa.Column("external_ticket_id", sa.Text(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), server_default="pending", nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "next_attempt_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("interpreted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'interpreted', 'ignored', 'refused', 'parked')",
            name=op.f("ck_delivery_state_known"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "connection_id"],
            ["connection.account_id", "connection.id"],
            name=op.f("fk_delivery_account_id_connection_id"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_delivery_account_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        sa.UniqueConstraint("connection_id", "dedupe_key", name=op.f("uq_delivery_connection_id_dedupe_key")),
    )
    op.create_index(
        "ix_delivery_kept",
        "delivery",
        ["id"],
        unique=False,
        postgresql_where=sa.text("state IN ('refused', 'parked')"),
    )
    op.create_index(
        "ix_delivery_lane",
        "delivery",
        ["connection_id", "lane", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "ix_delivery_open",
        "delivery",
        ["account_id", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_table(
        "flow_version",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("flow_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("tree", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "flow_id"],
            ["flow.account_id", "flow.id"],
            name=op.f("fk_flow_version_account_id_flow_id"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_flow_version_account_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flow_version")),
        sa.UniqueConstraint(
            "account_id", "flow_id", "id", name=op.f("uq_flow_version_account_id_flow_id_id")
        ),
        sa.UniqueConstraint("account_id", "id", name=op.f("uq_flow_version_account_id_id")),
        sa.UniqueConstraint("flow_id", "version", name=op.f("uq_flow_version_flow_id_version")),
    )
    op.create_table(
        "ticket",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), server_default="open", nullable=False),
        sa.Column("next_position", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("note_cursor", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "kind = 'internal' OR connection_id IS NOT NULL", name=op.f("ck_ticket_psa_has_connection")
        ),
        sa.CheckConstraint("kind IN ('psa', 'internal')", name=op.f("ck_ticket_kind_known")),
        sa.CheckConstraint("status IN ('open', 'closed', 'escalated')", name=op.f("ck_ticket_status_known")),
        sa.ForeignKeyConstraint(
            ["account_id", "connection_id"],
            ["connection.account_id", "connection.id"],
            name=op.f("fk_ticket_account_id_connection_id"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_ticket_account_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ticket")),
        sa.UniqueConstraint("account_id", "id", name=op.f("uq_ticket_account_id_id")),
    )
    op.create_index(
        "uq_ticket_internal",
        "ticket",
        ["account_id", "external_id"],
        unique=True,
        postgresql_where=sa.text("kind = 'internal'"),
    )
    op.create_index(
        "uq_ticket_psa",
        "ticket",
        ["connection_id", "external_id"],
        unique=True,
        postgresql_where=sa.text("kind = 'psa'"),
    )
    op.create_table(
        "command",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("connection_id", sa.Uuid(), nullable=True),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=True),
        sa.Column("waits_for_sequence", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), server_default="pending", nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("result", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "next_attempt_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'applied', 'refused', 'parked')", name=op.f("ck_command_state_known")
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "ticket_id"],
            ["ticket.account_id", "ticket.id"],
            name=op.f("fk_command_account_id_ticket_id"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_command_account_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["delivery.id"], name=op.f("fk_command_delivery_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_command")),
        sa.UniqueConstraint("account_id", "key", name=op.f("uq_command_account_id_key")),
    )
    op.create_index("ix_command_delivery_id", "command", ["delivery_id"], unique=False)
    op.create_index(
        "ix_command_kept",
        "command",
        ["id"],
        unique=False,
        postgresql_where=sa.text("state IN ('refused', 'parked')"),
    )
    op.create_index(
        "ix_command_lane",
        "command",
        ["ticket_id", "position"],
        unique=False,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "ix_command_open",
        "command",
        ["account_id", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "ix_command_sequence",
        "command",
        ["ticket_id", "sequence"],
        unique=False,
        postgresql_where=sa.text("state = 'pending' AND waits_for_sequence"),
    )
    op.create_table(
        "l1_walk_session",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("ticket_kind", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("acting_as", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("flow_id", sa.Uuid(), nullable=True),
        sa.Column("flow_version_id", sa.Uuid(), nullable=True),
        sa.Column("flow_proposal_id", sa.Uuid(), nullable=True),
        sa.Column("status", sa.Text(), server_default="active", nullable=False),
        sa.Column("current_node_id", sa.Text(), nullable=True),
        sa.Column("step_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_sequence", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "walk_notes",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_step_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("escalated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("abandoned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("helpful", sa.Boolean(), nullable=True),
        sa.Column("resolution_notes", sa.Text(), nullable=True),
        sa.Column("escalation_reason", sa.Text(), nullable=True),
        sa.Column("escalation_category", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(kind = 'flow') = (flow_id IS NOT NULL)", name=op.f("ck_l1_walk_session_flow_exactly_when_flow")
        ),
        sa.CheckConstraint(
            "(kind = 'proposal') = (flow_proposal_id IS NOT NULL)",
            name=op.f("ck_l1_walk_session_proposal_exactly_when_proposal"),
        ),
        sa.CheckConstraint(
            "(status = 'abandoned') = (abandoned_at IS NOT NULL)",
            name=op.f("ck_l1_walk_session_abandoned_has_time"),
        ),
        sa.CheckConstraint(
            "(status = 'escalated') = (escalated_at IS NOT NULL)",
            name=op.f("ck_l1_walk_session_escalated_has_time"),
        ),
        sa.CheckConstraint(
            "(status = 'escalated') = (escalation_reason IS NOT NULL)",
            name=op.f("ck_l1_walk_session_escalated_has_reason"),
        ),
        sa.CheckConstraint(
            "(status = 'resolved') = (resolved_at IS NOT NULL)",
            name=op.f("ck_l1_walk_session_resolved_has_time"),
        ),
        sa.CheckConstraint("acting_as IN ('l1_coverage')", name=op.f("ck_l1_walk_session_acting_as_known")),
        sa.CheckConstraint(
            "jsonb_typeof(walk_notes) = 'array'", name=op.f("ck_l1_walk_session_walk_notes_is_list")
        ),
        sa.CheckConstraint(
            "kind IN ('flow', 'proposal', 'adhoc')", name=op.f("ck_l1_walk_session_kind_known")
        ),
        sa.CheckConstraint(
            "status IN ('active', 'resolved', 'escalated', 'abandoned')",
            name=op.f("ck_l1_walk_session_status_known"),
        ),
        sa.CheckConstraint(
            "ticket_kind IN ('psa', 'internal')", name=op.f("ck_l1_walk_session_ticket_kind_known")
        ),
        sa.CheckConstraint(
            "(flow_id IS NULL) = (flow_version_id IS NULL)", name=op.f("ck_l1_walk_session_flow_has_version")
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "flow_id", "flow_version_id"],
            ["flow_version.account_id", "flow_version.flow_id", "flow_version.id"],
            name=op.f("fk_l1_walk_session_account_id_flow_id_flow_version_id"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "flow_id"],
            ["flow.account_id", "flow.id"],
            name=op.f("fk_l1_walk_session_account_id_flow_id"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "flow_proposal_id"],
            ["flow_proposal.account_id", "flow_proposal.id"],
            name=op.f("fk_l1_walk_session_account_id_flow_proposal_id"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "ticket_id"],
            ["ticket.account_id", "ticket.id"],
            name=op.f("fk_l1_walk_session_account_id_ticket_id"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "user_id"],
            ["user_account.account_id", "user_account.id"],
            name=op.f("fk_l1_walk_session_account_id_user_id"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_l1_walk_session_account_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_l1_walk_session")),
        sa.UniqueConstraint("account_id", "id", name=op.f("uq_l1_walk_session_account_id_id")),
    )
    op.create_index(
        "ix_l1_walk_session_idle",
        "l1_walk_session",
        [sa.literal_column("coalesce(last_step_at, started_at)")],
        unique=False,
        postgresql_where=sa.text("status = 'active'"),
    )
    op.create_index("ix_l1_walk_session_started_at", "l1_walk_session", ["started_at"], unique=False)
    op.create_index("ix_l1_walk_session_ticket_id", "l1_walk_session", ["ticket_id"], unique=False)
    op.create_index(
        "uq_l1_walk_session_active",
        "l1_walk_session",
        ["ticket_id"],
        unique=True,
        postgresql_where=sa.text("status = 'active'"),
    )
    op.create_table(
        "audit_log",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("actor_user_id", sa.Uuid(), nullable=True),
        sa.Column("acting_as", sa.Text(), nullable=True),
        sa.Column("operator", sa.Text(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "session_id IS NOT NULL OR operator IS NOT NULL", name=op.f("ck_audit_log_somebody_did_it")
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "actor_user_id"],
            ["user_account.account_id", "user_account.id"],
            name=op.f("fk_audit_log_account_id_actor_user_id"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "session_id"],
            ["l1_walk_session.account_id", "l1_walk_session.id"],
            name=op.f("fk_audit_log_account_id_session_id"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_audit_log_account_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
    )
    op.create_index("ix_audit_log_session_id", "audit_log", ["session_id"], unique=False)
    op.create_table(
        "note_draft",
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("notes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("written_revision", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("first_dirty_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(due_at IS NULL) = (first_dirty_at IS NULL)", name=op.f("ck_note_draft_dirty_has_due_time")
        ),
        sa.CheckConstraint("written_revision <= revision", name=op.f("ck_note_draft_writes_what_was_saved")),
        sa.ForeignKeyConstraint(
            ["account_id", "session_id"],
            ["l1_walk_session.account_id", "l1_walk_session.id"],
            name=op.f("fk_note_draft_account_id_session_id"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_note_draft_account_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_note_draft")),
    )
    op.create_index(
        "ix_note_draft_due_at",
        "note_draft",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("part", sa.Integer(), server_default="1", nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("marker", sa.Text(), nullable=False),
        sa.Column("request_body", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.Text(), server_default="pending", nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("probes", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lost_answers", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "next_attempt_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("sending_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.CheckConstraint("kind IN ('note', 'status')", name=op.f("ck_outbox_kind_known")),
        sa.CheckConstraint(
            "state IN ('pending', 'sending', 'unknown', 'sent', 'parked', 'discarded')",
            name=op.f("ck_outbox_state_known"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "connection_id"],
            ["connection.account_id", "connection.id"],
            name=op.f("fk_outbox_account_id_connection_id"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "session_id"],
            ["l1_walk_session.account_id", "l1_walk_session.id"],
            name=op.f("fk_outbox_account_id_session_id"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "ticket_id"],
            ["ticket.account_id", "ticket.id"],
            name=op.f("fk_outbox_account_id_ticket_id"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_outbox_account_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("session_id", "kind", "part", name=op.f("uq_outbox_session_id_kind_part")),
    )
    op.create_index(
        "ix_outbox_kept", "outbox", ["id"], unique=False, postgresql_where=sa.text("state = 'parked'")
    )
    op.create_index("ix_outbox_lane", "outbox", ["ticket_id", "id"], unique=False)
    op.create_index(
        "ix_outbox_open",
        "outbox",
        ["account_id", "id"],
        unique=False,
        postgresql_where=sa.text("state IN ('pending', 'sending', 'unknown')"),
    )
    op.create_table(
        "walk_step",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("node_id", sa.Text(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("l1_note", sa.Text(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id", "session_id"],
            ["l1_walk_session.account_id", "l1_walk_session.id"],
            name=op.f("fk_walk_step_account_id_session_id"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_walk_step_account_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_walk_step")),
        sa.UniqueConstraint("session_id", "position", name=op.f("uq_walk_step_session_id_position")),
    )
    _create_application_role()


def _create_application_role() -> None:
    """Roles belong to the whole cluster, so another database of it may have made this one already."""
    op.execute("""
        DO $$ BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ticketwalk_app') THEN
                CREATE ROLE ticketwalk_app NOLOGIN NOBYPASSRLS;
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END $$
    """)
    # tried, not asked: who made the role may be its member without being allowed to become it (PostgreSQL 16)
    op.execute("""
        DO $$ BEGIN
            PERFORM set_config('role', 'ticketwalk_app', true);
            RESET ROLE;
        EXCEPTION WHEN insufficient_privilege THEN
            GRANT ticketwalk_app TO CURRENT_USER;
        END $$
    """)
    op.execute("GRANT USAGE ON SCHEMA public TO ticketwalk_app")
    op.execute("GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO ticketwalk_app")
    # pruning removes what was delivered and applied long ago; nothing else is ever deleted
    op.execute("GRANT DELETE ON delivery, command TO ticketwalk_app")
    op.execute("REVOKE INSERT, UPDATE ON alembic_version FROM ticketwalk_app")
