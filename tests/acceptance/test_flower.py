"""Flower, as ops see it in a real browser: wire names, ticket and session; no word that a person wrote."""

import json
import shutil
from collections.abc import Iterator

import pytest
import requests
from selenium import webdriver
from selenium.webdriver.common.by import By

from tests.acceptance.canaries import WORDS
from tests.acceptance.tools import TECHNICIAN, celery, new_ticket, wait_for
from worker.demo.service import RunningService

pytestmark = pytest.mark.skipif(
    not (shutil.which("chromium") and shutil.which("chromedriver")),
    reason="needs Chromium and its driver (Debian: apt-get install chromium chromium-driver)",
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for flag in (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--window-size=2400,1400",
        f"--user-data-dir={tmp_path_factory.mktemp('chromium')}",
    ):
        options.add_argument(flag)
    service = webdriver.ChromeService(executable_path=str(shutil.which("chromedriver")))
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def walked(service: RunningService, acme) -> tuple[str, str]:
    """A walk with private words in every place that a person can write in; by hand and by the pipeline."""
    ticket_id = new_ticket()
    start = {"connection": acme.standard, "ticket": ticket_id, "user": TECHNICIAN, "flow": "VPN down"}
    assert celery(service, "call", "session.start_flow", "--kwargs", json.dumps(start)).returncode == 0

    def started() -> str | None:
        walks = service.run("walk", "list", "--limit", "1000")
        return next((walk["id"] for walk in walks if walk["ticket_id"] == ticket_id), None)

    session_id = wait_for("the walk", started)
    step = {"session": session_id, "node_id": "light", "answer": "yes", "note": WORDS, "question": WORDS}
    notes = {"session": session_id, "notes": [{"text": WORDS}], "revision": 1}
    for task, arguments in (("step.record", step), ("notes.save", notes)):
        assert celery(service, "call", task, "--kwargs", json.dumps(arguments)).returncode == 0
    service.run(
        *("enqueue", "session.escalate", "--session", session_id),
        *("--escalation-reason", WORDS, "--wait"),
    )
    return ticket_id, session_id


def test_flower_lists_tasks_by_wire_name_with_ticket_and_session_and_no_note_text(service, browser, walked):
    ticket_id, session_id = walked
    wait_for("Flower", service.shows_flower)
    browser.get(f"{service.flower_url}/tasks")
    wanted = {"session.start_flow", "step.record", "notes.save", "session.escalate", "psa.push"}

    def table() -> str | None:
        # a page of 15 rows is the default; the search narrows it to this walk's tasks
        browser.execute_script("jQuery('#tasks-table').DataTable().page.len(100).draw();")
        text = browser.find_element(By.ID, "tasks-table").text
        return text if all(name in text for name in wanted) and session_id in text else None

    shown = wait_for("the table of tasks", table, seconds=60)
    assert ticket_id in shown
    assert WORDS not in browser.page_source


def test_no_task_page_shows_what_a_person_wrote(service, browser, walked):
    browser.get(f"{service.flower_url}/tasks")

    def links() -> list[str] | None:
        # read by one script: an answer to the draw replaces the rows while a driver goes from link to link
        browser.execute_script("jQuery('#tasks-table').DataTable().page.len(100).draw();")
        found: list[str] = browser.execute_script(
            "return Array.from(document.querySelectorAll(arguments[0]), link => link.href)",
            "#tasks-table tbody tr a[href*='/task/']",
        )
        return found or None

    for link in wait_for("links to tasks", links, seconds=60):
        assert WORDS not in requests.get(link, timeout=10).text


def test_flowers_api_is_closed_without_a_password(service):
    assert requests.get(f"{service.flower_url}/api/tasks", timeout=10).status_code == 401
