"""What monitoring reads: /healthz, /readyz and /metrics of a receiver that runs."""

import pytest
import requests

from tests.integration.receiver.conftest import command
from worker.domain.queues import QUEUES
from worker.services import canary

pytestmark = pytest.mark.integration


def ready(receiver):
    answer = requests.get(f"{receiver.url}/readyz", timeout=10)
    assert answer.status_code == 200
    return answer.json()


def test_workers_are_working_while_every_queue_was_drained_lately_and_late_after_that(receiver, known, world):
    world.rows("DELETE FROM canary")
    assert ready(receiver)["workers"] == "late", "nobody has drained anything yet"
    for queue in QUEUES:
        canary.drained(known, queue)
    assert ready(receiver)["workers"] == "working"
    world.rows("UPDATE canary SET drained_at = drained_at - interval '31 seconds' WHERE queue = 'psa'")
    found = ready(receiver)
    assert found["workers"] == "late"
    assert 31 <= found["canaries"]["psa"] < 60
    assert found["canaries"]["commands"] < 30


def test_ready_tells_what_is_open_and_metrics_count_it(receiver):
    assert receiver.post(command()).status_code == 202
    assert ready(receiver)["open"]["delivery.pending"] == 1
    numbers = requests.get(f"{receiver.url}/metrics", timeout=10).text
    assert 'ticketwalk_rows{state="pending",table="delivery"} 1.0' in numbers


def test_metrics_tell_how_long_ago_each_queue_was_drained(receiver, known, world):
    canary.drained(known, "psa")
    world.rows("UPDATE canary SET drained_at = now() - interval '1 minute'")
    numbers = requests.get(f"{receiver.url}/metrics", timeout=10).text
    [line] = [line for line in numbers.splitlines() if line.startswith("ticketwalk_canary") and "psa" in line]
    assert 60 <= float(line.split()[-1]) < 120


def test_a_process_that_answers_is_healthy(receiver):
    assert requests.get(f"{receiver.url}/healthz", timeout=10).json() == {"status": "ok"}
