"""Autotask's threads, which all workers of a connection share."""

import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from integrations.autotask import Autotask
from integrations.autotask.simulator import RunningSimulator
from worker.pace import SharedPacer
from worker.runtime.home import Home
from worker.services.pacing import NoPlaceError

pytestmark = pytest.mark.integration

WORKERS, THREADS_OF_EACH, READS = 2, 4, 5
#: How long each call holds its thread.
LATENCY_SECONDS = 0.05


def test_two_workers_together_never_ask_for_more_threads_than_autotask_gives(home: Home) -> None:
    connection = uuid4().hex
    with RunningSimulator() as simulator:
        ticket_id = simulator.create_ticket()
        client = Autotask().client(simulator.link())
        client.notes(ticket_id)  # whatever it fetches first is there
        simulator.parts.usage.settings.latency_seconds = LATENCY_SECONDS

        def read(pacer: SharedPacer) -> None:
            while True:
                try:
                    with pacer.place(connection, Autotask.calls_at_once):
                        client.notes(ticket_id)
                        return
                except NoPlaceError:
                    threading.Event().wait(LATENCY_SECONDS / 5)

        pacers = [SharedPacer(home.redis_url) for _ in range(WORKERS)] * THREADS_OF_EACH * READS
        with ThreadPoolExecutor(WORKERS * THREADS_OF_EACH) as pool:
            for done in [pool.submit(read, pacer) for pacer in pacers]:
                done.result()
        statuses = {request.status for request in simulator.requests(path_part="/TicketNotes")}
    assert statuses == {200}
