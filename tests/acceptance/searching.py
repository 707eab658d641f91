"""All that leaves the processes of the acceptance suite is searched for what was planted in them."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
import requests

from tests.acceptance.canaries import HOME_KEY, SECRET_MARK, WORDS_MARK, leaks

#: Secrets stand here on purpose, for their owner's eyes: the home's key, and the users of a Redis.
KEPT_SECRET = {"secret.key", "users.acl"}
#: What programs write about their work. What people wrote belongs into none of it.
LOGS = ".log"
#: Commands whose output is about the service, not about one walk.
ABOUT_THE_SERVICE = {"doctor", "report", "inspect", "receiver", "up", "connection", "outbox"}


#: As they are without anybody who listens: who listens anew listens alone.
RUN, BEGIN, SEND = subprocess.run, subprocess.Popen.__init__, requests.Session.send


class Search:
    """What was found so far, each as place and kind; no secret is repeated. Safe to share between threads."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self.searched: set[str] = set()
        self.homes: set[Path] = set()
        self.searched_homes: set[Path] = set()
        self._lock = Lock()

    def look(self, place: str, said: str | bytes | None, *, words: bool = False) -> None:
        """Search what was said at a place. `words`: what people wrote may not stand there either."""
        raw = said.encode(errors="surrogatepass") if isinstance(said, str) else said or b""
        marks = (SECRET_MARK, WORDS_MARK) if words else (SECRET_MARK,)
        with self._lock:
            self.searched.add(place.partition(" ")[0])
            for leak in leaks(raw, *marks):
                self.found.setdefault(f"{place}: {leak.partition(' ')[0]}", leak)

    def look_into(self, home: Path) -> None:
        """Search all files of a home whose programs have ended: logs, dumps, heaps, WAL, Redis's data.

        PostgreSQL packs values of over about 2 kB; those are seen in the dump of `looking` only.
        """
        self.searched_homes.add(home.resolve())
        for file in home.rglob("*"):
            if file.name not in KEPT_SECRET and file.is_file() and not file.is_symlink():
                self.look(f"file {file.relative_to(home)}", file.read_bytes(), words=file.suffix == LOGS)

    def assert_nothing_found(self) -> None:
        """Fail with one line for each place that gives a secret or a person's words away."""
        if left := self.homes - self.searched_homes:
            pytest.fail(f"homes that nobody searched: {sorted(map(str, left))}", pytrace=False)
        if self.found:
            lines = [f"{place.rpartition(': ')[0]}: {leak}" for place, leak in self.found.items()]
            pytest.fail("\n".join(["what was planted was found:", *lines]), pytrace=False)


#: Of this process: with several, each has servers of its own.
search = Search()


@contextmanager
def searched_home() -> Iterator[Path]:
    """Make a home whose secrets are sealed with a planted key; search it once its programs have ended.

    Its path is short enough for a socket in it.
    """
    home = Path(tempfile.mkdtemp(prefix="tw-"))
    try:
        key = home / "secret.key"
        key.touch(mode=0o600)
        key.write_text(HOME_KEY)
        yield home
    finally:
        search.look_into(home)
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def heard(patch: pytest.MonkeyPatch, heard_by: Search = search) -> Iterator[None]:
    """Search what programs that a test starts print, and what servers under test answer."""

    def heard_run(command: Any, *arguments: Any, **options: Any) -> Any:
        done = RUN(command, *arguments, **options)
        name = _name(command)
        for said in (done.stdout, done.stderr):
            heard_by.look(f"output of {name}", said, words=bool(ABOUT_THE_SERVICE & {*name.split()}))
        return done

    def heard_begin(process: Any, *arguments: Any, **options: Any) -> None:
        home = (options.get("env") or {}).get("TICKETWALK_HOME")
        if home:
            heard_by.homes.add(Path(home).resolve())
        BEGIN(process, *arguments, **options)

    def heard_send(session: Any, request: Any, **options: Any) -> Any:
        answer = SEND(session, request, **options)
        if not options.get("stream") and not _is_ours(request.url):
            _look_at(answer, heard_by)
        return answer

    with patch.context() as patched:
        patched.setattr(subprocess, "run", heard_run)
        patched.setattr(subprocess.Popen, "__init__", heard_begin)
        patched.setattr(requests.Session, "send", heard_send)
        yield


def _name(command: Any) -> str:
    """Return the first words of a command line, none of them an option or what is given with one."""
    words = [str(word) for word in command[1:]] if isinstance(command, list | tuple) else []
    return " ".join([word for word in words if re.fullmatch("[a-z]+", word)][:3]) or "a script"


def _look_at(answer: requests.Response, heard_by: Search) -> None:
    path = str(answer.request.path_url).partition("?")[0]
    place = f"answer {answer.status_code} of {path}"
    heard_by.look(place, f"{_lines(answer.headers)}\n{answer.text}", words=True)


def _lines(headers: Mapping[str, str]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in headers.items())


def _is_ours(url: str) -> bool:
    """A port that this process listens at is a simulated PSA's: it answers with keys, as it must."""
    port = urlsplit(url).port
    listening = psutil.Process().net_connections("tcp")
    return any(c.status == psutil.CONN_LISTEN and c.laddr.port == port for c in listening)
