"""Known weaknesses of what is locked: which of them fail the checks, and what is said without an answer."""

from collections.abc import Callable
from http.client import IncompleteRead
from pathlib import Path
from typing import Any

import pytest

from requirements import audit
from requirements.audit import NOT_ASKED, WEAK, main
from requirements.locked import packages


def weak(fixed: str | None) -> dict[str, Any]:
    """Return a weakness of celery as OSV tells it."""
    events = [{"introduced": "0"}, *([{"fixed": fixed}] if fixed else [])]
    ranges = [{"type": "ECOSYSTEM", "events": events}]
    return {"id": "GHSA-1", "affected": [{"package": {"name": "celery"}, "ranges": ranges}]}


@pytest.fixture
def osv(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Have OSV know this weakness of celery, or none; accept what is given."""

    def know(weakness: dict[str, Any] | None, accepted: str = "") -> None:
        (tmp_path / "accepted.toml").write_text(accepted)
        monkeypatch.setattr(audit, "ACCEPTED", tmp_path / "accepted.toml")

        def ask(url: str, question: dict[str, Any] | None = None) -> dict[str, Any]:
            if question is None:
                assert url.endswith("/vulns/GHSA-1")
                return weakness or {}
            names = [query["package"]["name"] for query in question["queries"]]
            known = {"vulns": [{"id": "GHSA-1"}]} if weakness else {}
            return {"results": [known if name == "celery" else {} for name in names]}

        monkeypatch.setattr(audit, "_ask", ask)

    return know


def test_a_known_weakness_with_a_fix_fails_and_is_named(osv, capsys):
    osv(weak("5.6.4"))
    assert main(["--where-reachable"]) == WEAK
    assert "celery 5.6.3: GHSA-1, fixed in 5.6.4" in capsys.readouterr().out


def test_a_weakness_without_a_fix_or_with_a_reason_fails_nothing(osv):
    osv(weak(None))
    assert main([]) == 0
    osv(weak("5.6.4"), accepted='"GHSA-1" = "the code is not reached"')
    assert main([]) == 0


def test_nothing_known_is_said_with_the_number_of_packages(osv, capsys):
    osv(None)
    assert main([]) == 0
    assert "packages, no known weakness" in capsys.readouterr().out


def refuses(*_: object) -> None:
    raise ConnectionRefusedError


def breaks_off(*_: object) -> None:
    raise IncompleteRead(b"")


@pytest.mark.parametrize(
    "answer", [refuses, breaks_off, lambda *_: {}, lambda *_: {"results": []}, lambda *_: [1]]
)
def test_without_an_answer_it_is_said_and_only_the_audit_fails(answer, monkeypatch, capsys):
    monkeypatch.setattr(audit, "_ask", answer)
    assert main(["--where-reachable"]) == 0
    assert "NOT LOOKED UP" in capsys.readouterr().out
    assert main([]) == NOT_ASKED


def test_every_locked_package_is_asked_about(monkeypatch):
    asked: list[str] = []

    def ask(_url: str, question: dict[str, Any]) -> dict[str, Any]:
        asked.extend(query["package"]["name"] for query in question["queries"])
        return {"results": [{}] * len(question["queries"])}

    monkeypatch.setattr(audit, "_ask", ask)
    assert main([]) == 0
    for lock in ("runtime", "dev", "fuzz"):
        assert {package.name for package in packages(lock)} <= set(asked)
