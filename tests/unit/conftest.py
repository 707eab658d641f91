"""Unit tests reach nobody."""

import socket
from typing import Any, NoReturn

import pytest


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail the test that opens a connection or offers one; pipes and socket pairs stay allowed."""

    def refuse(_socket: socket.socket, *address: Any) -> NoReturn:
        pytest.fail(f"a unit test opened a socket: {address}")

    for method in ("connect", "connect_ex", "bind"):
        monkeypatch.setattr(socket.socket, method, refuse)
