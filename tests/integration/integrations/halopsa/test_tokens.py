"""Access tokens: fetched, kept, fetched anew, and never shown."""

import traceback

import pytest

from integrations.errors import CallError, RejectedError, UnreachableError
from integrations.halopsa import HaloPsa
from integrations.halopsa.client import HaloPsaClient
from integrations.halopsa.oauth import Tokens
from integrations.halopsa.simulator.access import Access
from tests.integration.integrations.halopsa.calls import ACTIONS, send

pytestmark = pytest.mark.integration


def test_a_token_is_fetched_once_for_many_calls_and_clients(simulator):
    provider = HaloPsa()
    for _ in range(3):
        provider.client(simulator.link()).check()
    assert len(simulator.requests("POST", "/auth/token")) == 1


def test_a_token_is_fetched_anew_before_it_expires(simulator):
    now = [0.0]
    client = HaloPsaClient(simulator.link(), Tokens(clock=lambda: now[0]))
    client.check()
    now[0] = 3600 - 121
    client.check()
    assert len(simulator.requests("POST", "/auth/token")) == 1
    now[0] = 3600 - 119
    client.check()
    assert len(simulator.requests("POST", "/auth/token")) == 2


def test_a_refused_token_is_fetched_anew_once_and_the_note_is_written_once(simulator, client):
    ticket_id = simulator.create_ticket()
    client.check()
    simulator.parts.access.revoke_all()
    send(client, ticket_id)
    assert [request.status for request in simulator.requests("POST", "/Actions")] == [401, 201]
    assert len(simulator.notes(ticket_id)) == 1


def test_a_token_that_is_refused_again_is_rejected_after_two_tries(simulator, client):
    simulator.fault("status", method="GET", status=401, times=5)
    with pytest.raises(RejectedError, match="HTTP 401"):
        client.check()
    assert len(simulator.requests("GET", "/api")) == 2
    assert len(simulator.requests("POST", "/auth/token")) == 2


def test_another_secret_or_connection_has_a_token_of_its_own(simulator):
    provider = HaloPsa()
    provider.client(simulator.link()).check()
    provider.client(simulator.link("connection-2")).check()
    with pytest.raises(RejectedError, match="invalid_client"):
        provider.client(simulator.link(client_secret="stolen")).check()
    assert len(simulator.requests("POST", "/auth/token")) == 3


@pytest.mark.parametrize("kind", ["lost_answer", "reset"])
def test_a_lost_token_is_unreachable_also_for_a_note(simulator, client, kind):
    ticket_id = simulator.create_ticket()
    simulator.fault(kind, path="/auth/token")
    with pytest.raises(UnreachableError):
        send(client, ticket_id)
    assert simulator.requests("POST", "/Actions") == []


@pytest.mark.parametrize("body", ["<html>", "{}", '{"access_token": ""}', '{"access_token": 7}', "[]"])
def test_an_answer_without_a_token_is_unreachable(simulator, client, body):
    simulator.fault("status", path="/auth/token", status=200, body=body)
    with pytest.raises(UnreachableError, match="holds no token"):
        client.check()


def test_expired_tokens_are_refused_by_the_simulator():
    now = [0.0]
    access = Access(clock=lambda: now[0])
    granted = access.grant()

    class Request:
        headers = {"authorization": f"Bearer {granted.access_token}"}  # noqa: RUF012 (a stand-in)

    access.require_token(Request())  # type: ignore[arg-type]  # only its headers are read
    now[0] = access.token_seconds
    with pytest.raises(Exception, match="Authorization has been denied"):
        access.require_token(Request())  # type: ignore[arg-type]  # only its headers are read


@pytest.mark.parametrize("path", ["/auth/token", ACTIONS])
@pytest.mark.parametrize("status", [400, 401, 403, 409, 429, 500])
def test_no_secret_is_in_any_error_text_or_repr(simulator, status, path):
    secret = simulator.credentials["client_secret"]
    provider = HaloPsa()
    link = simulator.link()
    client = provider.client(link)
    if path == ACTIONS:
        client.check()
    token = next(iter(simulator.parts.access._tokens), "no-token-yet")
    echo = {"message": f"bad {secret} Bearer {token} at https://psa.example.com/x?token=query-6611"}
    simulator.fault("status", status=status, body=echo, times=2, path=path)
    with pytest.raises(CallError) as failure:
        send(client, "10233")
    tokens = provider._tokens
    shown = "".join(traceback.format_exception(failure.value)) + repr(
        (failure.value, link, client, tokens, tokens._kept)
    )
    for hidden in (secret, token, "query-6611"):
        assert hidden not in shown
    assert len(str(failure.value)) <= 400
