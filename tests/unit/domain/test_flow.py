"""Authored decision trees."""

from typing import Any

import pytest

from worker.domain.flow import FlowTree, parse_tree
from worker.errors import Refusal

DOCUMENT: dict[str, Any] = {
    "start": "link",
    "nodes": {
        "link": {"question": "Is the link light on?", "answers": {"Yes": "ping", "no": None}},
        "ping": {"question": "Does it answer a ping?", "answers": {"yes": "free", "no": ""}},
        "free": {"question": "What does it say?"},
    },
}


@pytest.fixture
def tree() -> FlowTree:
    return parse_tree(DOCUMENT)


def with_link(**changes: Any) -> dict[str, Any]:
    return {**DOCUMENT, "nodes": {**DOCUMENT["nodes"], "link": {**DOCUMENT["nodes"]["link"], **changes}}}


@pytest.mark.parametrize("end", [None, "", "null"])
def test_an_answer_that_leads_to_nothing_ends_the_flow(end):
    document = {"start": "a", "nodes": {"a": {"question": "Done?", "answers": {"yes": end}}}}
    assert parse_tree(document).next_node("a", "yes") is None


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ("no tree", "Input should be a valid dictionary or instance of FlowTree"),
        ({}, "start: Field required"),
        ({"start": "a"}, "nodes: Field required"),
        ({"start": "a", "nodes": {}}, "nodes: Dictionary should have at least 1 item"),
        ({**DOCUMENT, "version": 3}, "version: Extra inputs are not permitted"),
        ({**DOCUMENT, "start": "door"}, 'the start node "door" is not among the nodes'),
        (
            with_link(answers={"yes": "nowhere"}),
            'answer "yes" of node "link" leads to "nowhere", which does not exist',
        ),
        (with_link(answers={"yes": "free"}), 'no answer leads to node "ping"'),
        (with_link(answers={}), 'no answer leads to node "ping"'),
        (with_link(question=""), "nodes.link.question: String should have at least 1 character"),
        (
            with_link(question="x" * 4_001),
            "nodes.link.question: String should have at most 4000 characters",
        ),
        (with_link(question="a\x00b"), "nodes.link.question: contains a NUL character"),
        (
            with_link(question="\ud800"),
            "nodes.link.question: Input should be a valid string, unable to parse raw data as a unicode",
        ),
        (with_link(answers=["yes"]), "nodes.link.answers: Input should be a valid dictionary"),
        (with_link(answers={"yes": 7}), "nodes.link.answers.yes: Input should be a valid string"),
        (with_link(hint="look"), "nodes.link.hint: Extra inputs are not permitted"),
        (
            with_link(answers={str(number): None for number in range(51)}),
            "nodes.link.answers: Dictionary should have at most 50 items",
        ),
        (
            {"start": "0", "nodes": {str(number): {"question": "?"} for number in range(1_001)}},
            "nodes: Dictionary should have at most 1000 items",
        ),
    ],
)
def test_a_tree_that_does_not_hang_together_is_named_by_its_first_problem(document, problem):
    with pytest.raises(ValueError, match=r".") as wrong:
        parse_tree(document)
    assert str(wrong.value).startswith(problem)
    assert "\n" not in str(wrong.value)


def test_a_flow_may_lead_back():
    again = {"start": "a", "nodes": {"a": {"question": "Works?", "answers": {"no": "a", "yes": None}}}}
    assert parse_tree(again).next_node("a", "no") == "a"


@pytest.mark.parametrize(
    ("node", "answer", "spelled"),
    [
        ("link", "Yes", "Yes"),
        ("link", "  yEs ", "Yes"),
        ("link", "NO", "no"),
        ("free", "anything at all", "anything at all"),
    ],
)
def test_an_answer_is_taken_as_the_tree_spells_it(tree, node, answer, spelled):
    assert tree.check_step(node, answer) == spelled


@pytest.mark.parametrize(
    ("node", "answer", "code", "sentence"),
    [
        ("door", "yes", "unknown_node", 'the flow has no node "door"'),
        ("link", "the password is 1234", "unknown_answer", 'no answer of node "link"; it takes: Yes, no'),
    ],
)
def test_a_step_outside_the_tree_is_refused_without_repeating_the_answer(tree, node, answer, code, sentence):
    with pytest.raises(Refusal) as refused:
        tree.check_step(node, answer)
    assert refused.value.code == code
    assert sentence in refused.value.sentence
    assert "1234" not in refused.value.sentence


@pytest.mark.parametrize(
    ("node", "answer", "following"),
    [
        (None, None, "link"),
        ("link", "yes", "ping"),
        ("link", "No", None),
        ("ping", "no", None),
        ("link", "perhaps", None),
        ("link", None, None),
        ("free", "it hums", None),
        ("door", "yes", None),
    ],
)
def test_the_next_question_follows_from_the_answer(tree, node, answer, following):
    assert tree.next_node(node, answer) == following
