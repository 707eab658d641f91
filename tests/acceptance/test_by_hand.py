"""Tasks enqueued by hand: the command line and Celery's own, good arguments and bad ones."""

import ast
import json
import subprocess
import sys
from typing import Any

import pytest

from tests.acceptance.tools import TECHNICIAN, Account, celery, new_ticket, send, wait_for, walk_of
from worker.demo.service import RunningService


def call(service: RunningService, task: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Run `celery call` and return the task's result as `celery result` shows it."""
    called = celery(service, "call", task, "--kwargs", json.dumps(arguments))
    assert called.returncode == 0, called.stderr
    task_id = called.stdout.split()[-1]
    shown = celery(service, "result", task_id)
    assert shown.returncode == 0, shown.stderr
    result: dict[str, Any] = ast.literal_eval(shown.stdout.strip())
    return result


def enqueue(service: RunningService, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "worker", "enqueue", *arguments],
        env=dict(service.environment),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def adhoc(service: RunningService, acme: Account) -> str:
    started = service.run(
        *("enqueue", "session.start_adhoc", "--connection", acme.standard, "--ticket", new_ticket()),
        *("--user", TECHNICIAN, "--wait"),
    )
    assert started["outcome"] == "applied"
    return str(started["session_id"])


def test_celery_call_starts_a_walk_and_celery_result_says_so(service, acme):
    ticket_id = new_ticket()
    arguments = {"connection": acme.standard, "ticket": ticket_id, "user": TECHNICIAN}
    result = call(service, "session.start_adhoc", arguments)
    assert result["outcome"] == "applied"
    walk = wait_for("the walk", lambda: walk_of(service, ticket_id))
    assert walk["id"] == result["session_id"]
    again = call(service, "session.start_adhoc", arguments)
    assert again["outcome"] == "duplicate"
    assert again["detail"] == f"already active: {walk['id']}"


def test_the_same_key_changes_a_walk_once(service, acme):
    session_id = adhoc(service, acme)
    save = (
        "enqueue",
        "notes.save",
        "--session",
        session_id,
        "--notes",
        '[{"text": "x"}]',
        "--key",
        session_id,
    )
    assert service.run(*save, "--wait")["outcome"] == "applied"
    assert service.run(*save, "--wait")["outcome"] == "duplicate"
    assert service.run("walk", "show", session_id)["notes_revision"] == 1


def test_every_maintenance_task_runs_by_hand(service, acme):
    session_id = adhoc(service, acme)
    assert service.run("enqueue", "maintenance.sweep", "--wait")["outcome"] == "applied"
    assert service.run("enqueue", "session.abandon_idle", "--wait") | {"task_id": ""} == {
        "task_id": "",
        "outcome": "applied",
        "abandoned": 0,
    }
    for task in ("psa.reconcile", "psa.check_registration", "maintenance.prune"):
        assert service.run("enqueue", task, "--wait")["outcome"] == "applied"
    connection = ["--connection", acme.standard]
    reconciled = service.run("enqueue", "psa.reconcile", *connection, "--wait")
    assert reconciled["reason"] == "standard brings its commands itself"
    flushed = service.run("enqueue", "notes.flush", "--session", session_id, "--wait")
    assert flushed["revision"] is None


@pytest.fixture(scope="module")
def other_flow(service: RunningService, acme: Account, short_path) -> str:
    """A flow of another account, by id."""
    (short_path / "other.yaml").write_text("name: Secret flow\nstart: a\nnodes: {a: {question: Q}}\n")
    service.run("account", "add", "Other MSP")
    imported = service.run("flow", "import", "--account", "Other MSP", str(short_path / "other.yaml"))
    return str(imported["id"])


def bad_calls(acme: Account, session_id: str, other_flow: str) -> dict[str, tuple[str, dict[str, Any], str]]:
    start = {"connection": acme.standard, "ticket": "B-1"}
    return {
        "unknown user": (
            "session.start_adhoc",
            {**start, "user": "nobody@acme.example"},
            'the account has no user "nobody@acme.example"',
        ),
        "other account's flow": (
            "session.start_flow",
            {**start, "user": TECHNICIAN, "flow": other_flow},
            f'the account has no flow "{other_flow}"',
        ),
        "too large": (
            "notes.save",
            {"session": session_id, "notes": [{"text": "x" * 300 * 1024}], "revision": 5},
            "the limit is 262144 bytes",
        ),
        "step on an ad-hoc walk": (
            "step.record",
            {"session": session_id, "node_id": "light", "answer": "yes"},
            "an ad-hoc walk takes notes, not steps",
        ),
        "unknown field": (
            "session.resolve",
            {"session": session_id, "helpfull": True},
            'unknown field "helpfull"',
        ),
        "unknown connection": (
            "session.start_adhoc",
            {"connection": "nowhere", "ticket": "1", "user": TECHNICIAN},
            'there is no connection "nowhere"',
        ),
    }


def test_bad_arguments_end_as_refused_with_one_sentence_and_change_nothing(service, acme, other_flow):
    session_id = adhoc(service, acme)
    before = service.run("walk", "list", "--limit", "1000")
    bad = bad_calls(acme, session_id, other_flow)
    results = send(service, [(task, arguments) for task, arguments, _ in bad.values()])
    for (name, (_, _, sentence)), result in zip(bad.items(), results, strict=True):
        assert result["outcome"] == "refused", name
        assert sentence in result["reason"], name
        assert "\n" not in result["reason"], name
    assert service.run("walk", "list", "--limit", "1000") == before
    assert service.run("walk", "show", session_id)["notes_revision"] == 0
    pending: Any = service.run("command", "list", "--state", "pending")
    assert pending == []


def test_the_command_line_refuses_with_one_line_and_exit_code_1(service, acme):
    done = enqueue(
        service,
        "session.start_adhoc",
        "--connection",
        acme.standard,
        "--ticket",
        "1",
        "--user",
        "x",
        "--wait",
    )
    assert done.returncode == 1
    assert done.stderr == 'ticketwalk: the account has no user "x" (see: ticketwalk user list)\n'


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["session.start_sideways"], 'there is no task "session.start_sideways"'),
        (["session.start_adhoc", "ticket"], "the task's arguments are options"),
        ([], "Missing argument"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(service, arguments, sentence):
    done = enqueue(service, *arguments)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert done.stderr.startswith("ticketwalk: ")
    assert done.stderr.count("\n") == 1


def test_a_dry_run_checks_and_changes_nothing(service, acme):
    ticket_id = new_ticket()
    line = [
        "enqueue",
        "session.start_adhoc",
        "--connection",
        acme.standard,
        "--ticket",
        ticket_id,
        "--dry-run",
    ]
    assert service.run(*line, "--user", TECHNICIAN)["outcome"] == "valid"
    assert walk_of(service, ticket_id) is None
