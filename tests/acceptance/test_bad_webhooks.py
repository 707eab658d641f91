"""Bad webhooks: the contract's status, problem+json, nothing stored, nothing secret said or logged."""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
import requests

from integrations.connectwise.simulator.callbacks import KEY_PATH
from tests.acceptance.canaries import STANDARD_SECRET
from tests.acceptance.tools import JSON, Account, signed, wait_for
from worker.demo.service import RunningService


@dataclass
class Bad:
    """One bad request to a URL of the account, and the status it must get."""

    status: int
    body: bytes = b'{"type": "step.record", "data": {}}'
    connection: str = "standard"
    headers: dict[str, str] | None = field(default=None)

    def send(self, acme: Account) -> requests.Response:
        urls = {
            "standard": acme.standard_url,
            "connectwise": acme.connectwise_url,
            "unknown connection": acme.standard_url[:-36] + str(uuid4()),
            "wrong provider": acme.standard_url.replace("/standard/", "/connectwise/"),
            "unknown provider": acme.standard_url.replace("/standard/", "/mystery/"),
            "no id": acme.standard_url[:-36] + "x",
        }
        headers = self.headers if self.headers is not None else signed(self.body)
        return requests.post(urls[self.connection], data=self.body, headers=headers, timeout=10)


def connectwise(**fields: Any) -> bytes:
    body = {"MessageId": "m", "Action": "added", "Type": "ticket", "ID": 1, "CompanyId": "acme", **fields}
    return json.dumps(body).encode()


BAD = {
    "wrong signature": Bad(401, headers=signed(b"another body")),
    "wrong secret": Bad(401, headers=signed(Bad(0).body, "whsec_" + base64.b64encode(b"x" * 32).decode())),
    "no signature": Bad(401, headers=JSON),
    "connectwise: no signature": Bad(401, connectwise(), "connectwise", JSON),
    "connectwise: key from a foreign host": Bad(
        401,
        connectwise(Metadata={"key_url": "https://evil.example/key"}),
        "connectwise",
        {**JSON, "x-content-signature": "AAAA"},
    ),
    "truncated JSON": Bad(400, b'{"type": "step.rec'),
    "JSON that is no object": Bad(400, b"[1, 2]"),
    "connectwise: truncated JSON": Bad(400, b'{"Action": ', "connectwise", JSON),
    "not UTF-8": Bad(400, b'{"type": "\xff"}'),
    "no type": Bad(400, b'{"data": {}}'),
    "unknown connection": Bad(404, connection="unknown connection"),
    "connection of another provider": Bad(404, connection="wrong provider"),
    "unknown provider": Bad(404, connection="unknown provider"),
    "no connection id": Bad(404, connection="no id"),
    "2 MiB body": Bad(413, b'{"type": "' + b"x" * 2 * 1024 * 1024 + b'"}'),
    "wrong content type": Bad(415, headers={**signed(Bad(0).body), "Content-Type": "text/plain"}),
    "no content type": Bad(415, headers={"webhook-id": "x"}),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_webhook_gets_its_status_as_problem_json(acme: Account, name: str):
    answer = BAD[name].send(acme)
    assert answer.status_code == BAD[name].status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == BAD[name].status
    assert problem["detail"]
    assert STANDARD_SECRET not in answer.text


def test_bad_webhooks_store_nothing_and_log_nothing_secret(
    service: RunningService, acme: Account, psa, short_path
):
    deliveries = service.run("delivery", "list", "--limit", "1000")
    commands = service.run("command", "list", "--limit", "1000")
    for bad in BAD.values():
        bad.send(acme)
    assert service.run("delivery", "list", "--limit", "1000") == deliveries
    assert service.run("command", "list", "--limit", "1000") == commands
    log = (short_path / "service.log").read_text(errors="replace")
    for secret in (
        STANDARD_SECRET,
        STANDARD_SECRET.removeprefix("whsec_"),
        psa.credentials["private_key"] + "@",
    ):
        assert secret not in log


def test_an_entity_that_is_not_json_is_refused_after_its_signature_verified(acme: Account, psa):
    key_url = f"{psa.base_url}{KEY_PATH}?companyName=acme&id=1"
    body = connectwise(Entity="{not json", Metadata={"key_url": key_url})
    digest = hmac.new(hashlib.sha256(psa.world.signing_key.encode()).digest(), body, hashlib.sha256).digest()
    headers = {**JSON, "x-content-signature": base64.b64encode(digest).decode()}
    answer = requests.post(acme.connectwise_url, data=body, headers=headers, timeout=10)
    assert answer.status_code == 400
    assert "Entity" in answer.json()["detail"]


def test_an_authentic_delivery_that_is_not_understood_is_kept_with_its_reason(service, acme):
    body = b'{"type": "invoice.paid", "data": {}}'
    answer = requests.post(acme.standard_url, data=body, headers=signed(body), timeout=10)
    assert answer.status_code == 202
    delivery_id = answer.json()["delivery_id"]

    def reason() -> str | None:
        rows: Any = service.run("delivery", "list")
        return next((row["reason"] for row in rows if row["id"] == delivery_id and row["reason"]), None)

    assert 'unknown type "invoice.paid"' in wait_for("the interpretation", reason)


def test_the_same_delivery_again_is_a_duplicate_and_stored_once(acme):
    body = b'{"type": "step.record", "data": {"ticket_id": "none", "node_id": "a", "answer": "b"}}'
    headers = signed(body)
    first, second = (requests.post(acme.standard_url, data=body, headers=headers, timeout=10) for _ in "12")
    assert first.json()["duplicate"] is False
    assert second.json() == {"delivery_id": first.json()["delivery_id"], "duplicate": True}
