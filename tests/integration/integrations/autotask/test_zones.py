"""Autotask's zones: where a tenant lives is asked for, and only Autotask's own hosts are believed."""

import json

import pytest

from integrations.answers import Answer
from integrations.autotask import Autotask
from integrations.errors import RejectedError, UnreachableError
from integrations.ports import (
    Link,
)
from tests.integration.integrations.autotask.calls import NOTES, send

pytestmark = pytest.mark.integration


def test_a_401_has_the_zone_looked_up_again_and_the_call_done_in_the_new_one(simulator, warm):
    ticket_id = simulator.create_ticket()
    zone = {"url": f"{simulator.base_url}/ATServicesRest/"}
    simulator.fault("status", method="POST", path=NOTES, status=401)
    simulator.fault("status", path="*zoneInformation", status=200, body=zone)
    send(warm, ticket_id)
    posts = simulator.requests("POST", "/Notes")
    assert [(post.status, post.path.split("/")[1]) for post in posts] == [
        (401, "atservicesrest"),
        (200, "ATServicesRest"),
    ]


def test_a_zone_is_looked_up_once(simulator, client):
    ticket_id = simulator.create_ticket()
    client.ticket(ticket_id)
    client.notes(ticket_id)
    assert len(simulator.requests("GET", "zoneInformation")) == 1


@pytest.mark.parametrize(
    ("zone", "sentence"),
    [
        ({"url": "https://evil.example/"}, "not under autotask.net"),
        ({"url": "https://autotask.net.evil.example/"}, "not under autotask.net"),
        ({"url": "https://evilautotask.net/"}, "not under autotask.net"),
        ({"url": "https://webservices2.autotask.net:8443/"}, "not under autotask.net"),
        ({"url": "http://webservices2.autotask.net/"}, "must use https"),
        ({"url": "https://10.0.0.5/"}, "private or reserved"),
        ({"url": "https://me:pw@webservices2.autotask.net/"}, "user name or password"),
    ],
)
def test_a_zone_that_is_not_autotasks_own_never_gets_the_credentials(monkeypatch, zone, sentence):
    asked: list[str] = []

    def read(self: object, path: str, params: object = None) -> object:
        asked.append(path)
        return Answer(200, {}, json.dumps(zone).encode())

    monkeypatch.setattr("integrations.http.HttpApi.read", read)
    credentials = {"integration_code": "c", "username": "u", "secret": "s"}
    link = Link("c1", "https://webservices.autotask.net", credentials, ("x",))
    with pytest.raises(RejectedError, match=sentence):
        Autotask().client(link).check()
    assert asked == ["/atservicesrest/v1.0/zoneInformation"]


@pytest.mark.parametrize("body", ["<html>", "[]", "{}", '{"url": 7}', '{"url": ""}'])
def test_a_zone_that_cannot_be_understood_is_unreachable(simulator, client, body):
    simulator.fault("status", path="*zoneInformation", status=200, body=body)
    with pytest.raises(UnreachableError, match="the zone's answer"):
        client.check()
