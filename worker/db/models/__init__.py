"""The tables, one module per subject."""

from worker.db.models.audit import AuditRow
from worker.db.models.base import Base
from worker.db.models.canary import CanaryRow
from worker.db.models.flows import FlowProposalRow, FlowRow, FlowVersionRow
from worker.db.models.queue import CommandRow, DeliveryRow, OutboxRow
from worker.db.models.tenancy import AccountRow, ConnectionRow, ConnectionStateRow, UserRow
from worker.db.models.walks import NoteDraftRow, NoteTallyRow, SessionRow, StepRow, TicketRow

#: Every table whose rows belong to an account.
TENANT_TABLES = frozenset(Base.metadata.tables) - {CanaryRow.__tablename__}

__all__ = [
    "TENANT_TABLES",
    "AccountRow",
    "AuditRow",
    "Base",
    "CanaryRow",
    "CommandRow",
    "ConnectionRow",
    "ConnectionStateRow",
    "DeliveryRow",
    "FlowProposalRow",
    "FlowRow",
    "FlowVersionRow",
    "NoteDraftRow",
    "NoteTallyRow",
    "OutboxRow",
    "SessionRow",
    "StepRow",
    "TicketRow",
    "UserRow",
]
