"""Accounts, their users, and their connections to PSAs."""

from typing import Any

from sqlalchemy import Index, LargeBinary, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from worker.db.models.base import Account, Base, Now, UuidKey, one_of, referable
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
