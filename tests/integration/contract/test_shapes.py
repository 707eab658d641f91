"""Each request of a client fits what the vendor takes: spoilt in any of its names or types, it is refused.

The stand-ins are as strict as they can be made from the vendors' documents. Here each request that a client
really sends is spoilt on its way, one thing at a time, so that a client with that mistake would be noticed.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest

from integrations.errors import CallError
from integrations.ports import NotePurpose
from tests.integration.contract.conftest import MARKER, TIMEKEEPERS, Psa, note, time_entry
from tests.integration.contract.relay import Relay, Sent

pytestmark = pytest.mark.integration

Spoil = Callable[[Sent], Sent]


def write_a_note(psa: Psa, _number: int) -> None:
    push = note(psa.stand_in.create_ticket(), purpose=NotePurpose.RESOLUTION)
    psa.client.send_note(push, psa.client.prepare_note(push))


def set_a_status(psa: Psa, _number: int) -> None:
    psa.client.set_status(psa.stand_in.create_ticket(), psa.dialect.statuses[1])


def enter_time(psa: Psa, _number: int) -> None:
    push = time_entry(psa, psa.stand_in.create_ticket())
    psa.client.send_time(push, psa.client.prepare_time(push))


def register(psa: Psa, number: int) -> None:
    psa.client.register(psa.provider.webhook_url(f"{psa.receiver.url}-{number}", psa.link))


def read(psa: Psa, _number: int) -> None:
    ticket_id = psa.stand_in.create_ticket()
    psa.client.check()
    psa.client.ticket(ticket_id)
    psa.client.notes(ticket_id)
    psa.client.find_note(ticket_id, MARKER)
    list(psa.client.changed_since(datetime.now(UTC) - timedelta(hours=1)))


@pytest.fixture
def relayed(psa: Psa) -> Iterator[tuple[Psa, Relay]]:
    """The PSA with a relay between it and its client."""
    with Relay(psa.stand_in.base_url) as relay:
        psa.link = replace(psa.link, base_url=relay.url)
        yield psa, relay


@pytest.mark.parametrize("deed", [write_a_note, set_a_status, register])
def test_a_body_with_a_wrong_name_type_or_shape_is_refused(relayed, deed):
    psa, relay = relayed
    assert accepted_spoils(psa, relay, deed) == []


@pytest.mark.parametrize("psa", TIMEKEEPERS, indirect=True)
def test_a_time_entry_with_a_wrong_name_type_or_shape_is_refused(relayed):
    psa, relay = relayed
    assert accepted_spoils(psa, relay, enter_time) == []


def accepted_spoils(psa: Psa, relay: Relay, deed: Callable[[Psa, int], None]) -> list[str]:
    """Spoil each body of the deed in every way. Return those that nobody refused."""
    deed(psa, 0)
    sent = {kind_of(one.sent): one.sent for one in relay.passed if holds_json(one.sent)}
    assert sent
    spoils = [(kind, spoil) for kind, one in sent.items() for spoil in spoilt_bodies(json.loads(one.body))]
    return accepted(psa, relay, deed, spoils)


@pytest.mark.parametrize("deed", [read, register])
def test_a_parameter_with_a_wrong_name_is_refused(relayed, deed):
    psa, relay = relayed
    deed(psa, 0)
    sent = {kind_of(one.sent): one.sent for one in relay.passed if one.sent.query}
    names = {kind: [name for name, _ in parse_qsl(one.query)] for kind, one in sent.items()}
    spoils = [(kind, spoilt_query(name)) for kind, found in names.items() for name in found]
    assert accepted(psa, relay, deed, spoils) == []


def test_what_is_not_spoilt_is_accepted(relayed):
    psa, relay = relayed
    time = (enter_time,) if psa.dialect.keeps_time else ()
    for deed in (write_a_note, set_a_status, *time, register, read):
        deed(psa, 0)
    assert {one.status // 100 for one in relay.passed} == {2}


def accepted(
    psa: Psa, relay: Relay, deed: Callable[[Psa, int], None], spoils: list[tuple[str, tuple[str, Spoil]]]
) -> list[str]:
    """Do the deed with each spoil on the first request of its kind. Return those that nobody refused."""
    found = []
    for number, (kind, (what, spoil)) in enumerate(spoils, start=1):
        relay.passed.clear()
        relay.spoil = once(kind, spoil)
        psa.provider = type(psa.provider)()  # remembers nothing, so it asks for all again
        # whatever the client makes of a refusal; here it counts whether there was one
        with suppress(CallError):
            deed(psa, number)
        [status, *_] = [one.status for one in relay.passed if kind_of(one.sent) == kind]
        if status // 100 == 2:
            found.append(f"{kind}: {what}")
    return found


def once(kind: str, spoil: Spoil) -> Spoil:
    """Spoil the first request of that kind, and no other."""
    done: list[Sent] = []

    def spoil_first(sent: Sent) -> Sent:
        if done or kind_of(sent) != kind:
            return sent
        done.append(sent)
        return spoil(sent)

    return spoil_first


def kind_of(sent: Sent) -> str:
    """Method, path without ids, and the names of the parameters."""
    path = re.sub(r"/[0-9a-f-]*[0-9][0-9a-f-]*(?=/|$)", "/ID", sent.path)
    return " ".join([sent.method, path, *sorted(dict(parse_qsl(sent.query)))])


def holds_json(sent: Sent) -> bool:
    return sent.method != "GET" and sent.body[:1] in {b"{", b"["}


def spoilt_query(name: str) -> tuple[str, Spoil]:
    def spoil(sent: Sent) -> Sent:
        given = [(f"{known}x" if known == name else known, value) for known, value in parse_qsl(sent.query)]
        return replace(sent, query=urlencode(given))

    return f"the parameter {name} misspelt", spoil


def spoilt_bodies(body: Any) -> Iterator[tuple[str, Spoil]]:
    """Yield each way to spoil a body: a name misspelt, a value of another type, an array for an object."""
    shape = body[0] if isinstance(body, list) else [body]
    yield "an object for an array, or the other way about", _as_body(lambda _body: shape)
    for place in _places(body):
        yield f"{place} has another type", _as_body(partial(_retyped, place))
        if isinstance(place[-1], str):
            yield f"{place} is misspelt", _as_body(partial(_renamed, place))


def _as_body(change: Callable[[Any], Any]) -> Spoil:
    return lambda sent: replace(sent, body=json.dumps(change(json.loads(sent.body))).encode())


def _places(value: Any, above: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    steps = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for step in steps:
        yield (*above, step)
        yield from _places(value[step], (*above, step))


def _retyped(place: tuple[str | int, ...], body: Any) -> Any:
    holder = _holder(body, place)
    holder[place[-1]] = 5 if isinstance(holder[place[-1]], str) else "x"
    return body


def _renamed(place: tuple[str | int, ...], body: Any) -> Any:
    holder = _holder(body, place)
    holder[f"{place[-1]}x"] = holder.pop(place[-1])
    return body


def _holder(body: Any, place: tuple[str | int, ...]) -> Any:
    for step in place[:-1]:
        body = body[step]
    return body
