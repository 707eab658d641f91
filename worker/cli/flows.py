"""`ticketwalk flow …`: authored flows and AI-built proposals."""

from pathlib import Path
from typing import Annotated

import typer

from worker.cli.accounts import InAccount
from worker.cli.documents import read_file
from worker.cli.output import AsJson, OfAccount, print_json, print_record, print_rows, printable
from worker.cli.session import context
from worker.services import flows, lookup, routing

app = typer.Typer(name="flow", help="Authored troubleshooting flows.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="YAML or JSON; - reads standard input.")]


@app.command("check")
def check(file: File, as_json: AsJson = False) -> None:
    """Check a flow file without storing it."""
    name, tree = flows.read_document(read_file(file))
    print_record({"name": name, "nodes": len(tree.nodes), "answer": "holds together"}, as_json=as_json)


@app.command("import")
def import_flow(
    file: File,
    account: InAccount,
    proposal: Annotated[bool, typer.Option("--proposal", help="An AI-built proposal, not a flow.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring in a flow; a changed tree becomes its next version."""
    document = read_file(file)
    if proposal:
        proposal_id = flows.import_proposal(context(), account=account, document=document)
        print_record({"flow_proposal_id": str(proposal_id)}, as_json=as_json)
        return
    done = flows.import_flow(context(), account=account, document=document)
    print_record(
        {"id": str(done.flow_id), "name": done.name, "version": done.version, "changed": done.changed},
        as_json=as_json,
    )


@app.command("list")
def list_all(account: OfAccount = None, as_json: AsJson = False) -> None:
    """List flows with their newest version."""
    rows = [
        {
            "id": str(line.flow_id),
            "account_id": str(line.account_id),
            "name": line.name,
            "version": line.newest_version,
        }
        for line in flows.list_flows(context(), account)
    ]
    print_rows(rows, as_json=as_json, empty="no flows yet: ticketwalk flow import --account NAME FILE")


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="Name or id.")], account: InAccount, as_json: AsJson = False
) -> None:
    """Show the newest version of a flow."""
    service = context()
    account_id = routing.account_named(service, account)
    with service.uow.begin(account_id) as tx:
        flow, version = lookup.newest_flow_version(tx, name, account_id=account_id)
        document = {"name": flow.name, "version": version.version, **version.tree}
    if as_json:
        print_json(document)
        return
    for node_id, node in document["nodes"].items():
        typer.echo(printable(f"{node_id}: {node['question']}"))
        for answer, target in node["answers"].items():
            typer.echo(printable(f"    {answer} -> {target or 'end'}"))
