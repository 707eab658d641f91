"""Pushes over Standard Webhooks against the simulator, over real HTTP."""

import json

import pytest

from integrations.errors import AmbiguousError, RejectedError, ThrottledError
from integrations.ports import NotePurpose, NotePush, PsaClient
from integrations.registry import provider

pytestmark = pytest.mark.integration

STANDARD = provider("standard")
PUSH = NotePush("entry-1", "48213", NotePurpose.HANDOFF, "Tried: reboot", {"status": "escalated"})
OTHER_SECRET = "whsec_" + "QUJD" * 8


@pytest.fixture
def client(standard_simulator):
    return STANDARD.client(standard_simulator.link())


def send(client: PsaClient) -> str:
    return client.send_note(PUSH, client.prepare_note(PUSH))


def test_a_push_arrives_signed_with_text_and_walk(standard_simulator, client):
    assert send(client) == "entry-1"
    [message] = standard_simulator.received()
    data = {
        "purpose": "handoff",
        "ticket_id": "48213",
        "text": "Tried: reboot",
        "walk": {"status": "escalated"},
    }
    assert message == {"id": "entry-1", "repeats": 0, "type": "walk.summary", "data": data}


def test_a_push_sent_again_has_the_same_id_and_body_and_is_dropped(standard_simulator, client):
    send(client)
    send(client)
    [message] = standard_simulator.received()
    assert message["repeats"] == 1
    assert client.prepare_note(PUSH) == client.prepare_note(PUSH)


def test_a_push_is_signed_with_the_newest_secret(standard_simulator):
    link = standard_simulator.link()
    rotated = type(link)(
        "c", link.base_url, {}, (OTHER_SECRET, *link.webhook_secrets), link.allow_private_hosts
    )
    with pytest.raises(RejectedError, match="401"):
        send(STANDARD.client(rotated))


@pytest.mark.parametrize(
    ("status", "error"),
    [(410, RejectedError), (400, RejectedError), (429, ThrottledError), (500, AmbiguousError)],
)
def test_a_refused_push_is_classified(standard_simulator, client, status, error):
    standard_simulator.fault("status", method="POST", status=status, body="gone away")
    with pytest.raises(error, match="gone away"):
        send(client)


def test_a_push_whose_answer_is_lost_is_ambiguous(standard_simulator, client):
    standard_simulator.fault("lost_answer", method="POST")
    with pytest.raises(AmbiguousError):
        send(client)
    assert len(standard_simulator.received()) == 1


def test_the_secret_is_in_no_error_text(standard_simulator, client):
    standard_simulator.fault("status", method="POST", status=400, body=f"bad {standard_simulator.secret}")
    with pytest.raises(RejectedError) as refusal:
        send(client)
    assert standard_simulator.secret not in str(refusal.value)
    assert standard_simulator.secret not in repr(standard_simulator.link())


def test_check_resolves_and_sends_nothing(standard_simulator, client):
    assert "nothing was sent" in client.check()
    assert standard_simulator.requests() == []


def test_a_command_from_the_simulator_verifies(standard_simulator, receiver):
    status = standard_simulator.send_command(receiver.url, "session.start", {"ticket_id": "7"}, "msg_1")
    [request] = receiver.wait_for(1)
    STANDARD.verify(request, standard_simulator.link())
    [event] = STANDARD.parse(request)
    assert (status, event.dedupe_key, event.ticket_id) == (202, "msg_1", "7")
    assert json.loads(request.body)["type"] == "session.start"
