"""The text that stands in the ticket when a walk is over. Deterministic; to be read without the tree."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from worker.domain.words import ActingAs, SessionKind, SessionStatus


@dataclass(frozen=True, slots=True)
class StepLine:
    """One step that stands (withdrawn steps are not part of the summary)."""

    question: str
    answer: str
    note: str | None = None


@dataclass(frozen=True, slots=True)
class WalkReport:
    """All that a summary says. Times are aware UTC."""

    ticket: str
    technician: str
    acting_as: ActingAs | None
    kind: SessionKind
    status: SessionStatus
    started_at: datetime
    closed_at: datetime
    guide: str | None = None
    steps: Sequence[StepLine] = ()
    notes: Sequence[dict[str, Any]] = ()
    helpful: bool | None = None
    resolution_notes: str | None = None
    escalation_reason: str | None = None
    escalation_category: str | None = None
    abandoned_because: str | None = None
    open_question: str | None = None


def summary_text(report: WalkReport, *, marker: str) -> str:
    """Return the note's text. The marker stands in the first line, where no truncation reaches it."""
    lines = [
        f"{_headline(report)} {marker}".rstrip(),
        f"Ticket: {report.ticket}",
        f"Technician: {report.technician}{_covering(report)}",
        f"Guide: {report.guide or _GUIDES[report.kind]}",
        f"Time spent: {_spent(report.closed_at - report.started_at)}",
        *_step_lines(report),
        *_note_lines(report),
        *_outcome_lines(report),
    ]
    return "\n".join(lines)


_GUIDES = {
    SessionKind.FLOW: "flow",
    SessionKind.PROPOSAL: "AI-built flow proposal",
    SessionKind.ADHOC: "none (ad hoc)",
}
_HEADLINES = {
    SessionStatus.RESOLVED: "L1 walk: resolved",
    SessionStatus.ESCALATED: "L1 walk: escalated",
    SessionStatus.ABANDONED: "L1 walk: abandoned",
    SessionStatus.ACTIVE: "L1 walk: in progress",
}


def _headline(report: WalkReport) -> str:
    return _HEADLINES[report.status]


def _covering(report: WalkReport) -> str:
    return " (engineer covering L1)" if report.acting_as is ActingAs.L1_COVERAGE else ""


def _spent(duration: timedelta) -> str:
    minutes, seconds = divmod(max(0, int(duration.total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {seconds:02d} s"


def _step_lines(report: WalkReport) -> list[str]:
    if not report.steps:
        return []
    lines = ["", "What was tried:" if report.status is SessionStatus.ESCALATED else "Steps:"]
    for number, step in enumerate(report.steps, start=1):
        lines.append(f"{number}. {step.question} -> {step.answer}")
        if step.note:
            lines.append(f"   Note: {step.note}")
    return lines


def _note_lines(report: WalkReport) -> list[str]:
    texts = [_note_text(note) for note in report.notes if not note.get("deleted")]
    texts = [text for text in texts if text]
    return ["", "Notes:", *(f"- {text}" for text in texts)] if texts else []


def _note_text(note: dict[str, Any]) -> str:
    text = note.get("text") or note.get("note") or note.get("content")
    if isinstance(text, str):
        return text
    return "; ".join(f"{key}: {value}" for key, value in note.items() if isinstance(value, str | int | float))


def _outcome_lines(report: WalkReport) -> list[str]:
    lines = [""]
    if report.status is SessionStatus.RESOLVED:
        lines.append(f"Resolution: {report.resolution_notes or 'resolved'}")
        if report.helpful is not None:
            lines.append(f"Guide was helpful: {'yes' if report.helpful else 'no'}")
    elif report.status is SessionStatus.ESCALATED:
        category = f" ({report.escalation_category})" if report.escalation_category else ""
        lines.append(f"Escalated{category}: {report.escalation_reason}")
        if report.open_question:
            lines.append(f"Open question: {report.open_question}")
    else:
        lines.append(f"Closed without an outcome: {report.abandoned_because or 'nobody went on with it'}")
    return lines
