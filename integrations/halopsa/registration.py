"""HaloPSA's webhooks and the notifications that fire them: looked at, made, mended."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from integrations.errors import PayloadError, UnreachableError
from integrations.halopsa.api import HaloApi
from integrations.halopsa.listing import items
from integrations.halopsa.records import Webhook, read_record
from integrations.ports import Registration

NAME = "ticketwalk"
#: Fields and values of Webhook and Notification: redanthrax/halopsa-node, which registers in production, and
#: HaloPSA's swagger.
OUTGOING, POST, BASIC = 0, 0, 1
#: One POST for each occurrence: whatever a delay would save, it costs a technician's wait.
NO_BATCHING = 0
#: HaloPSA must never switch the webhook off for an outage of ours, as it sends nothing again afterwards.
NEVER = 0
NOTIFICATION_TYPE, BY_WEBHOOK = -2, 6


@dataclass(frozen=True, slots=True)
class Wanted:
    """The webhook as it should be."""

    url: str = field(repr=False)
    user: str
    password: str = field(repr=False)
    event_numbers: tuple[int, ...]


def look(api: HaloApi, wanted: Wanted) -> Registration:
    """Return the webhooks of this connection and what is wrong with them."""
    found = _found(api, wanted)
    problems = [problem for webhook in found for problem in _problems(webhook, wanted)]
    if not found:
        problems.append("HaloPSA has no webhook for this connection")
    if len(found) > 1:
        problems.append(
            f"HaloPSA has {len(found)} webhooks for this connection, so that each event comes twice"
        )
    return Registration(tuple(webhook.id for webhook in found), tuple(problems))


def make(api: HaloApi, wanted: Wanted) -> Registration:
    """Make one webhook as it should be out of what there is, and return what there is then."""
    found = _found(api, wanted)
    kept = next((webhook for webhook in found if webhook.url == wanted.url), next(iter(found), None))
    for webhook in found:
        if webhook is not kept:
            api.write("DELETE", f"/Webhook/{webhook.id}")
    # written also where nothing looks wrong: the password cannot be read back
    webhook_id = _write_webhook(api, wanted, kept.id if kept else None)
    for number in _missing(kept, wanted):
        api.write("POST", "/Notification", _array(_notification(webhook_id, number)))
    return look(api, wanted)


def _found(api: HaloApi, wanted: Wanted) -> list[Webhook]:
    """Return, with details, the webhooks of this connection: its address with this or an older path word."""
    listed = (_webhook(item) for item in items(api.read("/Webhook", {"type": OUTGOING}), "webhooks"))
    own = [webhook.id for webhook in listed if _place(webhook.url or "") == _place(wanted.url)]
    return [_webhook(api.read(f"/Webhook/{webhook_id}", {"includedetails": "true"})) for webhook_id in own]


def _place(url: str) -> str:
    return url.rpartition("/")[0]


def _problems(webhook: Webhook, wanted: Wanted) -> Iterable[str]:
    if webhook.url != wanted.url:
        yield "the webhook has an address that is no longer valid"
    if not webhook.active:
        yield "the webhook is switched off"
    if webhook.authentication_type != BASIC or webhook.basic_username != wanted.user:
        yield "the webhook does not send the connection's user name"
    if webhook.events is None:
        yield "HaloPSA does not show which events fire the webhook: compare them on its Events tab"
    if missing := _missing(webhook, wanted):
        yield f"the webhook does not fire for the events {', '.join(map(str, missing))}"


def _missing(webhook: Webhook | None, wanted: Wanted) -> list[int]:
    """Return the events to attach; none where HaloPSA does not show those there are: never each twice."""
    if webhook is None:
        return list(wanted.event_numbers)
    if webhook.events is None:
        return []
    attached = {event.eventno for event in webhook.events}
    return [number for number in wanted.event_numbers if number not in attached]


def _write_webhook(api: HaloApi, wanted: Wanted, webhook_id: str | None) -> str:
    webhook: dict[str, Any] = {
        "name": NAME,
        "type": OUTGOING,
        "url": wanted.url,
        "method": POST,
        "content_type": "application/json",
        "authentication_type": BASIC,
        "basic_username": wanted.user,
        "basic_password": wanted.password,
        "active": True,
        "batch_method": NO_BATCHING,
        "auto_disable_attempts": NEVER,
        "notify_on_failure": True,
    }
    if webhook_id is not None:
        webhook["id"] = webhook_id
    answer = api.write("POST", "/Webhook", _array(webhook))
    try:
        value = answer.json()
    except PayloadError:
        raise UnreachableError(f"HTTP {answer.status}: the answer cannot be read") from None
    return _webhook(value[0] if isinstance(value, list) and value else value).id


def _notification(webhook_id: str, number: int) -> dict[str, Any]:
    return {
        "name": NAME,
        "webhook_id": webhook_id,
        "eventno": number,
        "type": NOTIFICATION_TYPE,
        "delivery_method": BY_WEBHOOK,
    }


def _array(record: dict[str, Any]) -> bytes:
    return json.dumps([record], sort_keys=True).encode()


def _webhook(value: Any) -> Webhook:
    try:
        return read_record(Webhook, value)
    except PayloadError as error:
        raise UnreachableError(str(error)) from None
