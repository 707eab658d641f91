"""The registration of a webhook: exactly one, active, for every event that the service reads."""

import json
from collections.abc import Sequence

from integrations.answers import NotFoundError
from integrations.ports import Registration
from integrations.zendesk.api import Api
from integrations.zendesk.lists import Webhook, WebhookPage

PATH = "/webhooks"

#: What a walk can be about (Zendesk "Webhook event types", Ticket events). One webhook takes them all.
SUBSCRIPTIONS = tuple(
    f"zen:event-type:ticket.{name}"
    for name in (
        "agent_assignment_changed",
        "comment_added",
        "comment_made_private",
        "comment_redacted",
        "created",
        "group_assignment_changed",
        "merged",
        "permanently_deleted",
        "priority_changed",
        "soft_deleted",
        "status_changed",
        "subject_changed",
        "undeleted",
    )
)
ACTIVE, METHOD, FORMAT = "active", "POST", "json"


def registration(api: Api, url: str) -> Registration:
    """Return what stands for this address, and what is wrong with it."""
    found = _standing(api, url)
    return Registration(tuple(webhook.id for webhook in found), tuple(_problems(found)))


def register(api: Api, url: str) -> Registration:
    """Leave exactly one webhook for this address: the first that is right, else a new one.

    A new one has a new signing secret, which is fetched when its first delivery comes. It is made before the
    others are deleted: where it is refused, they stand as they were.
    """
    found = _standing(api, url)
    right = next((webhook for webhook in found if not _flaws(webhook)), None)
    if right is None:
        api.repeatable("POST", PATH, _body(url))
    for webhook in found:
        if webhook is not right:
            _delete(api, webhook)
    return registration(api, url)


def _standing(api: Api, url: str) -> list[Webhook]:
    pages = api.pages(WebhookPage, PATH)
    return [webhook for page in pages for webhook in page.webhooks if webhook.endpoint == url]


def _problems(found: Sequence[Webhook]) -> list[str]:
    if not found:
        return ["no webhook is registered for this connection"]
    problems = [f"webhook {webhook.id} {flaw}" for webhook in found for flaw in _flaws(webhook)]
    if len(found) > 1:
        problems.append(f"{len(found)} webhooks are registered for this connection; one is enough")
    return problems


def _flaws(webhook: Webhook) -> list[str]:
    flaws = []
    if webhook.status != ACTIVE:
        flaws.append("is not active")
    if (webhook.http_method, webhook.request_format) != (METHOD, FORMAT):
        flaws.append("does not POST JSON")
    lacking = sorted(set(SUBSCRIPTIONS) - set(webhook.subscriptions))
    if lacking:
        flaws.append(f"is not subscribed to {', '.join(lacking)}")
    return flaws


def _delete(api: Api, webhook: Webhook) -> None:
    try:
        api.repeatable("DELETE", f"{PATH}/{webhook.id}")
    except NotFoundError:
        return  # somebody else was faster


def _body(url: str) -> bytes:
    webhook = {
        "name": "ticketwalk",
        "status": ACTIVE,
        "endpoint": url,
        "http_method": METHOD,
        "request_format": FORMAT,
        "subscriptions": list(SUBSCRIPTIONS),
    }
    return json.dumps({"webhook": webhook}, sort_keys=True).encode()
