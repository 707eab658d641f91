"""Autotask's webhooks, found and made by the client against the simulator."""

from collections.abc import Iterator

import pytest

from integrations.autotask import Autotask
from integrations.autotask.client import AutotaskClient
from integrations.autotask.simulator import RunningSimulator
from integrations.autotask.simulator.picklists import API_RESOURCE, WEBHOOK_FIELDS
from integrations.errors import AmbiguousError, RejectedError
from integrations.ports import Registration

pytestmark = pytest.mark.integration

PLAIN = "https://tw.example.com/webhooks/autotask/c1"
URL = f"{PLAIN}/{API_RESOURCE.id}"
ENTITIES = ("Ticket", "TicketNote")


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSimulator]:
    with RunningSimulator() as simulator:
        yield simulator


@pytest.fixture
def simulator(running):
    running.reset()
    return running


@pytest.fixture
def client(simulator):
    return Autotask().client(simulator.link())


@pytest.fixture
def registered(client):
    client.register(URL)
    return client


def webhook(simulator, entity="Ticket"):
    [found] = simulator.world.webhooks[entity].values()
    return found


def shown_fields(one) -> dict[str, tuple[bool, bool]]:
    names = WEBHOOK_FIELDS[one.entity]
    return {names[field.field_id]: (field.subscribed, field.displayed) for field in one.fields.values()}


def problems(client: AutotaskClient) -> str:
    return "\n".join(client.registration(URL).problems)


def test_nothing_registered_is_two_problems_and_looking_writes_nothing(simulator, client):
    missing = ("no webhook for tickets is registered", "no webhook for ticket notes is registered")
    assert client.registration(URL) == Registration((), missing)
    assert {request.method for request in simulator.requests()} == {"GET"}


def test_registering_makes_one_complete_webhook_per_entity(simulator, client):
    made = client.register(URL)
    assert made.problems == ()
    assert [one.partition("/")[0] for one in made.ids] == ["TicketWebhooks", "TicketNoteWebhooks"]
    for entity in ENTITIES:
        one = webhook(simulator, entity)
        assert one.is_ready
        assert (one.body.webhook_url, one.body.deactivation_url) == (URL, URL)
        assert one.body.secret_key == simulator.webhook_secrets[0]
        assert all(one.wants(action, 1) for action in ("Create", "Update", "Delete"))
        assert list(one.excluded.values()) == [API_RESOURCE.id]
    assert shown_fields(webhook(simulator)) == dict.fromkeys(
        ("title", "status", "priority", "queueID", "ticketType", "assignedResourceID"), (True, False)
    )
    assert shown_fields(webhook(simulator, "TicketNote")) == {
        "title": (True, False),
        "description": (True, False),
        "ticketID": (False, True),
    }


def test_registering_again_keeps_what_stands(simulator, registered):
    first = registered.registration(URL)
    assert registered.register(URL) == first
    assert [len(known) for known in simulator.world.webhooks.values()] == [1, 1]
    assert len(simulator.requests("POST", "/Fields")) == 9


def test_the_plain_address_is_registered_with_the_own_resource_at_its_end(simulator, client):
    assert client.register(PLAIN).problems == ()
    assert webhook(simulator).body.webhook_url == URL


def test_without_the_own_resource_nothing_is_excluded_and_nothing_is_wrong(simulator):
    client = Autotask().client(simulator.link(api_resource_id=""))
    assert client.register(PLAIN).problems == ()
    assert webhook(simulator).excluded == {}
    assert webhook(simulator).body.webhook_url == PLAIN


def test_naming_the_own_resource_later_moves_the_webhooks_and_doubles_none(simulator):
    Autotask().client(simulator.link(api_resource_id="")).register(PLAIN)
    client = Autotask().client(simulator.link())
    assert "calls an address without the API user's resource id" in problems(client)
    assert client.register(URL).problems == ()
    assert webhook(simulator).body.webhook_url == URL


def test_a_webhook_switched_off_is_found_and_armed_again(simulator, registered):
    one = webhook(simulator)
    one.body = one.body.model_copy(update={"is_active": False})
    assert problems(registered) == f"the webhook {one.id} for tickets is switched off"
    assert registered.register(URL).problems == ()
    assert webhook(simulator).id == one.id
    assert webhook(simulator).body.is_active


def test_a_webhook_that_is_not_ready_is_found_and_completed(simulator, registered):
    one = webhook(simulator)
    one.fields.clear()
    assert "is not ready: it has no subscribed field" in problems(registered)
    assert registered.register(URL).problems == ()
    assert webhook(simulator).is_ready


