"""The registration of callbacks: exactly one for every ticket, alive."""

import json
from collections.abc import Sequence

from integrations.answers import NotFoundError
from integrations.connectwise.api import Api
from integrations.connectwise.mapping import Callback
from integrations.errors import RejectedError
from integrations.ports import Registration

PATH = "/system/callbacks"

#: ConnectWise appends the record's id to the URL as it stands, so the URL ends with an open parameter
#: (Developer Guide, "Callbacks").
RECORD_ID_PARAMETER = "recordId"

#: All tickets: level owner, whose objectId is 1 (PSA Callbacks; captured in amp-labs/connectors).
TYPE, LEVEL, OBJECT_ID = "ticket", "owner", 1
#: The inner code of a second registration like one that stands (the same captures).
OBJECT_EXISTS = "matching callback entry already exists"


def callback_url(url: str) -> str:
    """Return the address to give ConnectWise; the same for one that is ready already."""
    return url if "?" in url else f"{url}?{RECORD_ID_PARAMETER}="


def registration(api: Api, url: str) -> Registration:
    """Return what stands for this address, and what is wrong with it."""
    target = callback_url(url)
    found = _standing(api, target)
    return Registration(tuple(str(callback.id) for callback in found), tuple(_problems(found, target)))


def register(api: Api, url: str) -> Registration:
    """Leave exactly one callback for this address: the first that is right, else a new one.

    ConnectWise refuses a second one like one that stands, an inactive one included, so that goes first.
    """
    target = callback_url(url)
    found = _standing(api, target)
    right = next((callback for callback in found if _is_right(callback, target)), None)
    for callback in found:
        if callback is not right:
            _delete(api, callback)
    if right is None:
        _create(api, target)
    return registration(api, url)


def _standing(api: Api, target: str) -> list[Callback]:
    """An address names its connection, so whatever calls it was registered for it."""
    address = target.partition("?")[0]
    listed = api.records(Callback, PATH, {"orderBy": "id asc"})
    return [callback for callback in listed if callback.url.partition("?")[0] == address]


def _is_right(callback: Callback, target: str) -> bool:
    return callback.url == target and not callback.inactive and _is_for_every_ticket(callback)


def _is_for_every_ticket(callback: Callback) -> bool:
    return (callback.type.casefold(), callback.level.casefold()) == (TYPE, LEVEL)


def _problems(found: Sequence[Callback], target: str) -> list[str]:
    if not found:
        return ["no callback is registered for this connection"]
    problems = []
    for callback in found:
        if callback.inactive:
            problems.append(f"callback {callback.id} is inactive: ConnectWise gave up after days of failures")
        if not _is_for_every_ticket(callback):
            problems.append(f"callback {callback.id} is not for every ticket")
        if callback.url != target:
            problems.append(f"callback {callback.id} does not end with ?{RECORD_ID_PARAMETER}=")
    if len(found) > 1:
        problems.append(f"{len(found)} callbacks are registered for this connection; one is enough")
    return problems


def _delete(api: Api, callback: Callback) -> None:
    try:
        api.repeatable("DELETE", f"{PATH}/{callback.id}")
    except NotFoundError:
        return  # somebody else was faster


def _create(api: Api, target: str) -> None:
    try:
        api.repeatable("POST", PATH, _body(target))
    except RejectedError as error:
        if OBJECT_EXISTS not in str(error):
            raise


def _body(target: str) -> bytes:
    callback = {
        "url": target,
        "objectId": OBJECT_ID,
        "type": TYPE,
        "level": LEVEL,
        "description": "ticketwalk",
        "inactiveFlag": False,
    }
    return json.dumps(callback, sort_keys=True).encode()
