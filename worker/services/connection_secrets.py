"""Change the secrets of a connection that stands: credentials, and what signs its deliveries."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select

from integrations.ports import Provider
from worker.db.models import AuditRow, ConnectionRow
from worker.errors import Refusal
from worker.services import accounts, lookup, routing
from worker.services.context import Context
from worker.services.vault import Secrets

#: Webhook secrets valid together. A rotation needs two; each one more is compared with every delivery.
MAX_WEBHOOK_SECRETS = 4


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be changed. `webhook_secret` becomes the newest; with `drop_old` it is then the only one."""

    credentials: Mapping[str, str]
    webhook_secret: str | None = None
    drop_old: bool = False


@dataclass(frozen=True, slots=True)
class Changed:
    """What is in force now, without a secret in it."""

    id: UUID
    name: str
    credentials: tuple[str, ...]
    webhook_secrets: int


def change_secrets(context: Context, connection: str, change: Change, *, operator: str) -> Changed:
    """Change a connection's secrets and record who did it. Refuses what its provider could not work with."""
    if not (change.credentials or change.webhook_secret or change.drop_old):
        raise Refusal("invalid", "say what to change: --credential, --webhook-secret or --drop-old")
    account_id = routing.account_of_connection(context, connection)
    with context.uow.begin(account_id) as tx:
        connection_id = lookup.connection(tx, connection).id
        # locked: two changes at the same time would each keep what they read, and one would be lost
        row = tx.session.scalars(
            select(ConnectionRow).where(ConnectionRow.id == connection_id).with_for_update()
        ).one()
        secrets = _changed(context.vault.open(row.secrets), change)
        _ensure_usable(context, row, secrets, change)
        row.secrets = context.vault.seal(secrets)
        tx.session.add(_audit(account_id, row, change, operator))
        return Changed(row.id, row.name, tuple(sorted(secrets.credentials)), len(secrets.webhook_secrets))


def _changed(secrets: Secrets, change: Change) -> Secrets:
    webhook_secrets = secrets.webhook_secrets
    if change.webhook_secret is not None:
        older = [secret for secret in webhook_secrets if secret != change.webhook_secret]
        webhook_secrets = (change.webhook_secret, *older)
    if change.drop_old:
        webhook_secrets = webhook_secrets[:1]
    return Secrets({**secrets.credentials, **change.credentials}, webhook_secrets)


def _ensure_usable(context: Context, row: ConnectionRow, secrets: Secrets, change: Change) -> None:
    provider = context.providers[row.provider]
    _ensure_webhook_secrets(provider, secrets, change)
    try:
        provider.check_link(accounts.link_of(context, row, secrets))
    except ValueError as error:
        raise Refusal("invalid", str(error)) from None


def _ensure_webhook_secrets(provider: Provider, secrets: Secrets, change: Change) -> None:
    if change.webhook_secret is not None and not provider.needs_webhook_secret:
        raise Refusal("invalid", f"{provider.name} deliveries are not verified with a webhook secret")
    if len(secrets.webhook_secrets) > MAX_WEBHOOK_SECRETS:
        raise Refusal(
            "too_many_secrets", f"{MAX_WEBHOOK_SECRETS} webhook secrets are valid already: --drop-old first"
        )


def _audit(account_id: UUID, row: ConnectionRow, change: Change, operator: str) -> AuditRow:
    detail: dict[str, Any] = {
        "connection_id": str(row.id),
        "credentials": sorted(change.credentials),
        "webhook_secret_added": change.webhook_secret is not None,
        "old_dropped": change.drop_old,
    }
    return AuditRow(
        account_id=account_id, operator=operator, action="connection.secrets_changed", detail=detail
    )
