"""The rules of a connection."""

import pytest

from worker.domain.triggers import TicketFacts, parse_rules

RULES = {
    "rules": [
        {"when": {"board": "Help Desk", "summary": "*vpn*"}, "start": "flow", "flow": "VPN down"},
        {"when": {"priority": "Priority 4*"}, "start": "ignore"},
        {"when": {"company": "A?me"}, "start": "adhoc", "user": "jane@acme.example"},
        {"when": {"type": "[Ii]ncident", "status": "New"}, "start": "adhoc"},
    ],
    "on_resolve": {"status": "Resolved"},
}


@pytest.mark.parametrize(
    ("ticket", "place"),
    [
        ({"board": "help desk", "summary": "My VPN is down", "priority": "Priority 4 - Low"}, 0),
        ({"board": "Help Desk", "summary": "Printer"}, None),
        ({"summary": "vpn"}, None),
        ({"priority": "priority 4 - low"}, 1),
        ({"company": "ACME"}, 2),
        ({"company": "Acmes"}, None),
        ({"type": "Incident", "status": "New"}, 3),
        ({"type": "Incident", "status": "Closed"}, None),
        ({}, None),
    ],
)
def test_the_first_rule_that_fits_decides_and_case_does_not_matter(ticket, place):
    rules = parse_rules(RULES)
    assert rules.first_fit(TicketFacts(**ticket)) == (None if place is None else rules.rules[place])


def test_a_rule_without_patterns_fits_every_ticket():
    assert parse_rules({"rules": [{"start": "adhoc"}]}).first_fit(TicketFacts()) is not None


@pytest.mark.parametrize("document", [None, {}, {"rules": []}])
def test_no_rules_fit_nothing_and_leave_the_status_alone(document):
    rules = parse_rules(document)
    assert rules.first_fit(TicketFacts(summary="vpn")) is None
    assert (rules.on_resolve.status, rules.on_escalate.status) == (None, None)


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ("rules", "Input should be a valid dictionary or instance of Rules"),
        ({"rule": []}, "rule: Extra inputs are not permitted"),
        ({"rules": [{"start": "flow"}]}, 'rules.0: "flow" is given exactly where start is "flow"'),
        (
            {"rules": [{"start": "adhoc", "flow": "x"}]},
            'rules.0: "flow" is given exactly where start is "flow"',
        ),
        ({"rules": [{"start": "walk"}]}, "rules.0.start: Input should be 'flow', 'adhoc' or 'ignore'"),
        ({"rules": [{}]}, "rules.0.start: Field required"),
        (
            {"rules": [{"start": "adhoc"}, {"when": {"colour": "red"}, "start": "adhoc"}]},
            "rules.1.when.colour: Extra inputs are not permitted",
        ),
        ({"on_resolve": {"state": "x"}}, "on_resolve.state: Extra inputs are not permitted"),
    ],
)
def test_wrong_rules_are_named_by_their_place(document, problem):
    with pytest.raises(ValueError, match=r".") as wrong:
        parse_rules(document)
    assert str(wrong.value) == problem
