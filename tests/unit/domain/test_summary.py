"""The text that stands in the ticket when a walk is over, to the letter."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from worker.domain.summary import StepLine, WalkReport, summary_text
from worker.domain.words import ActingAs, SessionKind, SessionStatus

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

RESOLVED = WalkReport(
    ticket="100 - VPN down",
    technician="jane@acme.example",
    acting_as=None,
    kind=SessionKind.FLOW,
    status=SessionStatus.RESOLVED,
    started_at=NOON,
    closed_at=NOON + timedelta(minutes=4, seconds=5),
    guide="VPN down (version 2)",
    steps=[
        StepLine("Is the link light on?", "no", "it blinks amber"),
        StepLine("Is the cable plugged in?", "yes"),
    ],
    notes=[{"text": "called the user"}, {"port": 7, "vlan": "guest", "seen": ["a"]}, {}],
    helpful=True,
    resolution_notes="replaced the cable",
)
PLAIN = WalkReport(
    ticket="100",
    technician="jane@acme.example",
    acting_as=None,
    kind=SessionKind.ADHOC,
    status=SessionStatus.RESOLVED,
    started_at=NOON,
    closed_at=NOON,
)


def test_a_resolved_flow_with_notes_reads_whole():
    assert (
        summary_text(RESOLVED, marker="[tw:7c1f9e2a]")
        == """\
L1 walk: resolved [tw:7c1f9e2a]
Ticket: 100 - VPN down
Technician: jane@acme.example
Guide: VPN down (version 2)
Time spent: 4 min 05 s

Steps:
1. Is the link light on? -> no
   Note: it blinks amber
2. Is the cable plugged in? -> yes

Notes:
- called the user
- port: 7; vlan: guest

Resolution: replaced the cable
Guide was helpful: yes"""
    )


def test_an_escalation_by_a_covering_engineer_hands_off_what_was_tried_and_what_is_open():
    report = replace(
        RESOLVED,
        acting_as=ActingAs.L1_COVERAGE,
        status=SessionStatus.ESCALATED,
        notes=(),
        helpful=None,
        resolution_notes=None,
        escalation_reason="the switch is dead",
        escalation_category="hardware",
        open_question="Does the gateway answer a ping?",
    )
    assert (
        summary_text(report, marker="[tw:7c1f9e2a]")
        == """\
L1 walk: escalated [tw:7c1f9e2a]
Ticket: 100 - VPN down
Technician: jane@acme.example (engineer covering L1)
Guide: VPN down (version 2)
Time spent: 4 min 05 s

What was tried:
1. Is the link light on? -> no
   Note: it blinks amber
2. Is the cable plugged in? -> yes

Escalated (hardware): the switch is dead
Open question: Does the gateway answer a ping?"""
    )


def test_an_adhoc_walk_without_notes_is_short():
    assert (
        summary_text(PLAIN, marker="[tw:7c1f9e2a]")
        == """\
L1 walk: resolved [tw:7c1f9e2a]
Ticket: 100
Technician: jane@acme.example
Guide: none (ad hoc)
Time spent: 0 min 00 s

Resolution: resolved"""
    )


def test_an_abandoned_walk_says_why_it_has_no_outcome():
    report = replace(PLAIN, status=SessionStatus.ABANDONED, abandoned_because="untouched for 24 hours")
    assert summary_text(report, marker="[tw:7c1f9e2a]").splitlines()[-1] == (
        "Closed without an outcome: untouched for 24 hours"
    )


@pytest.mark.parametrize(
    ("spent", "words"),
    [
        (timedelta(seconds=-5), "0 min 00 s"),
        (timedelta(seconds=59.9), "0 min 59 s"),
        (timedelta(minutes=59, seconds=59), "59 min 59 s"),
        (timedelta(hours=1), "1 h 00 min"),
        (timedelta(hours=26, minutes=3), "26 h 03 min"),
    ],
)
def test_time_spent_is_told_in_hours_minutes_and_seconds(spent, words):
    report = replace(PLAIN, closed_at=NOON + spent)
    assert f"Time spent: {words}\n" in summary_text(report, marker="")


@pytest.mark.parametrize(
    ("helpful", "line"), [(False, "Guide was helpful: no"), (None, "Resolution: resolved")]
)
def test_whether_the_guide_was_helpful_is_told_where_it_is_known(helpful, line):
    assert summary_text(replace(PLAIN, helpful=helpful), marker="").splitlines()[-1] == line


def test_without_a_marker_no_blank_is_left_at_the_end_of_the_first_line():
    assert summary_text(PLAIN, marker="").splitlines()[0] == "L1 walk: resolved"
