"""What each command takes."""

from typing import Any
from uuid import UUID

import pytest

from worker.domain.requests import REQUESTS, SaveNotes, read_request, read_standard
from worker.domain.words import CommandType
from worker.errors import Refusal

ID = "00000000-0000-0000-0000-000000000001"
HERE: dict[str, Any] = {"connection": "psa", "ticket": "100", "user": "jane@acme.example"}

#: The least that each command takes.
LEAST: dict[CommandType, dict[str, Any]] = {
    CommandType.START_FLOW: {**HERE, "flow": "VPN down"},
    CommandType.START_PROPOSAL: {**HERE, "flow_proposal_id": ID},
    CommandType.START_ADHOC: HERE,
    CommandType.RECORD_STEP: {"session": ID, "node_id": "link", "answer": "yes"},
    CommandType.WITHDRAW_STEP: {"session": ID},
    CommandType.SAVE_NOTES: {"session": ID, "notes": []},
    CommandType.RESOLVE: {"session": ID},
    CommandType.ESCALATE: {"session": ID, "escalation_reason": "beyond me"},
    CommandType.ESCALATE_WITHOUT_WALK: {**HERE, "escalation_reason": "beyond me"},
    CommandType.ABANDON: {"session": ID, "reason": "untouched"},
    CommandType.ADD_TICKET_NOTES: {"session": ID, "notes": []},
}


def sentence_of(command_type: CommandType, arguments: dict[str, Any]) -> str:
    with pytest.raises(Refusal) as refused:
        read_request(command_type, arguments)
    assert refused.value.code == "invalid"
    assert "\n" not in refused.value.sentence
    return refused.value.sentence


def test_every_command_has_its_request():
    assert REQUESTS.keys() == LEAST.keys() == set(CommandType)


@pytest.mark.parametrize("command_type", CommandType)
def test_the_least_arguments_are_enough(command_type):
    assert type(read_request(command_type, LEAST[command_type])) is REQUESTS[command_type]


@pytest.mark.parametrize(
    ("command_type", "missing"),
    [
        (command_type, name)
        for command_type, arguments in LEAST.items()
        for name in arguments
        if name not in {"connection", "session"} and not (name == "ticket" and command_type not in REQUESTS)
    ],
)
def test_what_is_missing_is_named(command_type, missing):
    arguments = {name: value for name, value in LEAST[command_type].items() if name != missing}
    assert sentence_of(command_type, arguments) == f"{command_type.value}: {missing} is missing"


@pytest.mark.parametrize(
    "command_type", [each for each, arguments in LEAST.items() if "session" in arguments]
)
def test_a_command_says_where_it_belongs(command_type):
    arguments = {name: value for name, value in LEAST[command_type].items() if name != "session"}
    assert "which ticket (with its connection) or which session" in sentence_of(command_type, arguments)


@pytest.mark.parametrize("command_type", CommandType)
def test_an_unknown_field_is_named_with_those_that_are_known(command_type):
    sentence = sentence_of(command_type, {**LEAST[command_type], "colour": "red"})
    assert sentence.startswith(f'{command_type.value}: unknown field "colour"; it takes account, connection')
    assert "red" not in sentence


@pytest.mark.parametrize(
    ("command_type", "alias", "name"),
    [
        (CommandType.START_FLOW, "connection_id", "connection"),
        (CommandType.START_FLOW, "ticket_id", "ticket"),
        (CommandType.START_FLOW, "user_id", "user"),
        (CommandType.START_FLOW, "flow_id", "flow"),
        (CommandType.START_PROPOSAL, "flow_proposal", "flow_proposal_id"),
        (CommandType.RECORD_STEP, "session_id", "session"),
        (CommandType.RECORD_STEP, "node", "node_id"),
        (CommandType.ESCALATE, "reason", "escalation_reason"),
    ],
)
def test_the_short_name_and_the_name_of_the_webhook_are_the_same_field(command_type, alias, name):
    arguments = dict(LEAST[command_type])
    value = arguments.pop(name)
    assert read_request(command_type, {**arguments, alias: value}) == read_request(
        command_type, LEAST[command_type]
    )


@pytest.mark.parametrize(("alias", "value"), [("l1_note", "amber"), ("note", "amber")])
def test_a_step_takes_its_note_by_both_names(alias, value):
    request: Any = read_request(CommandType.RECORD_STEP, {**LEAST[CommandType.RECORD_STEP], alias: value})
    assert request.note == "amber"


def test_numbers_are_taken_for_ids_as_psas_send_them():
    request = read_request(CommandType.START_ADHOC, {**HERE, "ticket": 4711})
    assert request.ticket == "4711"


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("ticket", "", "ticket: String should have at least 1 character"),
        ("ticket", "x" * 201, "ticket: String should have at most 200 characters"),
        ("ticket", "a\x00", "ticket: contains a NUL character, which cannot be stored"),
        (
            "user",
            "\ud800",
            "user: Input should be a valid string, unable to parse raw data as a unicode string",
        ),
        ("ticket", ["100"], "ticket: Input should be a valid string"),
        ("ticket_kind", "email", "ticket_kind: Input should be 'psa' or 'internal'"),
        ("session", "nonsense", "session: Input should be a valid UUID"),
        ("sequence", 0, "sequence: Input should be greater than or equal to 1"),
        ("sequence", 2**31, "sequence: Input should be less than or equal to 2147483647"),
        ("sequence", 1.5, "sequence: Input should be a valid integer"),
    ],
)
def test_a_wrong_address_is_named_in_one_sentence(field, value, problem):
    sentence = sentence_of(CommandType.START_ADHOC, {**HERE, field: value})
    assert sentence.startswith(f"session.start_adhoc: {problem}")


