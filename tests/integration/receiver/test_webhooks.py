"""The receiver over real HTTP, with providers that are fakes at the port."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from integrations.errors import SignatureError, UnsignedNoticeError
from integrations.http import WRITE_LIMITS, Outgoing, exchange
from integrations.ports import Event, EventKind, WebhookRequest
from integrations.simulation.server import RunningServer, bound_socket
from worker.receiver.app import create_app
from worker.receiver.webhooks import MAX_EVENTS

pytestmark = pytest.mark.integration

Answer = tuple[int, dict[str, Any]]


def changed(key: str, ticket: str = "100", body: bytes | None = None) -> Event:
    return Event(EventKind.TICKET_CHANGED, dedupe_key=key, ticket_id=ticket, body=body)


class Receiving:
    """Posts to the receiver; what the provider makes of it is set per test."""

    def __init__(self, world: Any, url: str) -> None:
        self.world = world
        self.url = f"{url}/webhooks/connectwise/{world.home_tenant.psa}"
        self.requests: list[WebhookRequest] = []
        self.refusal: Exception | None = None
        self.events: Sequence[Event] = [changed("one")]

    def verify(self, request: WebhookRequest, _link: Any) -> None:
        self.requests.append(request)
        if self.refusal:
            raise self.refusal

    def parse(self, _request: WebhookRequest) -> Sequence[Event]:
        return self.events

    def post(self, behind: str = "", body: bytes = b'{"a": 1}') -> Answer:
        headers = {"Content-Type": "application/json"}
        answer = exchange(
            Outgoing("POST", self.url + behind, headers, body), limits=WRITE_LIMITS, allow_private_hosts=True
        )
        return answer.status, json.loads(answer.body)


@pytest.fixture
def receiving(world: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiving]:
    with RunningServer(create_app(world.context), bound_socket()) as server:
        made = Receiving(world, server.url)
        monkeypatch.setattr(world.provider, "verify", made.verify)
        monkeypatch.setattr(world.provider, "parse", made.parse)
        yield made


def test_a_delivery_is_stored_before_it_is_answered(receiving):
    status, answer = receiving.post()
    assert (status, answer["duplicate"]) == (202, False)
    assert receiving.world.rows("SELECT id FROM delivery") == [answer["delivery_id"]]


def test_several_events_of_one_body_become_deliveries_of_their_own(receiving):
    receiving.events = [changed("a", "100", b"[1]"), changed("b", "200", b"[2]"), changed("c", "300")]
    status, answer = receiving.post(body=b"[1,2,3]")
    rows = receiving.world.rows("SELECT id, external_ticket_id, lane, body FROM delivery ORDER BY id")
    assert status == 202
    assert answer == {"delivery_id": rows[0][0], "duplicate": False}
    assert [(ticket, lane, bytes(body)) for _, ticket, lane, body in rows] == [
        ("100", "100", b"[1]"),
        ("200", "200", b"[2]"),
        ("300", "300", b"[1,2,3]"),
    ]


def test_a_body_is_a_duplicate_only_where_all_its_events_are(receiving):
    receiving.events = [changed("a"), changed("b")]
    first = receiving.post()[1]
    assert receiving.post()[1] == {"delivery_id": first["delivery_id"], "duplicate": True}
    receiving.events = [changed("a"), changed("c")]
    assert receiving.post()[1] == {"delivery_id": first["delivery_id"], "duplicate": False}
    assert receiving.world.one("SELECT count(*) FROM delivery") == 3


def test_events_of_one_body_are_all_stored_or_none(receiving):
    receiving.events = [changed("a"), changed("b", "\x00")]
    assert receiving.post()[0] in {500, 503}
    assert receiving.world.rows("SELECT id FROM delivery") == []


@pytest.mark.parametrize("count", [0, MAX_EVENTS + 1])
def test_a_body_of_no_event_or_of_too_many_is_refused(receiving, count):
    receiving.events = [changed(str(number)) for number in range(count)]
    status, answer = receiving.post()
    assert (status, answer["detail"]) == (
        400,
        f"the body carries {count} events; between 1 and 500 are taken",
    )
    assert receiving.world.rows("SELECT id FROM delivery") == []


@pytest.mark.parametrize(
    ("behind", "appended"),
    [
        ("", ""),
        ("48213&action=updated", "48213&action=updated"),
        ("/word", "word"),
        ("/word/48213", "word/48213"),
        ("48213/word", "48213/word"),
        ("?recordId=48213", ""),
    ],
)
def test_what_stands_behind_the_connections_id_is_given_to_the_provider(receiving, behind, appended):
    assert receiving.post(behind)[0] == 202
    assert receiving.requests[-1].appended == appended


@pytest.mark.parametrize("error", [SignatureError, UnsignedNoticeError])
def test_what_is_not_proven_is_401_and_changes_nothing(receiving, error):
    receiving.refusal = error("whatever it says")
    status, answer = receiving.post()
    assert (status, answer["detail"]) == (401, "the signature does not verify")
    assert receiving.world.rows("SELECT id FROM delivery") == []


@pytest.mark.parametrize(("error", "noticed"), [(SignatureError, 0), (UnsignedNoticeError, 1)])
def test_an_unsigned_notice_is_taken_note_of(receiving, error, noticed):
    receiving.refusal = error("deliveries have ended")
    with capture_logs() as logs:
        receiving.post()
    found = [line for line in logs if line["event"] == "unsigned notice refused"]
    assert [line["connection_id"] for line in found] == [receiving.world.home_tenant.psa] * noticed


def test_an_unknown_connection_is_404_whatever_stands_behind_it(receiving):
    receiving.url = receiving.url.replace(receiving.world.home_tenant.psa, str(uuid4()))
    make: Callable[[str], Answer] = receiving.post
    assert [make(behind)[0] for behind in ("", "/word")] == [404, 404]
