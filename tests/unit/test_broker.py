"""A worker and a broker that is away."""

import logging
from unittest.mock import patch

import pytest
from celery import Celery
from kombu import Connection
from kombu.exceptions import OperationalError

from worker.broker import StrictConsumer


def test_a_worker_looks_for_its_broker_every_second_however_long_it_is_away(caplog):
    """Celery's own pauses are 2, 4, 6 .. 30 s: what is accepted in an outage would wait as long after it."""
    app = Celery(broker="redis://127.0.0.1:1/0", set_as_current=False)
    app.conf.broker_connection_retry_on_startup = True
    app.conf.broker_connection_max_retries = 20
    consumer = object.__new__(StrictConsumer)
    consumer.app = app
    consumer.first_connection_attempt = True
    consumer.broker_connection_retry_attempt = 0
    with (
        patch.object(Connection, "_connection_factory", side_effect=ConnectionRefusedError),
        patch("kombu.utils.functional.sleep") as sleep,
        caplog.at_level(logging.ERROR),
        pytest.raises(OperationalError),
    ):
        consumer.ensure_connected(app.connection_for_read())
    assert sum(call.args[0] for call in sleep.call_args_list) == 20
    assert len(caplog.records) == 20
    assert all("in 1.00 second" in record.getMessage() for record in caplog.records)