@pytest.mark.parametrize(
    ("command_type", "field", "value"),
    [
        (CommandType.RECORD_STEP, "answer", "my password\x00"),
        (CommandType.RECORD_STEP, "note", "my password\ud83d"),
        (CommandType.RECORD_STEP, "question", "my password" * 2_000),
        (CommandType.RESOLVE, "resolution_notes", "my password\x00"),
        (CommandType.RESOLVE, "helpful", "my password"),
        (CommandType.ESCALATE, "escalation_reason", "my password\x00"),
        (CommandType.ESCALATE, "escalation_reason", ""),
        (CommandType.SAVE_NOTES, "notes", "my password"),
        (CommandType.SAVE_NOTES, "notes", [{"text": "my password\x00"}]),
        (CommandType.SAVE_NOTES, "notes", [{"text": {"my password": "\ud83d"}}]),
        (CommandType.SAVE_NOTES, "notes", [{"text": "my password", "x": float("nan")}]),
        (CommandType.SAVE_NOTES, "notes", ["my password"]),
        (CommandType.SAVE_NOTES, "notes", [{}] * 10_001),
        (CommandType.SAVE_NOTES, "revision", 0),
        (CommandType.SAVE_NOTES, "revision", "my password"),
        (CommandType.ADD_TICKET_NOTES, "notes", [{"text": "my password\x00"}]),
    ],
)
def test_what_cannot_be_stored_is_refused_without_repeating_what_people_wrote(command_type, field, value):
    sentence = sentence_of(command_type, {**LEAST[command_type], field: value})
    assert f"{command_type.value}: {field}" in sentence
    assert "password" not in sentence


def test_notes_of_300_kib_are_refused_with_their_size():
    notes = [{"text": "x" * 300 * 1024}]
    with pytest.raises(Refusal) as refused:
        read_request(CommandType.SAVE_NOTES, {"session": ID, "notes": notes})
    assert refused.value.code == "too_large"
    assert refused.value.details == {"size_bytes": 307_213, "limit_bytes": 262_144}
    assert "xxx" not in refused.value.sentence


def test_a_payload_holds_the_arguments_without_the_address_and_keeps_empty_values_in_notes():
    notes = [{"text": "a", "checked": None, "deep": {"b": [None]}}]
    request = SaveNotes(session=UUID(ID), notes=notes, revision=3, user="jane")
    assert request.payload() == {"notes": notes, "revision": 3, "user": "jane"}


DATA = {"ticket_id": 100, "user": "jane@acme.example"}


@pytest.mark.parametrize(
    ("message", "command_type"),
    [
        ({"type": "session.start", "data": {**DATA, "kind": "adhoc"}}, CommandType.START_ADHOC),
        ({"type": "session.start", "data": {**DATA, "kind": "flow", "flow": "x"}}, CommandType.START_FLOW),
        (
            {"type": "session.start", "data": {**DATA, "kind": "proposal", "flow_proposal_id": ID}},
            CommandType.START_PROPOSAL,
        ),
        ({"type": "step.withdraw", "data": {"ticket_id": 100}}, CommandType.WITHDRAW_STEP),
        (
            {"type": "session.escalate_without_walk", "data": {**DATA, "escalation_reason": "x"}},
            CommandType.ESCALATE_WITHOUT_WALK,
        ),
    ],
)
def test_a_standard_webhook_says_its_command_and_its_url_says_the_connection(message, command_type):
    read, request = read_standard(message, connection="c-1")
    assert read is command_type
    assert (request.connection, request.ticket) == ("c-1", "100")


@pytest.mark.parametrize(
    ("message", "code", "problem"),
    [
        (
            {"type": "session.start", "data": DATA},
            "invalid",
            "session.start: kind must be one of flow, proposal, adhoc",
        ),
        (
            {"type": "session.start", "data": {**DATA, "kind": ["flow"]}},
            "invalid",
            "session.start: kind must be one of flow, proposal, adhoc",
        ),
        (
            {"type": "session.start", "data": {**DATA, "kind": "adhoc", "flow": "x"}},
            "invalid",
            'session.start_adhoc: unknown field "flow"; it takes',
        ),
        (
            {"type": "session.abandon", "data": DATA},
            "unknown_type",
            'unknown type "session.abandon"; known are',
        ),
        ({"type": "notes.add_from_ticket", "data": DATA}, "unknown_type", 'unknown type "notes.add_from'),
        ({"type": "session.start_adhoc", "data": DATA}, "unknown_type", 'unknown type "session.start_adhoc"'),
        ({"type": "x" * 500, "data": DATA}, "unknown_type", f'unknown type "{"x" * 80}"; known are'),
        (
            {"type": "session.resolve", "data": {"session_id": ID, "account": "Other"}},
            "invalid",
            'session.resolve: unknown field "account"',
        ),
        (
            {"type": "session.resolve", "data": {"session_id": ID, "connection": "other"}},
            "invalid",
            'session.resolve: unknown field "connection"',
        ),
        (
            {"type": "session.resolve", "data": {"session_id": ID, "connection_id": "other"}},
            "invalid",
            'session.resolve: unknown field "connection_id"',
        ),
    ],
)
def test_what_a_standard_webhook_may_not_say_is_refused(message, code, problem):
    with pytest.raises(Refusal) as refused:
        read_standard(message, connection="c-1")
    assert refused.value.code == code
    assert refused.value.sentence.startswith(problem)
