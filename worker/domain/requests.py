"""What each command takes: the business arguments of its task, of its CLI line and of its standard webhook.

Every request says where it belongs (an account's ticket, or a walk session) and carries its own payload.
Short names of the command line and the names of the webhook are the same field: `ticket` is `ticket_id`.
"""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from pydantic import (
    AfterValidator,
    AliasChoices,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from worker.domain.notes import ensure_fits
from worker.domain.text import MAX_NAME_LENGTH, storable, storable_json
from worker.domain.words import CommandType, TicketKind
from worker.errors import Refusal

Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME_LENGTH), AfterValidator(storable)]
Text = Annotated[str, Field(max_length=16_000), AfterValidator(storable)]
Reason = Annotated[str, Field(min_length=1, max_length=16_000), AfterValidator(storable)]
Note = Annotated[dict[str, Any], AfterValidator(storable_json)]


class Request(BaseModel):
    """Where a command belongs and who gives it. One of `ticket` and `session` is enough.

    `connection` and `account` are names or ids. `sequence` counts the commands of one session from 1.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        coerce_numbers_to_str=True,
        populate_by_name=True,
        hide_input_in_errors=True,
    )

    account: Name | None = None
    connection: Name | None = Field(None, validation_alias=AliasChoices("connection", "connection_id"))
    ticket: Name | None = Field(None, validation_alias=AliasChoices("ticket", "ticket_id"))
    ticket_kind: TicketKind = TicketKind.PSA
    session: UUID | None = Field(None, validation_alias=AliasChoices("session", "session_id"))
    user: Name | None = Field(None, validation_alias=AliasChoices("user", "user_id"))
    sequence: int | None = Field(None, ge=1, le=2**31 - 1)

    @model_validator(mode="after")
    def _belongs_somewhere(self) -> "Request":
        if self.session is None and self.ticket is None:
            raise ValueError("say which ticket (with its connection) or which session it belongs to")
        return self

    def payload(self) -> dict[str, Any]:
        """Return the command's own arguments, without its address, as JSON."""
        return self.model_dump(mode="json", exclude=set(Request.model_fields) - {"user"}, exclude_none=True)


class StartRequest(Request):
    """Starts need a ticket and a user."""

    ticket: Name = Field(validation_alias=AliasChoices("ticket", "ticket_id"))
    user: Name = Field(validation_alias=AliasChoices("user", "user_id"))


class StartFlow(StartRequest):
    flow: Name = Field(validation_alias=AliasChoices("flow", "flow_id"))


class StartProposal(StartRequest):
    flow_proposal_id: UUID = Field(validation_alias=AliasChoices("flow_proposal_id", "flow_proposal"))


class StartAdhoc(StartRequest):
    """An ad-hoc walk: no tree, notes only."""


class RecordStep(Request):
    node_id: Name = Field(validation_alias=AliasChoices("node_id", "node"))
    question: Text | None = None
    answer: Text
    note: Text | None = Field(None, validation_alias=AliasChoices("note", "l1_note"))


class WithdrawStep(Request):
    """Takes back the newest step that still stands."""


class SaveNotes(Request):
    """Without a revision the save is one newer than what is durable."""

    notes: list[Note] = Field(max_length=10_000)
    revision: int | None = Field(None, ge=1, le=2**62)

    @model_validator(mode="after")
    def _fits(self) -> "SaveNotes":
        ensure_fits(self.notes)
        return self


class Resolve(Request):
    helpful: bool | None = None
    resolution_notes: Text | None = None


class Escalate(Request):
    escalation_reason: Reason = Field(validation_alias=AliasChoices("escalation_reason", "reason"))
    escalation_category: Name | None = Field(
        None, validation_alias=AliasChoices("escalation_category", "category")
    )


class EscalateWithoutWalk(StartRequest, Escalate):
    """An ad-hoc session, escalated at once."""


class Abandon(Request):
    """Ends a walk without an outcome of its own. Given by the service, not by people.

    With `untouched_since` the walk is left alone where somebody touched it after that.
    """

    reason: Name
    untouched_since: AwareDatetime | None = None


class AddTicketNotes(Request):
    """Notes that technicians typed in the PSA ticket. Given by the interpretation of a delivery."""

    notes: list[Note]


REQUESTS: Mapping[CommandType, type[Request]] = {
    CommandType.START_FLOW: StartFlow,
    CommandType.START_PROPOSAL: StartProposal,
    CommandType.START_ADHOC: StartAdhoc,
    CommandType.RECORD_STEP: RecordStep,
    CommandType.WITHDRAW_STEP: WithdrawStep,
    CommandType.SAVE_NOTES: SaveNotes,
    CommandType.RESOLVE: Resolve,
    CommandType.ESCALATE: Escalate,
    CommandType.ESCALATE_WITHOUT_WALK: EscalateWithoutWalk,
    CommandType.ABANDON: Abandon,
    CommandType.ADD_TICKET_NOTES: AddTicketNotes,
}

#: `session.start` of a standard webhook says its kind in the data.
_STARTS = {
    "flow": CommandType.START_FLOW,
    "proposal": CommandType.START_PROPOSAL,
    "adhoc": CommandType.START_ADHOC,
}
#: What a standard webhook may ask for; the rest is the service's own.
_STANDARD_TYPES = {
    CommandType.RECORD_STEP,
    CommandType.WITHDRAW_STEP,
    CommandType.SAVE_NOTES,
    CommandType.RESOLVE,
    CommandType.ESCALATE,
    CommandType.ESCALATE_WITHOUT_WALK,
}


def read_request(command_type: CommandType, arguments: Mapping[str, Any]) -> Request:
    """Check a command's arguments. Refuses with one sentence that names the field."""
    model = REQUESTS[command_type]
    try:
        return model.model_validate(dict(arguments))
    except ValidationError as error:
        raise Refusal("invalid", f"{command_type}: {_sentence(error, model)}") from None


def read_standard(message: Mapping[str, Any], *, connection: str) -> tuple[CommandType, Request]:
    """Read a standard webhook's `{"type", "data"}`. The connection is the URL's, never the body's."""
    data = dict(message["data"])
    command_type = _standard_type(str(message["type"]), data)
    foreign = data.keys() & {"account", "connection", "connection_id"}
    if foreign:
        raise Refusal("invalid", f"{command_type}: unknown field {_quoted(foreign)}")
    return command_type, read_request(command_type, {**data, "connection": connection})


def _standard_type(name: str, data: dict[str, Any]) -> CommandType:
    if name == "session.start":
        kind = data.pop("kind", None)
        if not isinstance(kind, str) or kind not in _STARTS:
            raise Refusal("invalid", f"session.start: kind must be one of {', '.join(_STARTS)}")
        return _STARTS[kind]
    if name not in _STANDARD_TYPES:
        known = ", ".join(sorted({"session.start", *_STANDARD_TYPES}))
        raise Refusal("unknown_type", f"unknown type {_quoted([name[:80]])}; known are {known}")
    return CommandType(name)


def _sentence(error: ValidationError, model: type[Request]) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"unknown field {_quoted([place[:80]])}; it takes {', '.join(model.model_fields)}"
    if first["type"] == "missing":
        return f"{place} is missing"
    message = first["msg"].removeprefix("Value error, ")
    return f"{place}: {message}" if place else message


def _quoted(names: Any) -> str:
    return ", ".join(f'"{name}"' for name in sorted(names))
