"""What came in, what is to be done, and what is to be told: deliveries, commands, outbox entries."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from worker.db.models.base import Account, Base, BigKey, Now, one_of, same_account
from worker.domain.words import CommandState, DeliveryState, OutboxKind, OutboxState


class DeliveryRow(Base):
    """One authentic HTTP POST, kept as raw bytes, or a change that a reconcile found.

    `lane` groups deliveries that are interpreted in order. `seen_version` is the ticket's version that the
    PSA showed when it was asked because of this delivery.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("connection_id", "dedupe_key"),
        one_of("state", DeliveryState),
        same_account("connection_id", "connection"),
        Index("ix_delivery_lane", "connection_id", "lane", "id", postgresql_where=text("state = 'pending'")),
        Index("ix_delivery_open", "account_id", "id", postgresql_where=text("state = 'pending'")),
        Index("ix_delivery_kept", "id", postgresql_where=text("state IN ('refused', 'parked')")),
        Index(
            "ix_delivery_seen",
            "connection_id",
            "external_ticket_id",
            "seen_version",
            postgresql_where=text("seen_version IS NOT NULL"),
        ),
    )

    id: Mapped[BigKey]
    account_id: Mapped[Account]
    connection_id: Mapped[UUID]
    dedupe_key: Mapped[str]
    lane: Mapped[str]
    event_kind: Mapped[str]
    external_ticket_id: Mapped[str | None]
    seen_version: Mapped[str | None]
    body: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    state: Mapped[str] = mapped_column(server_default=DeliveryState.PENDING.value)
    reason: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(Integer, server_default="0")
    failures: Mapped[int] = mapped_column(Integer, server_default="0")
    next_attempt_at: Mapped[Now]
    received_at: Mapped[Now]
    interpreted_at: Mapped[datetime | None]
    parked_at: Mapped[datetime | None]


class CommandRow(Base):
    """One intended change to a walk. Its effect and its state commit together.

    `position` is its place in the ticket's order. A pending command that waits for an earlier
    `sequence` does not hold its ticket; one that failed transiently (`next_attempt_at` ahead) does.
    """

    __tablename__ = "command"
    __table_args__ = (
        UniqueConstraint("account_id", "key"),
        one_of("state", CommandState),
        same_account("ticket_id", "ticket"),
        Index("ix_command_lane", "ticket_id", "position", postgresql_where=text("state = 'pending'")),
        Index("ix_command_open", "account_id", "id", postgresql_where=text("state = 'pending'")),
        Index("ix_command_delivery_id", "delivery_id"),
        Index("ix_command_kept", "id", postgresql_where=text("state IN ('refused', 'parked')")),
        Index(
            "ix_command_sequence",
            "ticket_id",
            "sequence",
            postgresql_where=text("state = 'pending' AND waits_for_sequence"),
        ),
    )

    id: Mapped[BigKey]
    account_id: Mapped[Account]
    ticket_id: Mapped[UUID]
    position: Mapped[int] = mapped_column(BigInteger)
    key: Mapped[str]
    type: Mapped[str]
    session_id: Mapped[UUID | None]
    connection_id: Mapped[UUID | None]
    payload: Mapped[dict[str, Any]] = mapped_column(deferred=False)
    sequence: Mapped[int | None] = mapped_column(Integer)
    waits_for_sequence: Mapped[bool] = mapped_column(server_default=text("false"))
    delivery_id: Mapped[int | None] = mapped_column(ForeignKey("delivery.id", ondelete="SET NULL"))
    state: Mapped[str] = mapped_column(server_default=CommandState.PENDING.value)
    reason: Mapped[str | None]
    result: Mapped[dict[str, Any] | None]
    attempts: Mapped[int] = mapped_column(Integer, server_default="0")
    failures: Mapped[int] = mapped_column(Integer, server_default="0")
    next_attempt_at: Mapped[Now]
    received_at: Mapped[Now]
    settled_at: Mapped[datetime | None]


class OutboxRow(Base):
    """One thing to tell the PSA. `request_body` is the exact bytes, committed before they are sent.

    `sending_at` is set while it may have been sent: from before the call until the PSA definitely said no.
    `lost_answers` counts the times that nobody could say whether it was. From `emptied_at` on it no longer
    says what was told.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        UniqueConstraint("session_id", "kind", "part"),
        one_of("kind", OutboxKind),
        one_of("state", OutboxState),
        same_account("connection_id", "connection"),
        same_account("ticket_id", "ticket"),
        same_account("session_id", "l1_walk_session"),
        Index(
            "ix_outbox_open",
            "account_id",
            "id",
            postgresql_where=text("state IN ('pending', 'sending', 'unknown')"),
        ),
        Index("ix_outbox_lane", "ticket_id", "id"),
        Index("ix_outbox_kept", "id", postgresql_where=text("state = 'parked'")),
        Index(
            "ix_outbox_full",
            "account_id",
            "id",
            postgresql_where=text("state IN ('sent', 'discarded') AND emptied_at IS NULL"),
        ),
    )

    id: Mapped[BigKey]
    account_id: Mapped[Account]
    connection_id: Mapped[UUID]
    ticket_id: Mapped[UUID]
    session_id: Mapped[UUID]
    kind: Mapped[str]
    part: Mapped[int] = mapped_column(Integer, server_default="1")
    purpose: Mapped[str]
    content: Mapped[dict[str, Any]]
    marker: Mapped[str]
    request_body: Mapped[bytes | None] = mapped_column(LargeBinary)
    state: Mapped[str] = mapped_column(server_default=OutboxState.PENDING.value)
    reason: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(Integer, server_default="0")
    probes: Mapped[int] = mapped_column(Integer, server_default="0")
    lost_answers: Mapped[int] = mapped_column(Integer, server_default="0")
    next_attempt_at: Mapped[Now]
    created_at: Mapped[Now]
    sending_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    parked_at: Mapped[datetime | None]
    external_id: Mapped[str | None]
    emptied_at: Mapped[datetime | None]