def test_a_note_webhook_that_does_not_show_its_ticket_is_found_and_completed(simulator, registered):
    one = webhook(simulator, "TicketNote")
    for field in one.fields.values():
        field.displayed = False
    assert problems(registered) == f"the webhook {one.id} for ticket notes lacks the fields ticketID"
    assert registered.register(URL).problems == ()
    assert shown_fields(one)["ticketID"] == (False, True)


def test_a_webhook_that_does_not_hear_all_is_found_and_completed(simulator, registered):
    one = webhook(simulator)
    one.body = one.body.model_copy(update={"is_subscribed_to_delete_events": False})
    assert "does not hear of everything" in problems(registered)
    assert registered.register(URL).problems == ()


def test_a_webhook_that_does_not_leave_out_own_changes_is_found_and_completed(simulator, registered):
    webhook(simulator).excluded.clear()
    assert "does not leave out this service's own changes" in problems(registered)
    assert registered.register(URL).problems == ()


def test_a_second_webhook_is_found_and_removed_and_the_working_one_kept(simulator, client):
    lower_id = simulator.world.next_id()
    client.register(URL)
    kept = webhook(simulator)
    simulator.world.webhooks["Ticket"] |= {lower_id: _copy_of(kept, lower_id)}
    assert "2 webhooks for tickets are registered: every change comes 2 times" in problems(client)
    assert client.register(URL).problems == ()
    assert webhook(simulator) is kept


def _copy_of(one, webhook_id):
    stray = type(one)(webhook_id, one.entity, one.body.model_copy(update={"is_active": False}))
    stray.fields = dict(one.fields)
    return stray


def test_webhooks_of_others_are_left_alone(simulator, registered):
    registered.register("https://other.example.com/hook")
    assert [len(known) for known in simulator.world.webhooks.values()] == [2, 2]
    assert registered.registration(URL).problems == ()


def test_a_new_secret_is_given_to_the_webhooks_that_stand(simulator, registered):
    link = simulator.link()
    rotated = type(link)(
        link.connection_id,
        link.base_url,
        link.credentials,
        ("new-secret", *link.webhook_secrets),
        allow_private_hosts=True,
    )
    Autotask().client(rotated).register(URL)
    assert {webhook(simulator, entity).body.secret_key for entity in ENTITIES} == {"new-secret"}


@pytest.mark.parametrize("path", ["*/TicketWebhooks", "*/TicketNoteWebhooks"])
def test_a_lost_answer_is_ambiguous_and_trying_again_leaves_exactly_one(simulator, client, path):
    simulator.fault("lost_answer", method="POST", path=path)
    with pytest.raises(AmbiguousError):
        client.register(URL)
    assert client.register(URL).problems == ()
    assert [len(known) for known in simulator.world.webhooks.values()] == [1, 1]


def test_a_webhook_that_goes_while_it_is_removed_is_no_error(simulator, registered):
    kept = webhook(simulator)
    simulator.world.webhooks["Ticket"] |= {999: _copy_of(kept, 999)}
    body = {"errors": ["No matching records found."]}
    simulator.fault("status", method="DELETE", status=500, body=body, apply=True)
    assert registered.register(URL).problems == ()


def test_a_connection_without_a_secret_registers_nothing(simulator):
    link = simulator.link()
    bare = type(link)("c", link.base_url, link.credentials, allow_private_hosts=True)
    with pytest.raises(RejectedError, match="it has none"):
        Autotask().client(bare).register(URL)
    assert simulator.requests() == []


def test_a_missing_right_is_rejected_in_the_providers_words(simulator, client):
    simulator.world.denied = {"TicketWebhooks"}
    with pytest.raises(RejectedError, match="adequate permissions to create"):
        client.register(URL)


@pytest.mark.parametrize(
    ("offered", "missing"),
    [
        ({1: "title", 2: "description"}, "lacks the fields ticketID"),
        ({2: "Description", 5: "Ticket ID"}, "title"),
    ],
)
def test_a_field_that_autotask_does_not_offer_is_named(simulator, client, monkeypatch, offered, missing):
    monkeypatch.setitem(WEBHOOK_FIELDS, "TicketNote", offered)
    _fields_as_they_are_now(simulator, offered)
    assert missing in "\n".join(client.register(URL).problems)


def _fields_as_they_are_now(simulator, offered) -> None:
    values = [{"value": str(value), "label": label, "isActive": True} for value, label in offered.items()]
    body = {"fields": [{"name": "fieldID", "isPickList": True, "picklistValues": values}]}
    simulator.fault("status", path="*/TicketNoteWebhookFields/*", status=200, body=body)


def test_no_field_at_all_is_rejected(simulator, client):
    _fields_as_they_are_now(simulator, {1: "publish"})
    with pytest.raises(RejectedError, match="offers none of the fields that webhooks for ticket notes need"):
        client.register(URL)
