"""What guides a walk: authored flows with their versions, and AI-built proposals."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Integer, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from worker.db.models.base import Account, Base, Now, UuidKey, referable, same_account


class FlowRow(Base):
    """An authored flow; its trees are its versions."""

    __tablename__ = "flow"
    __table_args__ = (referable(), UniqueConstraint("account_id", "name"))

    id: Mapped[UuidKey]
    account_id: Mapped[Account]
    name: Mapped[str]
    created_at: Mapped[Now]


class FlowVersionRow(Base):
    """One tree of a flow. Never changed: a walk pins its version."""

    __tablename__ = "flow_version"
    __table_args__ = (
        referable(),
        UniqueConstraint("flow_id", "version"),
        UniqueConstraint("account_id", "flow_id", "id"),
        same_account("flow_id", "flow"),
    )

    id: Mapped[UuidKey]
    account_id: Mapped[Account]
    flow_id: Mapped[UUID]
    version: Mapped[int] = mapped_column(Integer)
    # json, not jsonb: answers are shown in the order in which they were written
    tree: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[Now]


class FlowProposalRow(Base):
    """An AI-built flow. `validated_by_outcome_at` is set when a helpful walk of it resolved a ticket."""

    __tablename__ = "flow_proposal"
    __table_args__ = (referable(),)

    id: Mapped[UuidKey]
    account_id: Mapped[Account]
    title: Mapped[str]
    tree: Mapped[dict[str, Any]] = mapped_column(JSON)
    validated_by_outcome: Mapped[bool] = mapped_column(server_default="false")
    validated_at: Mapped[datetime | None]
    created_at: Mapped[Now]
