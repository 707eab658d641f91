"""A database that vanishes without closing its connections is noticed by the kernel, in seconds."""

import socket
import sys

import pytest

from tests.chaos.proxy import RunningProxy
from worker.db.engine import make_engine

pytestmark = pytest.mark.integration


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels name the options otherwise")
def test_a_connection_to_a_database_that_vanished_ends_within_ten_seconds(home):
    with RunningProxy(home.postgres_sockets / ".s.PGSQL.5432") as proxy:
        engine = make_engine(f"postgresql+psycopg://postgres@127.0.0.1:{proxy.port}/postgres", pool_size=1)
        with engine.connect() as connection:
            driver = connection.connection.dbapi_connection
            assert driver is not None
            with socket.socket(fileno=driver.pgconn.socket) as link:
                options = [
                    link.getsockopt(socket.IPPROTO_TCP, option)
                    for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
                ]
                patience = link.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
                link.detach()
        engine.dispose()
    assert options == [5, 2, 3]
    assert patience == 10_000
