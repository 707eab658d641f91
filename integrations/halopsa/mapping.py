"""What HaloPSA's records mean here, and the bodies that are written to it. Pure."""

import json
from datetime import UTC, datetime
from typing import Any

from integrations.errors import RejectedError
from integrations.halopsa import records
from integrations.halopsa.markup import to_html, to_text
from integrations.ports import NotePurpose, NotePush, PsaNote, PsaTicket, TimePush

#: HaloPSA publishes no limit (no maxLength in its swagger). 10 000 characters of text, more as HTML, are far
#: less than the HTML reports that CyberDrain/CIPP writes into tickets, and no summary needs more.
NOTE_LIMIT = 10_000

#: "Private Note" of an instance as delivered (CyberDrain/CIPP#106); the credential outcome_id names another.
DEFAULT_OUTCOME_ID = 7

#: Tickets that nobody has belong to this agent, "Unassigned" (seen in public integrations).
UNASSIGNED_AGENT_ID = 1
#: The status Closed of every instance (HaloPSA's own reports count `status = 9` as closed).
CLOSED_STATUS_ID = 9

#: A note's id must name it within the connection, and HaloPSA's counts within its ticket.
ID_SEPARATOR = "-"

SECONDS_PER_HOUR = 3600
#: Four decimals of an hour are a third of a second.
HOUR_DECIMALS = 4


def to_ticket(ticket: records.Ticket, *, status: str, ticket_type: str | None) -> PsaTicket:
    """A team is what others call a board. `hasbeenclosed` is what CyberDrain/CIPP asks before it writes.

    It names no version: the ticket was seen to show a change before its actions do, and a note that came late
    would be passed over.
    """
    return PsaTicket(
        ticket_id=str(ticket.id),
        summary=ticket.summary or "",
        status=status,
        closed=bool(ticket.hasbeenclosed) or ticket.status_id == CLOSED_STATUS_ID,
        board=ticket.team or None,
        type=ticket_type,
        priority=(ticket.priority.name if ticket.priority else None) or ticket.priority_name,
        company=ticket.client_name or None,
        assigned_to=_agent(ticket.agent_id),
        merged_into=_survivor(ticket),
    )


def to_note(
    action: records.Action, *, ticket_id: str, agent_id: str | None, application: str | None
) -> PsaNote:
    """An agent wrote it where it names one, a customer otherwise.

    `who_type` is not asked: HaloPSA's documents were read as 0 for agents, a production integration saw 1.
    Own is what the API's agent, or its application, wrote.
    """
    writer = _agent(action.who_agentid)
    by_application = application is not None and action.actionby_application_id == application
    return PsaNote(
        note_id=note_id(ticket_id, action.id),
        text=note_text(action),
        author=writer,
        created_at=records.moment(action.occurred_at),
        own=by_application or (agent_id is not None and writer == agent_id),
    )


def note_id(ticket_id: str, action_id: int) -> str:
    return f"{ticket_id}{ID_SEPARATOR}{action_id}"


def action_id(note: str) -> int:
    """Return HaloPSA's own number of the note. Raises RejectedError."""
    number = note.rpartition(ID_SEPARATOR)[2]
    if not (number.isascii() and number.isdecimal()):
        raise RejectedError("a note's id is the ticket's id, a hyphen and the action's number")
    return int(number)


def note_text(action: records.Action) -> str:
    """The plain text that HaloPSA keeps beside the HTML, or what the HTML says."""
    return action.note or to_text(action.note_html or "")


def carries(action: records.Action, marker: str) -> bool:
    """Return whether the marker stands in the note, in its plain text or its HTML."""
    return marker in (action.note or "") or marker in to_text(action.note_html or "")


def note_body(push: NotePush, *, outcome_id: int) -> bytes:
    """Return the array with the note's action, equal for equal pushes.

    `hiddenfromuser` and `sendemail` are always said: the outcome's own settings would decide otherwise.
    `dont_do_rules` keeps the note from setting off the tenant's rules, which could answer it.
    """
    _require_length(push.text)
    action = {
        "ticket_id": int(push.ticket_id),
        "outcome_id": outcome_id,
        "note_html": to_html(push.text),
        "hiddenfromuser": push.purpose is not NotePurpose.CUSTOMER,
        "sendemail": False,
        "dont_do_rules": True,
    }
    return _array(action)


def time_body(push: TimePush, *, agent_name: str, outcome_id: int) -> bytes:
    """Return the array with the time entry's action: hours, start and end, in the technician's name.

    Both `who` and `who_agentid` are needed for it to stand in the technician's timesheet, and
    `actionarrivaldate` and `actioncompletiondate` are its start and end (a public timesheet integration).
    """
    _require_length(push.text)
    hours = (push.ended_at - push.started_at).total_seconds() / SECONDS_PER_HOUR
    if hours < 0:
        raise RejectedError("the time entry ends before it starts")
    action = {
        "ticket_id": int(push.ticket_id),
        "outcome_id": outcome_id,
        "note_html": to_html(push.text),
        "who": agent_name,
        "who_agentid": int(push.member),
        "timetaken": round(hours, HOUR_DECIMALS),
        "actionarrivaldate": _stamp(push.started_at),
        "actioncompletiondate": _stamp(push.ended_at),
        "hiddenfromuser": True,
        "sendemail": False,
        "dont_do_rules": True,
    }
    return _array(action)


def status_body(ticket_id: str, status_id: int) -> bytes:
    """Return the array that sets a ticket's status alone: with more, HaloPSA may ask for mandatory fields."""
    return _array({"id": int(ticket_id), "status_id": status_id})


def _array(record: dict[str, Any]) -> bytes:
    """Writes of Actions and Tickets take arrays; an object is refused."""
    return json.dumps([record], sort_keys=True, separators=(",", ":")).encode()


def _require_length(text: str) -> None:
    if len(text) > NOTE_LIMIT:
        raise RejectedError(f"the note has {len(text)} characters; at most {NOTE_LIMIT} are sent to HaloPSA")


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _agent(agent_id: int | None) -> str | None:
    return str(agent_id) if agent_id is not None and agent_id > UNASSIGNED_AGENT_ID else None


def _survivor(ticket: records.Ticket) -> str | None:
    found = ticket.merged_into_id or ticket.fmergedintofaultid
    return str(found) if found is not None and found > 0 else None
