"""Failures apart from claims: what a killed worker had in hand is not at fault. And times of parking."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("delivery", "command"):
        op.add_column(
            table, sa.Column("failures", sa.Integer(), server_default=sa.text("'0'"), nullable=False)
        )
        # what was open and had a reason had failed; its owner sees it only while the walls are down
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        op.execute(
            f"UPDATE {table} SET failures = attempts WHERE state = 'pending' AND reason IS NOT NULL"  # noqa: S608
        )
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    for table in ("delivery", "outbox"):
        op.add_column(table, sa.Column("parked_at", sa.DateTime(timezone=True), nullable=True))
