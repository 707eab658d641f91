"""What all tables share: naming of constraints, and the column types in use."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID, uuid4

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    MetaData,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, mapped_column


class Base(DeclarativeBase):
    """Every table. Constraint names are deterministic, so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it from the class
        str: Text,
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        list[dict[str, Any]]: JSONB,
    }


UuidKey = Annotated[UUID, mapped_column(primary_key=True, default=uuid4)]
BigKey = Annotated[int, mapped_column(BigInteger, Identity(always=True), primary_key=True)]
Account = Annotated[UUID, mapped_column(ForeignKey("account.id", ondelete="RESTRICT"))]
#: `now()` is the transaction's start; one clock for all processes, the database's.
Now = Annotated[datetime, mapped_column(server_default=func.now())]


def one_of(column: str, words: type[StrEnum]) -> CheckConstraint:
    """Return the constraint that `column` holds one of the words."""
    listed = ", ".join(f"'{word.value}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


def same_account(column: str, table: str) -> ForeignKeyConstraint:
    """Return the reference to `table` that also pins the account: rows of two accounts can never join."""
    return ForeignKeyConstraint(["account_id", column], [f"{table}.account_id", f"{table}.id"])


def referable() -> UniqueConstraint:
    """Return the key that `same_account` references."""
    return UniqueConstraint("account_id", "id")
