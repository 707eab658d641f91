"""Failures counted apart from claims: a worker that is killed is no fault of what it had in hand."""

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
