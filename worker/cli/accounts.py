"""`ticketwalk account …` and `ticketwalk user …`."""

from typing import Annotated

import typer

from worker.cli.output import AsJson, OfAccount, print_record, print_rows
from worker.cli.session import context
from worker.domain.words import Role
from worker.services import accounts

account_app = typer.Typer(
    name="account", help="Managed service providers: the tenants.", no_args_is_help=True
)
user_app = typer.Typer(name="user", help="People of an account.", no_args_is_help=True)

InAccount = Annotated[str, typer.Option("--account", help="The account, by name or id.")]


@account_app.command("add")
def add_account(name: Annotated[str, typer.Argument(help="Its name.")], as_json: AsJson = False) -> None:
    """Add an account."""
    account_id = accounts.add_account(context(), name)
    print_record({"id": str(account_id), "name": name}, as_json=as_json)


@account_app.command("list")
def list_accounts(as_json: AsJson = False) -> None:
    """List the accounts."""
    rows = [
        {"id": str(row.id), "name": row.name, "created_at": row.created_at.isoformat()}
        for row in accounts.list_accounts(context())
    ]
    print_rows(rows, as_json=as_json, empty="no accounts yet: ticketwalk account add NAME")


@user_app.command("add")
def add_user(
    account: InAccount,
    email: Annotated[str, typer.Option(help="Who they are; unique in the account.")],
    role: Annotated[Role, typer.Option(help="What they may do.")],
    can_cover_l1: Annotated[bool, typer.Option("--can-cover-l1", help="An engineer who may walk.")] = False,
    psa_member: Annotated[str | None, typer.Option(help="Who they are in the PSA.")] = None,
    as_json: AsJson = False,
) -> None:
    """Add a user to an account."""
    user_id = accounts.add_user(
        context(),
        account=account,
        email=email,
        role=role,
        can_cover_l1=can_cover_l1,
        psa_member=psa_member,
    )
    print_record({"id": str(user_id), "email": email, "role": role.value}, as_json=as_json)


@user_app.command("list")
def list_users(account: OfAccount = None, as_json: AsJson = False) -> None:
    """List users."""
    rows = [
        {
            "id": str(row.id),
            "account_id": str(row.account_id),
            "email": row.email,
            "role": row.role,
            "can_cover_l1": row.can_cover_l1,
            "psa_member_id": row.psa_member_id,
        }
        for row in accounts.list_users(context(), account)
    ]
    print_rows(
        rows,
        as_json=as_json,
        empty="no users yet: ticketwalk user add --account NAME --email E --role l1_tech",
    )
