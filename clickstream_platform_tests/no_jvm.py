"""No JVM in the part ``fast``: its tests find a ``java`` that tells on them, also from a process that they start."""

from __future__ import annotations

import os
import shlex
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

# It says its version, as `clickstream doctor` and the look before a run ask for it: a text, no JVM.
TELLTALE = """#!/bin/sh
if [ "$1" = -version ]; then
    echo 'openjdk version "17.0.1" 2021-10-19' >&2
else
    echo "java $*" >> {told}
    echo 'a test that is not marked "spark" started a JVM' >&2
    exit 1
fi
"""


@contextmanager
def no_jvm(folder: Path) -> Generator[None]:
    """Within the block ``java`` is a script in the folder; fails at the end if it was asked for more than its version.

    Not seen: a JVM that is started by its full path, without a look at ``JAVA_HOME`` or the ``PATH``.
    """
    java, told = folder / "bin" / "java", folder / "told"
    if not java.exists():  # once for all tests of a session: they are thousands
        java.parent.mkdir(parents=True)
        java.write_text(TELLTALE.format(told=shlex.quote(str(told))))
        java.chmod(0o755)
    told.unlink(missing_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAVA_HOME", str(folder))
        patch.setenv("PATH", str(java.parent), prepend=os.pathsep)
        yield
    if told.exists():
        pytest.fail(f"it started a JVM and is not marked `spark`: {told.read_text()[:300]}", pytrace=False)
