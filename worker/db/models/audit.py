"""Who ended which walk, and how."""

from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped

from worker.db.models.base import Account, Base, BigKey, Now, same_account


class AuditRow(Base):
    """One row per outcome, with the actor and in whose place they acted; and one per repair by an operator.

    A repair has no session of its own: `operator` is who did it, `detail` names the row.
    """

    __tablename__ = "audit_log"
    __table_args__ = (
        same_account("session_id", "l1_walk_session"),
        same_account("actor_user_id", "user_account"),
        Index("ix_audit_log_session_id", "session_id"),
        CheckConstraint("session_id IS NOT NULL OR operator IS NOT NULL", name="somebody_did_it"),
    )

    id: Mapped[BigKey]
    account_id: Mapped[Account]
    session_id: Mapped[UUID | None]
    actor_user_id: Mapped[UUID | None]
    acting_as: Mapped[str | None]
    operator: Mapped[str | None]
    action: Mapped[str]
    detail: Mapped[dict[str, Any]]
    at: Mapped[Now]
