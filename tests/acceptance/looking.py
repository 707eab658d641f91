"""Everything that a running service can be asked, for the search at its end."""

import sys
from collections.abc import Mapping
from pathlib import Path
from subprocess import run
from typing import Any

import psutil
import psycopg
import requests

from tests.acceptance.searching import Search, search
from worker.demo.service import RunningService
from worker.runtime.home import Home

#: An answer of our own machine, in seconds.
ANSWER_SECONDS = 20
#: Pages of single tasks that are looked at; the list shows the same of all.
TASK_PAGES = 30
RECEIVER = ("/metrics", "/readyz", "/healthz", "/openapi.json", "/docs", "/nowhere")
FLOWER = ("/workers?refresh=1", "/tasks", "/broker", "/metrics", "/api/tasks")
PROGRAMS = (
    ("worker", "doctor"),
    ("worker", "connection", "list"),
    ("worker", "outbox", "list"),
    ("celery", "-A", "worker", "report"),
    ("celery", "-A", "worker", "inspect", "conf"),
)
#: Flower's list of tasks, as its page asks for it.
LIST = "/tasks/datatable?draw=1&start=0&length=20000&order[0][column]=0&columns[0][data]=name"


def look_at(service: RunningService, searched: Search = search) -> None:
    """Ask the service everything, and search the answers and its database."""
    for program in PROGRAMS:
        said = _said(service.environment, *program)
        searched.look(f"output of {' '.join(program)}", said, words=True)
    for path in RECEIVER:
        searched.look(f"answer of {path}", _answered(f"{service.url}{path}"), words=True)
    _look_at_flower(service, searched)
    _look_at_processes(service, searched)
    home = Home(Path(service.environment["TICKETWALK_HOME"]))
    searched.look("database", dump(home.database_url.replace("+psycopg", "")))


def _said(environment: Mapping[str, str], *program: str) -> bytes:
    command = [sys.executable, "-m", *program]
    done = run(command, env=dict(environment), capture_output=True, timeout=120, check=False)
    return done.stdout + done.stderr


def _answered(url: str) -> str:
    answer = requests.get(url, timeout=ANSWER_SECONDS)
    return f"{answer.headers}\n{answer.text}"


def _look_at_flower(service: RunningService, searched: Search) -> None:
    if not service.shows_flower():
        return
    tasks: list[dict[str, Any]] = requests.get(service.flower_url + LIST, timeout=ANSWER_SECONDS).json()[
        "data"
    ]
    searched.look("flower's list of tasks", str(tasks), words=True)
    # of each name some
    shown = {(task["name"], number % (TASK_PAGES // 10)): task["uuid"] for number, task in enumerate(tasks)}
    for path in (*FLOWER, *(f"/task/{task_id}" for task_id in list(shown.values())[:TASK_PAGES])):
        searched.look(f"flower {path}", _answered(f"{service.flower_url}{path}"), words=True)


def _look_at_processes(service: RunningService, searched: Search) -> None:
    """What every user of the machine sees."""
    for process in psutil.Process(service.process.pid).children(recursive=True):
        try:
            searched.look("process list", " ".join(process.cmdline()), words=True)
        except psutil.Error:
            continue


def dump(url: str) -> str:
    """Return every row of every table, as COPY writes it."""
    rows = []
    with psycopg.connect(url) as owner:
        tables = owner.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (table,) in tables:
            with owner.cursor().copy("COPY " + table + " TO STDOUT") as copied:
                rows += [bytes(chunk).decode() for chunk in copied]
    return "".join(rows)
