"""The walk itself: tickets, sessions, their steps, and the draft of their notes."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from worker.db.models.base import Account, Base, BigKey, Now, UuidKey, one_of, referable, same_account
from worker.domain.words import ActingAs, SessionKind, SessionStatus, TicketKind, TicketStatus


class TicketRow(Base):
    """One ticket of one account: the lane in which commands keep their order.

    `next_position` is only ever taken under this row's lock, so positions become visible in order.
    `external_id` is the PSA's id, or the account's own for an internal ticket. `psa_closed` and
    `psa_assigned_to` are what the PSA showed last, to know a change by; null where it was not asked yet.
    """

    __tablename__ = "ticket"
    __table_args__ = (
        referable(),
        one_of("kind", TicketKind),
        one_of("status", TicketStatus),
        same_account("connection_id", "connection"),
        CheckConstraint("kind = 'internal' OR connection_id IS NOT NULL", name="psa_has_connection"),
        Index(
            "uq_ticket_psa",
            "connection_id",
            "external_id",
            unique=True,
            postgresql_where=text("kind = 'psa'"),
        ),
        Index(
            "uq_ticket_internal",
            "account_id",
            "external_id",
            unique=True,
            postgresql_where=text("kind = 'internal'"),
        ),
    )

    id: Mapped[UuidKey]
    account_id: Mapped[Account]
    connection_id: Mapped[UUID | None]
    kind: Mapped[str]
    external_id: Mapped[str]
    summary: Mapped[str | None]
    status: Mapped[str] = mapped_column(server_default=TicketStatus.OPEN.value)
    next_position: Mapped[int] = mapped_column(BigInteger, server_default="1")
    note_cursor: Mapped[str | None]
    psa_closed: Mapped[bool | None]
    psa_assigned_to: Mapped[str | None]
    created_at: Mapped[Now]


class SessionRow(Base):
    """One walk. What a walk may be stands here as constraints, not only in code."""

    __tablename__ = "l1_walk_session"
    __table_args__ = (
        referable(),
        one_of("kind", SessionKind),
        one_of("status", SessionStatus),
        one_of("ticket_kind", TicketKind),
        one_of("acting_as", ActingAs),
        same_account("ticket_id", "ticket"),
        same_account("user_id", "user_account"),
        same_account("flow_id", "flow"),
        same_account("flow_proposal_id", "flow_proposal"),
        ForeignKeyConstraint(
            ["account_id", "flow_id", "flow_version_id"],
            ["flow_version.account_id", "flow_version.flow_id", "flow_version.id"],
        ),
        CheckConstraint("(kind = 'flow') = (flow_id IS NOT NULL)", name="flow_exactly_when_flow"),
        CheckConstraint("(flow_id IS NULL) = (flow_version_id IS NULL)", name="flow_has_version"),
        CheckConstraint(
            "(kind = 'proposal') = (flow_proposal_id IS NOT NULL)", name="proposal_exactly_when_proposal"
        ),
        CheckConstraint("(status = 'resolved') = (resolved_at IS NOT NULL)", name="resolved_has_time"),
        CheckConstraint("(status = 'escalated') = (escalated_at IS NOT NULL)", name="escalated_has_time"),
        CheckConstraint("(status = 'abandoned') = (abandoned_at IS NOT NULL)", name="abandoned_has_time"),
        CheckConstraint(
            "(status = 'escalated') = (escalation_reason IS NOT NULL)", name="escalated_has_reason"
        ),
        CheckConstraint("jsonb_typeof(walk_notes) = 'array'", name="walk_notes_is_list"),
        Index(
            "uq_l1_walk_session_active", "ticket_id", unique=True, postgresql_where=text("status = 'active'")
        ),
        Index(
            "ix_l1_walk_session_idle",
            text("coalesce(last_step_at, started_at)"),
            postgresql_where=text("status = 'active'"),
        ),
        Index("ix_l1_walk_session_ticket_id", "ticket_id"),
        Index("ix_l1_walk_session_started_at", "started_at"),
    )

    id: Mapped[UuidKey]
    account_id: Mapped[Account]
    ticket_id: Mapped[UUID]
    ticket_kind: Mapped[str]
    user_id: Mapped[UUID]
    acting_as: Mapped[str | None]
    kind: Mapped[str]
    flow_id: Mapped[UUID | None]
    flow_version_id: Mapped[UUID | None]
    flow_proposal_id: Mapped[UUID | None]
    status: Mapped[str] = mapped_column(server_default=SessionStatus.ACTIVE.value)
    current_node_id: Mapped[str | None]
    step_count: Mapped[int] = mapped_column(Integer, server_default="0")
    last_sequence: Mapped[int] = mapped_column(Integer, server_default="0")
    walk_notes: Mapped[list[dict[str, Any]]] = mapped_column(server_default=text("'[]'"))
    started_at: Mapped[Now]
    last_step_at: Mapped[datetime | None]
    resolved_at: Mapped[datetime | None]
    escalated_at: Mapped[datetime | None]
    abandoned_at: Mapped[datetime | None]
    helpful: Mapped[bool | None]
    resolution_notes: Mapped[str | None]
    escalation_reason: Mapped[str | None]
    escalation_category: Mapped[str | None]


class StepRow(Base):
    """One step. Rows, not a growing document: appending costs the same at step 5 and step 5 000."""

    __tablename__ = "walk_step"
    __table_args__ = (
        UniqueConstraint("session_id", "position"),
        same_account("session_id", "l1_walk_session"),
    )

    id: Mapped[BigKey]
    account_id: Mapped[Account]
    session_id: Mapped[UUID]
    position: Mapped[int] = mapped_column(Integer)
    node_id: Mapped[str]
    question: Mapped[str]
    answer: Mapped[str]
    l1_note: Mapped[str | None]
    recorded_at: Mapped[Now]
    withdrawn_at: Mapped[datetime | None]


class NoteDraftRow(Base):
    """A session's newest saved notes, written to the walk once per pause. Dirty while `due_at` is set.

    Made with its session, closed with it: a save is decided on this row alone. `notes` and `revision` are the
    sender's; `ticket_notes` were typed in the PSA ticket. `version` counts every change of either.
    """

    __tablename__ = "note_draft"
    __table_args__ = (
        same_account("session_id", "l1_walk_session"),
        CheckConstraint("written_revision <= revision", name="writes_what_was_saved"),
        CheckConstraint("(due_at IS NULL) = (first_dirty_at IS NULL)", name="dirty_has_due_time"),
        CheckConstraint("due_at IS NULL OR closed_at IS NULL", name="closed_is_clean"),
        # not on due_at: it changes with every save, which could then not stay in its page
        Index("ix_note_draft_dirty", "first_dirty_at", postgresql_where=text("first_dirty_at IS NOT NULL")),
    )

    session_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[Account]
    notes: Mapped[list[dict[str, Any]]] = mapped_column(server_default=text("'[]'"))
    ticket_notes: Mapped[list[dict[str, Any]]] = mapped_column(server_default=text("'[]'"))
    revision: Mapped[int] = mapped_column(BigInteger, server_default="0")
    written_revision: Mapped[int] = mapped_column(BigInteger, server_default="0")
    version: Mapped[int] = mapped_column(BigInteger, server_default="0")
    unwritten_saves: Mapped[int] = mapped_column(Integer, server_default="0")
    saved_at: Mapped[datetime | None]
    first_dirty_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]


class NoteTallyRow(Base):
    """How late flushes were and how many saves they wrote, counted per account and bound of lateness."""

    __tablename__ = "note_tally"

    account_id: Mapped[Account] = mapped_column(primary_key=True)
    late_within_ms: Mapped[int] = mapped_column(Integer, primary_key=True)
    writes: Mapped[int] = mapped_column(BigInteger)
    saves: Mapped[int] = mapped_column(BigInteger)
    late_seconds: Mapped[float] = mapped_column(Double)
