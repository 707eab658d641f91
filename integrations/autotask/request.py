"""One request to Autotask, judged by what Autotask says and not by its status alone."""

from collections.abc import Iterable, Mapping

from integrations.answers import Answer
from integrations.autotask.classification import judged, words
from integrations.errors import CallError
from integrations.http import HttpApi
from integrations.ports import Link


class OneRequest:
    """HttpApi decides by the status; the refused answer is kept and looked at again."""

    def __init__(
        self, origin: str, headers: Mapping[str, str], link: Link, *, secrets: Iterable[str] = ()
    ) -> None:
        self.refused: Answer | None = None
        self._api = HttpApi(
            origin,
            headers,
            secrets=secrets,
            words=self._words,
            pace=link.pace,
            allow_private_hosts=link.allow_private_hosts,
        )

    def read(self, path: str, params: Mapping[str, str | int] | None = None) -> Answer:
        """GET. Raises all CallErrors but AmbiguousError."""
        try:
            return self._api.read(path, params)
        except CallError as error:
            raise self._judged(error, write=False) from None

    def write(self, method: str, path: str, body: bytes) -> Answer:
        """Send a body once, never again. Raises any CallError."""
        try:
            return self._api.write(method, path, body)
        except CallError as error:
            raise self._judged(error, write=True) from None

    def _judged(self, error: CallError, *, write: bool) -> CallError:
        return error if self.refused is None else judged(error, self.refused, write=write)

    def _words(self, answer: Answer) -> str:
        self.refused = answer
        return words(answer)
