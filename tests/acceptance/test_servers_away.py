"""Servers that go away: Redis costs only time, and PostgreSQL makes senders wait, never lose."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.acceptance.crashing import OPEN, WORKER, Play, Stage, program, stage_in
from tests.acceptance.tools import signed, wait_for
from worker.runtime.embedded import hold, release
from worker.runtime.home import Home
from worker.runtime.postgres_program import program_for

#: An answer of our own machine, in seconds: the receiver bounds its wait for the store below that.
ANSWER_SECONDS = 5


@pytest.fixture(scope="module")
def stage(psa, tool) -> Iterator[Stage]:
    with (
        tempfile.TemporaryDirectory(prefix="tw-", ignore_cleanup_errors=True) as home,
        stage_in(Path(home), psa, tool) as made,
    ):
        yield made
        # this process held the home too, to start its servers again
        release()


def redis_pid(home: Home) -> int:
    return int((home.run / "redis.pid").read_text())


def start_again(home: Home) -> None:
    hold(home, postgres=True, redis=True)


@contextmanager
def postgres_stopped(stage: Stage) -> Iterator[None]:
    home = Home(stage.home)
    data = home.postgres_data
    program_for(data).run("pg_ctl", "-D", ".", "-m", "immediate", "-t", "30", "stop", cwd=data)
    try:
        yield
    finally:
        start_again(home)
        stage.database.dispose()


def test_everything_accepted_while_redis_is_gone_is_applied_after_it_came_back_empty(stage: Stage):
    home = Home(stage.home)
    os.kill(redis_pid(home), signal.SIGKILL)
    play = Play(stage)
    play.webhooks()
    play.callback()
    assert stage.rows(OPEN)
    shutil.rmtree(home.redis_data)
    start_again(home)
    with program(stage.home, *WORKER):
        stage.wait_until_nothing_is_open()
    [(steps,)] = stage.rows(
        "SELECT count(*) FROM walk_step s JOIN l1_walk_session w ON w.id = s.session_id "
        "JOIN ticket t ON t.id = w.ticket_id WHERE t.external_id = :ticket",
        ticket=play.walked,
    )
    assert steps == 2


def test_a_frozen_redis_does_not_keep_a_sender_waiting(stage: Stage):
    home = Home(stage.home)
    play = Play(stage)
    os.kill(redis_pid(home), signal.SIGSTOP)
    try:
        play.webhooks()
    finally:
        os.kill(redis_pid(home), signal.SIGCONT)
    with program(stage.home, *WORKER):
        stage.wait_until_nothing_is_open()


def test_without_postgres_a_standard_sender_is_told_to_come_again(stage: Stage):
    body = b'{"type": "step.record", "data": {}}'
    with postgres_stopped(stage):
        answer = requests.post(
            stage.webhook_url("standard"), data=body, headers=signed(body), timeout=ANSWER_SECONDS
        )
        assert answer.status_code == 503
        assert answer.headers["Retry-After"].isdigit()
        assert answer.headers["content-type"] == "application/problem+json"
        assert requests.get(f"{stage.receiver_url}/readyz", timeout=ANSWER_SECONDS).status_code == 503
        assert requests.get(f"{stage.receiver_url}/healthz", timeout=ANSWER_SECONDS).status_code == 200


def test_without_postgres_connectwise_gets_the_one_status_that_it_retries(stage: Stage):
    with postgres_stopped(stage):
        stage.psa.create_ticket("Monitor broken", assigned_to="jdoe")
        wait_for("an answer", lambda: stage.psa.deliveries()[-1].answers)
        assert stage.psa.deliveries()[-1].answers[0] == 429
    stage.psa.wait_for_deliveries()


def test_after_postgres_came_back_deliveries_are_accepted_and_applied_again(stage: Stage):
    with program(stage.home, *WORKER):
        with postgres_stopped(stage):
            pass
        play = Play(stage)

        def accepted() -> bool:
            return play.send(stage.webhook_url("standard"), 0) == 202

        wait_for("an accepted delivery", accepted)
        play.webhooks()
        stage.wait_until_nothing_is_open()
