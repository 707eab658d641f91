"""Servers that go away: Redis costs only time, and PostgreSQL makes senders wait, never lose."""

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from uuid import UUID, uuid4

import psutil
import pytest
import requests
from redis import Redis

from integrations.connectwise.webhook import SIGNATURE_HEADER
from tests.acceptance.crashing import OPEN, START_SECONDS, WORKER, Play, Stage, program, stage_in
from tests.acceptance.searching import searched_home
from tests.acceptance.tools import JSON, new_ticket, signed, wait_for
from worker.crash_points import EXIT_CODE, CrashPoint
from worker.domain.words import CommandType
from worker.runtime.embedded import hold, release
from worker.runtime.home import Home
from worker.runtime.postgres_program import program_for
from worker.services.carrying import carry_out
from worker.services.interpretation.interpret import interpret
from worker.wakes import FLAG_SECONDS

#: An answer of our own machine, in seconds: the receiver bounds its wait for the store below that.
ANSWER_SECONDS = 5
#: Seconds until a process must have died.
DEATH_SECONDS = 60


@pytest.fixture(scope="module")
def stage(psa, tool) -> Iterator[Stage]:
    with (
        searched_home() as home,
        stage_in(home, psa, tool) as made,
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


@contextmanager
def postgres_frozen(stage: Stage) -> Iterator[None]:
    postmaster = psutil.Process(
        int((Home(stage.home).postgres_data / "postmaster.pid").read_text().split()[0])
    )
    frozen = [postmaster, *postmaster.children(recursive=True)]
    try:
        for process in frozen:
            with suppress(psutil.NoSuchProcess):
                process.suspend()
        yield
    finally:
        for process in frozen:
            with suppress(psutil.NoSuchProcess):
                process.resume()


def test_everything_accepted_while_redis_is_gone_is_applied_after_it_came_back_empty(stage: Stage):
    """By the worker that lost it: it looks for its Redis until there is one again."""
    home = Home(stage.home)
    with program(stage.home, *WORKER):
        before = Play(stage)
        before.webhooks()
        stage.wait_until_nothing_is_open()
        os.kill(redis_pid(home), signal.SIGKILL)
        play = Play(stage)
        play.webhooks()
        play.callback()
        assert stage.rows(OPEN)
        shutil.rmtree(home.redis_data)
        start_again(home)
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


def save_notes(stage: Stage, session_id: str) -> None:
    save = {"session": session_id, "notes": [{"text": "newest"}], "revision": 1}
    assert carry_out(stage.context, CommandType.SAVE_NOTES, uuid4().hex, save)["outcome"] == "applied"


@pytest.mark.parametrize(
    ("name", "broken", "whole"),
    [
        # every write is answered with NOREPLICAS, as that of a replica with READONLY
        pytest.param("min-replicas-to-write", 1, 0, id="read-only"),
        pytest.param("maxmemory", 1, 0, id="full"),
    ],
)
def test_saves_are_accepted_and_written_to_their_draft_while_redis_takes_no_writes(
    stage: Stage, name: str, broken: int, whole: int
):
    play = Play(stage)
    saved = "SELECT revision, due_at IS NOT NULL FROM note_draft WHERE session_id = :id"
    with Redis(unix_socket_path=str(Home(stage.home).redis_socket)) as redis:
        redis.config_set("maxmemory-policy", "noeviction")
        redis.config_set(name, broken)
        try:
            play.webhooks()
            [(delivery_id,)] = stage.rows("SELECT min(id) FROM delivery WHERE state = 'pending'")
            interpret(stage.context, account_id=None, delivery_id=delivery_id)
            assert stage.rows(saved, id=play.saved_session[0]) == [(3, True)]
        finally:
            redis.config_set(name, whole)
    with program(stage.home, *WORKER):
        stage.wait_until_nothing_is_open()
    written = "SELECT walk_notes FROM l1_walk_session WHERE id = :id"
    assert stage.rows(written, id=play.saved_session[0]) == [([{"text": "newest"}],)]


def test_a_batch_whose_worker_was_killed_is_written_by_another_one(stage: Stage):
    """Nothing of a dead worker's is left to wait for: no lease, no lock, no flag that the sweep asks for."""
    sessions = [stage.start_walk(new_ticket()) for _ in range(30)]
    dirty = "SELECT count(*) FROM note_draft WHERE due_at IS NOT NULL"
    with program(stage.home, *WORKER) as other:
        save_notes(stage, stage.start_walk(new_ticket()))
        wait_for("the other worker", lambda: stage.rows(dirty) == [(0,)], seconds=START_SECONDS)
        other.send_signal(signal.SIGSTOP)
        try:
            with program(stage.home, *WORKER, TICKETWALK_CRASH_AT=CrashPoint.FLUSH_BEFORE_COMMIT) as process:
                for session_id in sessions:
                    save_notes(stage, session_id)
                assert process.wait(DEATH_SECONDS) == EXIT_CODE
            assert stage.rows(dirty) == [(len(sessions),)]
        finally:
            other.send_signal(signal.SIGCONT)
        # sooner than a wake-up's flag runs out
        wait_for("the write", lambda: stage.rows(dirty) == [(0,)], seconds=FLAG_SECONDS)
    written = "SELECT count(*) FROM l1_walk_session WHERE id = ANY(:ids) AND walk_notes <> '[]'"
    assert stage.rows(written, ids=[UUID(session_id) for session_id in sessions]) == [(len(sessions),)]


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


def test_a_frozen_postgres_keeps_no_sender_waiting_for_more_than_two_seconds(stage: Stage):
    """The quickest of three: this machine may have other things to do."""
    body = b'{"type": "step.record", "data": {}}'
    url = stage.webhook_url("standard")
    with postgres_frozen(stage):
        answers = [requests.post(url, data=body, headers=signed(body), timeout=ANSWER_SECONDS) for _ in "123"]
    assert [answer.status_code for answer in answers] == [503] * 3
    assert all(answer.headers["Retry-After"].isdigit() for answer in answers)
    assert min(answer.elapsed for answer in answers) < timedelta(seconds=2)
    play = Play(stage)
    wait_for("an accepted delivery", lambda: play.send(url, 0) == 202)
    play.webhooks()
    with program(stage.home, *WORKER):
        stage.wait_until_nothing_is_open()


def test_without_postgres_connectwise_gets_the_one_status_that_it_retries(stage: Stage):
    with postgres_stopped(stage):
        stage.psa.create_ticket("Monitor broken", assigned_to="jdoe")
        wait_for("an answer", lambda: stage.psa.deliveries()[-1].answers)
        sent = stage.psa.deliveries()[-1]
        assert sent.answers[0] == 429
        headers = {SIGNATURE_HEADER: sent.signature, **JSON}
        answer = requests.post(sent.url, data=sent.body, headers=headers, timeout=ANSWER_SECONDS)
        assert (answer.status_code, answer.headers["Retry-After"].isdigit()) == (429, True)
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
