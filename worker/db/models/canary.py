"""The sign of life of each queue: when a worker last drained a message that came through it."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from worker.db.models.base import Base


class CanaryRow(Base):
    """One row per queue. Belongs to no account."""

    __tablename__ = "canary"

    queue: Mapped[str] = mapped_column(primary_key=True)
    drained_at: Mapped[datetime]
