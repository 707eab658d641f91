"""Where everything is measured: embedded servers in a temporary home, one account, walks to step through."""

import base64
import os
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

from sqlalchemy import Engine, text

from integrations.standard.signature import SECRET_PREFIX
from worker.composition import build
from worker.db.engine import make_owner_engine
from worker.db.models import SessionRow
from worker.domain.words import CommandType, Outcome, Role
from worker.hints import SilentPublisher
from worker.logs import configure_logs
from worker.runtime.embedded import release
from worker.runtime.servers import hold_servers
from worker.services import routing
from worker.services.accounts import NewConnection, add_account, add_connection, add_user
from worker.services.carrying import carry_out
from worker.services.context import Context
from worker.services.filing import Lane
from worker.services.flows import import_flow
from worker.settings import Settings

ACCOUNT = "Bench MSP"
TECHNICIAN = "jane.doe@bench.example"
#: Any step of it may be recorded again and again: a walk can go back.
FLOW = {
    "name": "VPN down",
    "start": "light",
    "nodes": {
        "light": {"question": "Is the link light on?", "answers": {"yes": "ping", "no": None}},
        "ping": {"question": "Does the gateway answer?", "answers": {"yes": None, "no": None}},
    },
}
STEP = {"node_id": "light", "question": "Is the link light on?", "answer": "yes"}


@dataclass(frozen=True, slots=True)
class BenchWalk:
    """A walk that was started for a measure."""

    ticket: str
    session_id: UUID
    lane: Lane


@dataclass(frozen=True)
class Stage:
    """The servers are up; whatever else a measure needs, it starts itself."""

    settings: Settings
    context: Context
    database: Engine
    connection_id: UUID
    secret: str = field(repr=False)

    @property
    def environment(self) -> dict[str, str]:
        """Return what a program of the service needs to find this home."""
        return {**os.environ, "TICKETWALK_HOME": str(self.settings.home)}

    def count(self, query: str, **values: object) -> int:
        """Return the one number that a query finds, with the rights of the tables' owner."""
        with self.database.begin() as connection:
            return int(connection.execute(text(query), values).scalar_one() or 0)

    def start_walk(self) -> BenchWalk:
        """Start a walk through the flow on a ticket of its own."""
        ticket = f"T-{uuid4().hex[:12]}"
        arguments = {"connection": str(self.connection_id), "ticket": ticket, "user": TECHNICIAN}
        done = carry_out(
            self.context, CommandType.START_FLOW, uuid4().hex, {**arguments, "flow": FLOW["name"]}
        )
        assert done["outcome"] == Outcome.APPLIED, done
        session_id = UUID(done["session_id"])
        account_id = routing.account_of(self.context, SessionRow, session_id)
        with self.context.uow.begin(account_id) as tx:
            ticket_id = tx.session.get_one(SessionRow, session_id).ticket_id
        return BenchWalk(ticket, session_id, Lane(account_id, ticket_id))

    def steps(self, walks: Sequence[BenchWalk]) -> int:
        """Return how many steps the walks have, by their rows."""
        return self.count(
            "SELECT count(*) FROM walk_step WHERE session_id = ANY(:ids)",
            ids=[walk.session_id for walk in walks],
        )


@contextmanager
def stage() -> Iterator[Stage]:
    """Start the servers and set an account up; take everything down at the end."""
    configure_logs("ERROR")
    # not the default directory: the path of a socket must be short
    with tempfile.TemporaryDirectory(prefix="tw-b-", dir="/tmp", ignore_cleanup_errors=True) as directory:
        settings = Settings(home=Path(directory) / "home", allow_private_hosts=True)
        try:
            hold_servers(settings)
            yield from _set(settings)
        finally:
            release()


def _set(settings: Settings) -> Iterator[Stage]:
    context, database = build(settings, SilentPublisher()), make_owner_engine(settings.database)
    secret = SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()
    add_account(context, ACCOUNT)
    add_user(
        context, account=ACCOUNT, email=TECHNICIAN, role=Role.L1_TECH, can_cover_l1=False, psa_member=None
    )
    import_flow(context, account=ACCOUNT, document=FLOW)
    # nobody listens there: no walk is closed, so nothing is pushed
    new = NewConnection(ACCOUNT, "standard", "bench", "http://127.0.0.1:9", {}, webhook_secrets=(secret,))
    connection_id = add_connection(context, new)
    try:
        yield Stage(settings, context, database, connection_id, secret)
    finally:
        database.dispose()
