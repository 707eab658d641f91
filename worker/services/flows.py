"""Authored flows and AI-built proposals: bring them in, list them, show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from worker.db.models import FlowProposalRow, FlowRow, FlowVersionRow
from worker.db.unit_of_work import Transaction
from worker.domain.flow import FlowTree, parse_tree
from worker.domain.text import check_name
from worker.errors import Refusal
from worker.services import routing
from worker.services.context import Context


@dataclass(frozen=True, slots=True)
class ImportedFlow:
    """What an import did. `version` is unchanged where the tree was the same as the newest."""

    flow_id: UUID
    name: str
    version: int
    changed: bool


@dataclass(frozen=True, slots=True)
class FlowLine:
    """One line of a listing."""

    flow_id: UUID
    account_id: UUID
    name: str
    newest_version: int


def read_document(document: Any) -> tuple[str, FlowTree]:
    """Return a flow file's name and tree. Refuses with one sentence that names the place."""
    if not isinstance(document, dict) or not isinstance(document.get("name"), str) or not document["name"]:
        raise Refusal("invalid", "a flow file needs a name, a start and nodes")
    try:
        check_name("its name", document["name"])
        return document["name"], parse_tree({key: value for key, value in document.items() if key != "name"})
    except ValueError as error:
        raise Refusal("invalid", f"the flow does not hold together: {error}") from None


def import_flow(context: Context, *, account: str, document: Any) -> ImportedFlow:
    """Bring in a flow: a new one, a new version of one, or nothing where the tree did not change."""
    name, tree = read_document(document)
    account_id = routing.account_named(context, account)
    with context.uow.begin(account_id) as tx:
        flow_id = _flow_id(tx, account_id, name)
        newest = _newest(tx, flow_id)
        content = tree.model_dump(mode="json")
        if newest is not None and newest.tree == content:
            return ImportedFlow(flow_id, name, newest.version, changed=False)
        version = 1 if newest is None else newest.version + 1
        tx.session.add(FlowVersionRow(account_id=account_id, flow_id=flow_id, version=version, tree=content))
        return ImportedFlow(flow_id, name, version, changed=True)


def import_proposal(context: Context, *, account: str, document: Any) -> UUID:
    """Bring in an AI-built flow proposal; each import is a proposal of its own."""
    title, tree = read_document(document)
    account_id = routing.account_named(context, account)
    with context.uow.begin(account_id) as tx:
        row = FlowProposalRow(account_id=account_id, title=title, tree=tree.model_dump(mode="json"))
        tx.session.add(row)
    return row.id


def list_flows(context: Context, account: str | None) -> Sequence[FlowLine]:
    """Return the flows of one account, or of all, with their newest version."""
    query = (
        select(FlowRow.id, FlowRow.account_id, FlowRow.name, func.max(FlowVersionRow.version))
        .join(FlowVersionRow, FlowVersionRow.flow_id == FlowRow.id)
        .group_by(FlowRow.id)
        .order_by(FlowRow.name)
    )
    return [
        FlowLine(*row) for tx in routing.each_account(context, account) for row in tx.session.execute(query)
    ]


def _flow_id(tx: Transaction, account_id: UUID, name: str) -> UUID:
    """Return the flow's id, made if missing. The row lock makes two imports number their versions in turn."""
    tx.session.execute(insert(FlowRow).values(account_id=account_id, name=name).on_conflict_do_nothing())
    query = select(FlowRow.id).where(FlowRow.account_id == account_id, FlowRow.name == name)
    return tx.session.scalars(query.with_for_update()).one()


def _newest(tx: Transaction, flow_id: UUID) -> FlowVersionRow | None:
    query = select(FlowVersionRow).where(FlowVersionRow.flow_id == flow_id)
    return tx.session.scalars(query.order_by(FlowVersionRow.version.desc()).limit(1)).one_or_none()
