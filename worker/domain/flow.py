"""An authored decision tree: nodes that ask, answers that lead on.

    start: link_light
    nodes:
      link_light: {question: "Is the link light on?", answers: {yes: gateway, no: cable}}
      gateway:    {question: "Does the gateway answer a ping?", answers: {yes: null, no: null}}

An answer that leads to null ends the flow. A node without answers takes any answer and ends it too.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from worker.domain.text import storable
from worker.errors import Refusal

#: Upper bounds that keep one flow readable in a ticket and cheap to check. Counts, not bytes.
MAX_NODES = 1_000
MAX_ANSWERS = 50

NodeId = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(storable)]
Line = Annotated[str, Field(min_length=1, max_length=4_000), AfterValidator(storable)]


class FlowNode(BaseModel):
    """One question and where each answer leads."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    question: Line
    answers: dict[Line, NodeId | None] = Field(default_factory=dict, max_length=MAX_ANSWERS)

    @field_validator("answers", mode="before")
    @classmethod
    def _empty_target_ends(cls, answers: Any) -> Any:
        if not isinstance(answers, Mapping):
            return answers
        return {key: target if target not in ("", "null") else None for key, target in answers.items()}

    def option(self, answer: str) -> str | None:
        """Return the option that `answer` means (case and outer blanks do not matter), or None."""
        wanted = answer.strip().casefold()
        return next((option for option in self.answers if option.strip().casefold() == wanted), None)


class FlowTree(BaseModel):
    """A whole decision tree, checked: every target exists and every node can be reached."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: NodeId
    nodes: dict[NodeId, FlowNode] = Field(min_length=1, max_length=MAX_NODES)

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        problem = next(self._problems(), None)
        if problem:
            raise ValueError(problem)
        return self

    def _problems(self) -> Iterator[str]:
        if self.start not in self.nodes:
            yield f'the start node "{self.start}" is not among the nodes'
        for node_id, node in self.nodes.items():
            for answer, target in node.answers.items():
                if target is not None and target not in self.nodes:
                    yield f'answer "{answer}" of node "{node_id}" leads to "{target}", which does not exist'
        reachable = self._reachable()
        for node_id in self.nodes:
            if node_id not in reachable:
                yield f'no answer leads to node "{node_id}"'

    def _reachable(self) -> set[str]:
        reached: set[str] = set()
        open_ends = [self.start]
        while open_ends:
            node_id = open_ends.pop()
            if node_id in reached:
                continue
            reached.add(node_id)
            open_ends.extend(target for target in self.nodes[node_id].answers.values() if target)
        return reached

    def check_step(self, node_id: str, answer: str) -> str:
        """Return the answer as the tree spells it. Refuses a node or an answer that is not in the tree."""
        node = self.nodes.get(node_id)
        if node is None:
            raise Refusal("unknown_node", f'the flow has no node "{node_id}"')
        if not node.answers:
            return answer
        option = node.option(answer)
        if option is None:
            raise Refusal(
                "unknown_answer",
                # what was answered is not repeated: a reason is shown where a person's words may not be
                f'that is no answer of node "{node_id}"; it takes: {", ".join(node.answers)}',
            )
        return option

    def next_node(self, node_id: str | None, answer: str | None) -> str | None:
        """Return the node to ask next: the start before the first step, None where the flow has ended."""
        if node_id is None:
            return self.start
        node = self.nodes.get(node_id)
        if node is None or answer is None:
            return None
        return node.answers.get(node.option(answer) or "")


def parse_tree(document: Any) -> FlowTree:
    """Read a tree from a document of dicts and strings. Raises ValueError with one plain sentence."""
    try:
        return FlowTree.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        raise ValueError(f"{place}: {message}" if place else message) from None
