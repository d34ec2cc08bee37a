"""What hosts of a network of their own do to each other. The rest, with Spark, is ``make hosts``."""

from __future__ import annotations

import subprocess
import sys

import pytest

from clickstream_platform_tests import hosts
from clickstream_platform_tests.network import lacking


def test_a_host_that_was_cut_off_from_the_store_finds_its_lease_taken_over() -> None:
    if why := lacking():
        pytest.skip(f"NOT TRIED, hosts of a network: {why}")
    command = [sys.executable, "-m", hosts.__name__, "--leases"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("leases: fences [1, 2], taken over in ")
