"""A short run of the chaos suite as part of the tests; `make chaos` is the long one."""

import subprocess
import sys

import pytest

from tests.chaos.proxy import ROOT

pytestmark = pytest.mark.acceptance

#: Faults for under a minute, then as long as it takes to settle: leases of 20 s and looks of 10 s.
RUN = ("--quick", "--minutes", "0.6", "--rate", "30", "--seed", "1")


@pytest.mark.timeout(420)
def test_a_minute_of_faults_loses_doubles_and_reorders_nothing():
    # a process of its own: no plugin of the test runner in its threads, and its group can be ended
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos", *RUN],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "GREEN" in done.stdout
