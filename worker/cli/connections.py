"""`ticketwalk connection …`: an account's links to its PSAs."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from integrations.errors import CallError
from worker.cli.accounts import InAccount
from worker.cli.documents import read_file
from worker.cli.operators import Operator, operator
from worker.cli.output import AsJson, OfAccount, print_record, print_rows
from worker.cli.session import context, settings
from worker.db.models import ConnectionRow
from worker.errors import Refusal
from worker.services import accounts, lookup, registering, routing
from worker.services.admission import calling
from worker.services.connection_secrets import Change, change_secrets
from worker.services.context import Context
from worker.services.health import Health, every_health, health_of
from worker.services.webhook_urls import masked_webhook_url, webhook_url

app = typer.Typer(name="connection", help="An account's links to its PSAs.", no_args_is_help=True)

Credentials = Annotated[
    list[str] | None,
    typer.Option("--credential", help="KEY=VALUE, repeated; VALUE @FILE is read from the file."),
]


@app.command("add")
def add(
    account: InAccount,
    provider: Annotated[str, typer.Option(help="connectwise, standard, ...")],
    name: Annotated[str, typer.Option(help="Its name; unique in the account.")],
    base_url: Annotated[str, typer.Option("--base-url", "--url", help="Where the PSA's API answers.")],
    credential: Credentials = None,
    webhook_secret: Annotated[
        list[str] | None, typer.Option(help="What signs deliveries; repeated: newest first.")
    ] = None,
    rules: Annotated[Path | None, typer.Option(help="YAML or JSON: which tickets start which walk.")] = None,
    as_json: AsJson = False,
) -> None:
    """Add a connection, and print the webhook URL to give the PSA."""
    new = accounts.NewConnection(
        account=account,
        provider=provider,
        name=name,
        base_url=base_url,
        credentials=dict(_credential(pair) for pair in credential or []),
        webhook_secrets=tuple(_value(secret) for secret in webhook_secret or []),
        rules=read_file(rules) if rules else None,
    )
    service = context()
    connection_id = str(accounts.add_connection(service, new))
    with service.uow.begin(routing.account_of_connection(service, connection_id)) as tx:
        url = webhook_url(service, settings().public_url, lookup.connection(tx, connection_id))
    print_record({"id": connection_id, "name": name, "webhook_url": url}, as_json=as_json)


@app.command("list")
def list_all(account: OfAccount = None, as_json: AsJson = False) -> None:
    """List connections; never their secrets, nor the secret word in a webhook URL."""
    service = context()
    rows: list[dict[str, Any]] = [
        {
            "id": str(health.connection.id),
            "account_id": str(health.connection.account_id),
            "name": health.connection.name,
            "provider": health.connection.provider,
            "base_url": health.connection.base_url,
            "webhook_url": masked_webhook_url(service, settings().public_url, health.connection),
            **_state(health),
        }
        for health in every_health(service, account)
    ]
    print_rows(rows, as_json=as_json, empty="no connections yet: ticketwalk connection add --help")


@app.command("check")
def check(name: Annotated[str, typer.Argument(help="Name or id.")], as_json: AsJson = False) -> int:
    """Try the credentials, and show what is registered and what is wrong; exit 1 if anything is."""
    service = context()
    row = _named(service, name)
    try:
        with calling(service, row):
            answer = service.providers[row.provider].client(accounts.open_link(service, row)).check()
        ids = [] if service.providers[row.provider].carries_commands else registering.look(service, row).ids
    except CallError as error:
        raise Refusal("unreachable", f"connection {row.name}: {error}") from None
    with service.uow.begin(row.account_id) as tx:
        health = health_of(service, tx, row)
    record = {"name": row.name, "provider": row.provider, "answer": answer, "registered": list(ids)}
    print_record({**record, **_state(health)}, as_json=as_json)
    return int(bool(health.problems))


@app.command("register")
def register(name: Annotated[str, typer.Argument(help="Name or id.")], as_json: AsJson = False) -> int:
    """Have the PSA call this service: make the webhook, or arm it again. Safe to repeat."""
    service = context()
    row = _named(service, name)
    try:
        found = registering.register(service, row)
    except CallError as error:
        raise Refusal("unreachable", f"connection {row.name}: {error}") from None
    record = {"name": row.name, "registered": list(found.ids), "problems": list(found.problems)}
    print_record(record, as_json=as_json)
    return int(bool(found.problems))


def _named(service: Context, name: str) -> ConnectionRow:
    with service.uow.begin(routing.account_of_connection(service, name)) as tx:
        row = lookup.connection(tx, name)
        _ = row.secrets  # loaded here, since the row outlives the transaction
        return row


def _state(health: Health) -> dict[str, Any]:
    """Return how it goes with a connection: what `list` and `check` show alike."""
    state = health.state
    return {
        "last_delivery_at": _time(state.last_delivery_at),
        "reconciled_at": _time(state.reconciled_at),
        "missed_webhooks": state.missed,
        "paused_until": _time(health.paused_until),
        "failures": state.failures,
        "problems": list(health.problems),
    }


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None


@app.command("set-secret")
def set_secret(
    name: Annotated[str, typer.Argument(help="Name or id.")],
    credential: Credentials = None,
    webhook_secret: Annotated[
        str | None, typer.Option(help="What signs deliveries from now on; older ones stay valid.")
    ] = None,
    drop_old: Annotated[bool, typer.Option("--drop-old", help="Only the newest stays valid.")] = False,
    by: Operator = None,
    as_json: AsJson = False,
) -> None:
    """Change a connection's credentials or webhook secrets; recorded with who did it."""
    change = Change(
        credentials=dict(_credential(pair) for pair in credential or []),
        webhook_secret=_value(webhook_secret) if webhook_secret is not None else None,
        drop_old=drop_old,
    )
    changed = change_secrets(context(), name, change, operator=operator(by))
    record = {
        "id": str(changed.id),
        "name": changed.name,
        "credentials": list(changed.credentials),
        "webhook_secrets": changed.webhook_secrets,
    }
    print_record(record, as_json=as_json)


def _credential(pair: str) -> tuple[str, str]:
    name, separator, value = pair.partition("=")
    if not separator or not name:
        raise typer.BadParameter("--credential takes KEY=VALUE")
    return name, _value(value)


def _value(text: str) -> str:
    """Return the value, or what stands in the file that @FILE names: a command line is seen by others."""
    if not text.startswith("@"):
        return text
    try:
        return Path(text[1:]).read_text().strip()
    except (OSError, UnicodeDecodeError):
        raise Refusal("unreadable", f"{text[1:]} cannot be read") from None
