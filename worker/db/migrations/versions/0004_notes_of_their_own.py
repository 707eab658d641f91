"""A draft for every session, made to be saved often: notes of the ticket apart, no index on its due time."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_EMPTY_LIST = sa.text("'[]'")
_ZERO = sa.text("'0'")


def upgrade() -> None:
    op.add_column(
        "note_draft",
        sa.Column(
            "ticket_notes",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=_EMPTY_LIST,
            nullable=False,
        ),
    )
    op.add_column("note_draft", sa.Column("version", sa.BigInteger(), server_default=_ZERO, nullable=False))
    op.add_column(
        "note_draft", sa.Column("unwritten_saves", sa.Integer(), server_default=_ZERO, nullable=False)
    )
    for name in ("saved_at", "closed_at"):
        op.add_column("note_draft", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.alter_column("note_draft", "notes", server_default=_EMPTY_LIST)
    op.alter_column("note_draft", "revision", server_default=_ZERO)
    op.drop_index("ix_note_draft_due_at", table_name="note_draft")
    op.create_index(
        "ix_note_draft_dirty",
        "note_draft",
        ["first_dirty_at"],
        unique=False,
        postgresql_where=sa.text("first_dirty_at IS NOT NULL"),
    )
    _complete_rows()
    op.create_check_constraint("closed_is_clean", "note_draft", "due_at IS NULL OR closed_at IS NULL")
    # half of each page is left free for newer versions of its rows; dead ones are taken away early
    op.execute("""
        ALTER TABLE note_draft SET (
            fillfactor = 50,
            autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0.02,
            autovacuum_vacuum_cost_delay = 0,
            toast.autovacuum_vacuum_threshold = 2000, toast.autovacuum_vacuum_scale_factor = 0.02,
            toast.autovacuum_vacuum_cost_delay = 0
        )
    """)
    _create_tally()


def _complete_rows() -> None:
    """Sessions never saved get their drafts; what was typed in tickets is taken out of the lists.

    The owner of a table sees its rows only while row-level security is not forced on it, unless it is a
    superuser: the walls are down in this transaction alone, which holds the tables.
    """
    for table in ("note_draft", "l1_walk_session"):
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    op.execute("""
        INSERT INTO note_draft (session_id, account_id, notes)
        SELECT id, account_id, walk_notes FROM l1_walk_session ON CONFLICT DO NOTHING
    """)
    op.execute("""
        UPDATE note_draft draft SET
            saved_at = first_dirty_at,
            closed_at = coalesce(walk.resolved_at, walk.escalated_at, walk.abandoned_at),
            ticket_notes = (SELECT coalesce(jsonb_agg(note ORDER BY place), '[]')
                FROM jsonb_array_elements(draft.notes) WITH ORDINALITY listed (note, place)
                WHERE note ->> 'psa_note_id' IS NOT NULL),
            notes = (SELECT coalesce(jsonb_agg(note ORDER BY place), '[]')
                FROM jsonb_array_elements(draft.notes) WITH ORDINALITY listed (note, place)
                WHERE note ->> 'psa_note_id' IS NULL)
        FROM l1_walk_session walk WHERE walk.id = draft.session_id
    """)
    for table in ("note_draft", "l1_walk_session"):
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def _create_tally() -> None:
    op.create_table(
        "note_tally",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("late_within_ms", sa.Integer(), nullable=False),
        sa.Column("writes", sa.BigInteger(), nullable=False),
        sa.Column("saves", sa.BigInteger(), nullable=False),
        sa.Column("late_seconds", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_note_tally_account_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("account_id", "late_within_ms", name=op.f("pk_note_tally")),
    )
    own = "account_id = nullif(current_setting('ticketwalk.account_id', true), '')::uuid"
    op.execute("GRANT SELECT, INSERT, UPDATE ON note_tally TO ticketwalk_app")
    op.execute("ALTER TABLE note_tally ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE note_tally FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY own_account ON note_tally TO ticketwalk_app USING ({own}) WITH CHECK ({own})")
    op.execute(
        "CREATE POLICY every_account ON note_tally FOR SELECT TO ticketwalk_router "
        "USING (current_user = 'ticketwalk_router')"
    )
    op.execute("GRANT SELECT ON note_tally TO ticketwalk_router")
