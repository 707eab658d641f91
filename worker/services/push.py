"""Tell the PSA what the outbox says, exactly once per entry.

The entry is claimed and its bytes and the state `sending` are committed before the call; nothing is locked
during the call; its outcome is committed after. Who finds `sending` with its lease over knows that a worker
died there: the outcome is unknown, and the ticket is searched for the marker before anything is sent again.
"""

from uuid import UUID

import structlog

from integrations.errors import CallError
from integrations.ports import PsaClient
from worker.crash_points import CrashPoint, reach
from worker.db.models import ConnectionRow, OutboxRow
from worker.domain.words import OutboxState
from worker.errors import ConfigurationError
from worker.services import routing
from worker.services.accounts import open_link
from worker.services.context import Context
from worker.services.pacing import NoPlaceError
from worker.services.pushing import calls, claims, settling
from worker.services.pushing.claims import Claim, Step
from worker.services.pushing.settling import LOOK_AGAIN, Pushed

__all__ = ["Pushed", "push"]

log = structlog.get_logger()


def push(context: Context, *, account_id: UUID | None, outbox_id: int) -> Pushed:
    """Send an entry, or find out whether it was sent. Does nothing where it is not this entry's turn.

    Without an account the entry's own is found out; with one, an entry of another is refused.
    """
    account_id = account_id or routing.account_of(context, OutboxRow, outbox_id)
    connection = claims.connection_of(context, account_id, outbox_id)
    if connection is None:
        return _as_it_stands(context, account_id, outbox_id)
    provider = context.providers[connection.provider]
    try:
        # opened before anything is promised: it fails where no key fits
        client = provider.client(open_link(context, connection))
    except ConfigurationError as error:
        return _put_off(context, connection, outbox_id, error)
    try:
        with context.pacer.place(str(connection.id), provider.calls_at_once):
            return _push(context, connection, client, outbox_id)
    except NoPlaceError:
        # who has a place wakes another entry when the call is over; the sweep covers it
        return _as_it_stands(context, account_id, outbox_id)


def _push(context: Context, connection: ConnectionRow, client: PsaClient, outbox_id: int) -> Pushed:
    """Take the entry one step on; what was prepared is sent at once."""
    while claim := claims.claim(context, connection, client, outbox_id):
        try:
            if claim.step is Step.PREPARE:
                body = calls.prepare(client, claim.entry, claim.external_ticket_id)
            elif claim.step is Step.PROBE:
                return _probe(context, client, claim)
            else:
                external_id = calls.send(client, claim.entry, claim.external_ticket_id)
                return settling.sent(context, claim, external_id)
        except CallError as error:
            return settling.failed(context, claim, error)
        settling.prepared(context, claim, body)
    return _as_it_stands(context, connection.account_id, outbox_id)


def _probe(context: Context, client: PsaClient, claim: Claim) -> Pushed:
    """Look for what carries the entry's marker. Two of them are an incident, shown."""
    found = calls.find(client, claim.entry, claim.external_ticket_id)
    if len(found) > 1:
        log.error("summary stands twice", outbox_id=claim.entry.id, notes=len(found))
    if found:
        return settling.sent(context, claim, found[0])
    reach(CrashPoint.PUSH_NOTHING_FOUND)
    return settling.not_found(context, claim)


def _put_off(
    context: Context, connection: ConnectionRow, outbox_id: int, error: ConfigurationError
) -> Pushed:
    """Say on the entry what must be mended first, and look again later."""
    with context.uow.begin(connection.account_id) as tx:
        entry = tx.session.get_one(OutboxRow, outbox_id, with_for_update=True)
        entry.reason = str(error)
        entry.next_attempt_at = tx.now + LOOK_AGAIN
        return Pushed(entry.id, OutboxState(entry.state))


def _as_it_stands(context: Context, account_id: UUID, outbox_id: int) -> Pushed:
    with context.uow.begin(account_id) as tx:
        entry = tx.session.get_one(OutboxRow, outbox_id)
        return Pushed(entry.id, OutboxState(entry.state), entry.external_id)
