"""Have a PSA call this service: register the webhook, look whether it still stands, arm it again.

PSAs switch a webhook off after failures (ConnectWise after three days, Autotask after 25 in a row), and say
so badly or not at all. So what is registered is read again from time to time.
"""

from uuid import UUID

import structlog

from integrations.addresses import BlockedAddressError, check_url
from integrations.errors import CallError, ThrottledError
from integrations.ports import PsaClient, Registration
from worker.db.models import ConnectionRow, ConnectionStateRow
from worker.domain.words import Outcome
from worker.errors import Refusal
from worker.services import lookup, routing
from worker.services.accounts import open_link
from worker.services.admission import calling
from worker.services.context import Context
from worker.services.due import hint_due
from worker.services.webhook_urls import webhook_url

log = structlog.get_logger()


def hint_checks(context: Context) -> int:
    """Hint at each connection whose registration is to be looked at. Return how many."""
    return hint_due(context, "psa.check_registration", ConnectionStateRow.check_due_at)


def register(context: Context, row: ConnectionRow) -> Registration:
    """Leave exactly one live webhook per event in the PSA, for this connection. Safe to repeat.

    Refuses a public URL that no PSA can reach. Raises the client's CallErrors.
    """
    _refuse_without_registration(context, row)
    try:
        check_url(context.public_url, allow_private_hosts=context.allow_private_hosts)
    except BlockedAddressError as error:
        raise Refusal(
            "public_url", f"the PSA must reach this service: set TICKETWALK_PUBLIC_URL ({error})"
        ) from None
    with calling(context, row):
        found = _client(context, row).register(webhook_url(context, context.public_url, row))
    with context.uow.begin(row.account_id) as tx:
        state = tx.session.get_one(ConnectionStateRow, row.id, with_for_update=True)
        state.registered_at = tx.now
    _record(context, row, found.problems)
    return found


def look(context: Context, row: ConnectionRow) -> Registration:
    """Return what is registered, and keep what is wrong with it. Changes nothing in the PSA."""
    _refuse_without_registration(context, row)
    with calling(context, row):
        found = _client(context, row).registration(webhook_url(context, context.public_url, row))
    _record(context, row, found.problems)
    return found


def check(
    context: Context, *, connection: str, account_id: UUID | None = None, only_due: bool = False
) -> Outcome:
    """Look, and arm what is switched off or gone. What never was registered from here is left to a person."""
    account_id = account_id or routing.account_of_connection(context, connection)
    with context.uow.begin(account_id) as tx:
        row = lookup.connection(tx, connection)
        _ = row.secrets  # loaded here, since the row outlives the transaction
    made_here = _begin(context, row, only_due=only_due)
    if made_here is None:
        return Outcome.WAITING
    try:
        found = look(context, row)
        if found.problems and (made_here or found.ids):
            log.warning("registration mended", connection_id=str(row.id), problems=len(found.problems))
            register(context, row)
    except CallError as error:
        _put_off(context, row, error)
        return Outcome.WAITING
    return Outcome.APPLIED


def _begin(context: Context, row: ConnectionRow, *, only_due: bool) -> bool | None:
    """Return whether the webhook was registered from here; None where there is nothing to do now."""
    with context.uow.begin(row.account_id) as tx:
        # two hints take turns here, and the second finds it done
        state = tx.session.get_one(ConnectionStateRow, row.id, with_for_update=True)
        if only_due and state.check_due_at > tx.now:
            return None
        state.check_due_at = tx.now + context.upkeep.check_every
        state.checked_at = tx.now
        return None if context.providers[row.provider].carries_commands else state.registered_at is not None


def _put_off(context: Context, row: ConnectionRow, error: CallError) -> None:
    with context.uow.begin(row.account_id) as tx:
        state = tx.session.get_one(ConnectionStateRow, row.id, with_for_update=True)
        if isinstance(error, ThrottledError):
            state.check_due_at = tx.now + error.retry_after
        else:
            state.problems = [f"what is registered cannot be read: {error}"]
    log.warning("registration not checked", connection_id=str(row.id), reason=str(error))


def _record(context: Context, row: ConnectionRow, problems: tuple[str, ...]) -> None:
    with context.uow.begin(row.account_id) as tx:
        state = tx.session.get_one(ConnectionStateRow, row.id, with_for_update=True)
        state.checked_at = tx.now
        state.problems = list(problems)


def _client(context: Context, row: ConnectionRow) -> PsaClient:
    return context.providers[row.provider].client(open_link(context, row))


def _refuse_without_registration(context: Context, row: ConnectionRow) -> None:
    if context.providers[row.provider].carries_commands:
        raise Refusal(
            "not_registered", f"{row.provider} webhooks are set up in the tool that sends them, not from here"
        )
