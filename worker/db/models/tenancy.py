"""Accounts, their users, and their connections to PSAs."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from worker.db.models.base import Account, Base, Now, UuidKey, one_of, referable, same_account
from worker.domain.words import Role


class AccountRow(Base):
    """A managed service provider: the tenant."""

    __tablename__ = "account"

    id: Mapped[UuidKey]
    name: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[Now]


class UserRow(Base):
    """A person of an account. `psa_member_id` is who they are in the PSA."""

    __tablename__ = "user_account"
    __table_args__ = (
        referable(),
        one_of("role", Role),
        Index("uq_user_account_account_id_email", "account_id", func.lower(text("email")), unique=True),
    )

    id: Mapped[UuidKey]
    account_id: Mapped[Account]
    email: Mapped[str]
    role: Mapped[str]
    can_cover_l1: Mapped[bool] = mapped_column(server_default=text("false"))
    psa_member_id: Mapped[str | None]
    created_at: Mapped[Now]


class ConnectionRow(Base):
    """One account's link to one PSA. `secrets` is encrypted: credentials and webhook secrets."""

    __tablename__ = "connection"
    __table_args__ = (referable(), UniqueConstraint("account_id", "name"))

    id: Mapped[UuidKey]
    account_id: Mapped[Account]
    provider: Mapped[str]
    name: Mapped[str]
    base_url: Mapped[str]
    secrets: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    rules: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    created_at: Mapped[Now]


class ConnectionStateRow(Base):
    """How it goes with a connection just now; one row for each, made with it.

    While `paused_until` is ahead nobody calls the PSA; `failures` counts those in a row. `watermark`: every
    change up to then was looked at. `missed` counts tickets that changed without a webhook, of all time and
    since the last one came. `problems` are plain sentences for a person.
    """

    __tablename__ = "connection_state"
    __table_args__ = (same_account("connection_id", "connection"),)

    connection_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[Account]
    paused_until: Mapped[datetime | None]
    pause_reason: Mapped[str | None]
    failures: Mapped[int] = mapped_column(Integer, server_default="0")
    watermark: Mapped[Now]
    reconcile_due_at: Mapped[Now]
    reconciling_until: Mapped[datetime | None]
    reconciled_at: Mapped[datetime | None]
    reconcile_problem: Mapped[str | None]
    missed: Mapped[int] = mapped_column(BigInteger, server_default="0")
    missed_since_delivery: Mapped[int] = mapped_column(BigInteger, server_default="0")
    last_delivery_at: Mapped[datetime | None]
    registered_at: Mapped[datetime | None]
    check_due_at: Mapped[Now]
    checked_at: Mapped[datetime | None]
    problems: Mapped[list[str]] = mapped_column(JSONB, server_default=text("'[]'"))
