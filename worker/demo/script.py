"""The demo's script: each stage says what it does, and names itself when it fails."""

import tempfile
from pathlib import Path
from typing import Any

from integrations.connectwise.simulator import RunningSimulator
from worker.demo.service import RunningService, running_service
from worker.demo.stage import DemoError, Stage, wait_for

HERE = Path(__file__).parent
TECHNICIAN = "jane.doe@acme.example"
CONNECTION = "acme-connectwise"


def run_demo(*, keep: bool) -> int:
    """Run the script. Return 0 if every stage succeeded, 1 with the name of the stage that did not."""
    stage = Stage()
    with tempfile.TemporaryDirectory(prefix="tw-demo-", ignore_cleanup_errors=True) as directory:
        home = Path(directory)
        try:
            stage.begin(
                "Start PostgreSQL, Redis, receiver, workers, beat, Flower and a simulated ConnectWise"
            )
            with RunningSimulator() as psa, running_service(home) as service:
                stage.took(f"receiver at {service.url}, ConnectWise at {psa.base_url}")
                _walk_one_ticket(stage, psa, service)
                if keep:
                    stage.note(f"still running; open {service.flower_url}; Ctrl-C ends it")
                    service.process.wait()
        except DemoError as error:
            stage.failed(error, log=home / "service.log")
            return 1
        except KeyboardInterrupt:
            stage.note("stopped")
    return 0


def _walk_one_ticket(stage: Stage, psa: RunningSimulator, service: RunningService) -> None:
    webhook_url = _set_up(stage, psa, service)
    psa.register_callback(webhook_url)
    ticket_id = _create_ticket(stage, psa)
    session_id = _await_walk(stage, service, ticket_id)
    _record_steps(stage, service, session_id)
    _save_notes(stage, service, session_id)
    _resolve(stage, service, session_id)
    _await_summary(stage, psa, service, ticket_id, session_id)
    wait_for("Flower's start", service.shows_flower)
    stage.done(f"Flower showed every task at {service.flower_url}")


def _set_up(stage: Stage, psa: RunningSimulator, service: RunningService) -> str:
    stage.begin("Set up an account, a technician, a flow and a connection with its rules")
    service.run("account", "add", "Acme MSP")
    service.run(
        *("user", "add", "--account", "Acme MSP", "--email", TECHNICIAN),
        *("--role", "l1_tech", "--psa-member", "jdoe"),
    )
    service.run("flow", "import", "--account", "Acme MSP", str(HERE / "vpn-down.yaml"))
    credentials = [f"--credential={name}={value}" for name, value in psa.credentials.items()]
    connection = service.run(
        *("connection", "add", "--account", "Acme MSP", "--provider", "connectwise", "--name", CONNECTION),
        *("--base-url", psa.base_url, "--rules", str(HERE / "rules.yaml"), *credentials),
    )
    stage.took(f"ConnectWise sends its webhooks to {connection['webhook_url']}")
    return str(connection["webhook_url"])


def _create_ticket(stage: Stage, psa: RunningSimulator) -> str:
    stage.begin('A ticket is created in ConnectWise: "VPN down at the branch office"')
    ticket_id = psa.create_ticket("VPN down at the branch office", assigned_to="jdoe")
    for delivery in psa.wait_for_deliveries():
        stage.took(f"ticket {ticket_id}: signed webhook sent, answered {delivery.answers[-1]}")
    return ticket_id


def _await_walk(stage: Stage, service: RunningService, ticket_id: str) -> str:
    stage.begin(
        "The webhook becomes a walk: delivery.interpret asks ConnectWise, session.start_flow starts it"
    )

    def look() -> str | None:
        walks: Any = service.run("walk", "list")
        return next((walk["id"] for walk in walks if walk["ticket_id"] == ticket_id), None)

    session_id = wait_for("the walk's start", look)
    stage.took(f"walk {session_id} is active")
    return session_id


def _record_steps(stage: Stage, service: RunningService, session_id: str) -> None:
    stage.begin("The technician walks the flow: three times step.record")
    steps = (("internet", "yes", ""), ("client", "wrong password", "expired on Friday"), ("reset", "yes", ""))
    for node, answer, note in steps:
        arguments = ["--session", session_id, "--node-id", node, "--answer", answer]
        arguments += ["--note", note] if note else []
        done = service.run("enqueue", "step.record", *arguments, "--wait")
        stage.took(
            f"step {done['step']}: {node} -> {answer}; next: {done['next_node_id'] or 'the flow has ended'}"
        )


def _save_notes(stage: Stage, service: RunningService, session_id: str) -> None:
    stage.begin(
        "The technician types notes: notes.save keeps each revision, written to the walk once per pause"
    )
    for revision, text in enumerate(
        ("User is", "User is travelling", "User is travelling, back on Monday"), 1
    ):
        notes = f'[{{"text": "{text}"}}]'
        done = service.run(
            *("enqueue", "notes.save", "--session", session_id, "--notes", notes),
            *("--revision", str(revision), "--wait"),
        )
        stage.took(f"revision {done['revision']} is on disk")


def _resolve(stage: Stage, service: RunningService, session_id: str) -> None:
    stage.begin(
        "The walk is resolved: session.resolve flushes the notes and writes the summary to the outbox"
    )
    service.run(
        *("enqueue", "session.resolve", "--session", session_id, "--helpful"),
        *("--resolution-notes", "Password was expired; reset it.", "--wait"),
    )
    stage.took("resolved")


def _await_summary(
    stage: Stage, psa: RunningSimulator, service: RunningService, ticket_id: str, session_id: str
) -> None:
    stage.begin("psa.push writes exactly one summary into the ticket, and sets its status")

    def look() -> list[dict[str, Any]] | None:
        pushes: list[dict[str, Any]] = service.run("walk", "show", session_id)["pushes"]
        return pushes if all(push["state"] == "sent" for push in pushes) else None

    pushes = wait_for("the push", look)
    notes = [note for note in psa.notes(ticket_id) if pushes[0]["marker"] in note["text"]]
    status = psa.ticket(ticket_id)["status"]["name"]
    if len(notes) != 1 or status != ">Closed":
        raise DemoError(f"expected one summary and status >Closed; found {len(notes)} and {status}")
    stage.took(f"ticket {ticket_id} is now {status}; its note {notes[0]['id']} reads:")
    stage.note("\n".join(f"  | {line}" for line in str(notes[0]["text"]).splitlines()))
