"""Read the YAML and JSON files that commands take."""

import sys
from pathlib import Path
from typing import Any

import yaml

from worker.errors import Refusal

#: A flow or rules file is written by hand; a larger one is a mistake. Bytes.
MAX_FILE_BYTES = 5 * 1024 * 1024


def read_file(path: Path) -> Any:
    """Return a file's document (`-`: standard input). Every scalar is a text: `yes` stays "yes".

    Refuses what cannot be read, in one sentence.
    """
    try:
        return parse_document(sys.stdin.read() if str(path) == "-" else _bounded(path))
    except OSError as error:
        raise Refusal("unreadable", f"{path} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        raise Refusal("unreadable", f"{path} is neither YAML nor JSON: {_where(error)}") from None


def parse_document(text: str) -> Any:
    """Return the document in a text. Raises yaml.YAMLError, ValueError, OverflowError, RecursionError."""
    # JSON is YAML; the base loader knows no types, so an answer `no` does not become False
    return yaml.load(text, Loader=_PlainLoader)  # noqa: S506 - the base loader makes only text, lists, dicts


def _bounded(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise Refusal("unreadable", f"{path} is over {MAX_FILE_BYTES} bytes")
    return content.decode()


class _PlainLoader(yaml.BaseLoader):
    """Texts, lists and dicts; no aliases, which can make a small file enormous."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "aliases are not allowed", None)
        return super().compose_node(parent, index)


def _where(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "it cannot be parsed"
    return f"{problem} (line {mark.line + 1})" if mark else str(problem)
