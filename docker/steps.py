"""Run the steps of the Dockerfile in a bare root, where no container engine is: by chroot, as root.

``python docker/steps.py ROOT``, where ROOT has what the image begins with: a Debian with ``python`` and ``pip``.
README.md says how one is made, and what was seen. It knows the instructions that the Dockerfile has, and refuses any
other. FROM and ENTRYPOINT are left to whoever uses the root.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

CONTEXT = Path(__file__).parent.parent
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def steps(dockerfile: str) -> list[tuple[str, str]]:
    """The instructions in their order, each on one line, without comments."""
    lines = "\n".join(line for line in dockerfile.splitlines() if not line.lstrip().startswith("#"))
    whole = re.sub(r"\\\n\s*", " ", lines)
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in whole.splitlines() if line)]


def copy(root: Path, folder: str, arguments: str) -> None:
    """COPY: a folder's content into the place, files into it or, if it ends without a slash, as it."""
    *sources, place = shlex.split(arguments)
    target = root / str(Path(folder) / place).lstrip("/")
    for source in sources:
        if (CONTEXT / source).is_dir():
            shutil.copytree(CONTEXT / source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            into = target / Path(source).name if place.endswith("/") or target.is_dir() else target
            into.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(CONTEXT / source, into)


def run_all(root: Path) -> None:
    """Run them; a step that fails ends it, as it ends a build."""
    environment, folder, user = {"PATH": PATH, "HOME": "/root"}, "/", "root"
    for name, rest in steps((CONTEXT / "docker" / "Dockerfile").read_text()):
        began = time.monotonic()
        if name == "WORKDIR":
            folder = rest
            (root / folder.lstrip("/")).mkdir(parents=True, exist_ok=True)
        elif name == "ENV":
            environment |= dict(pair.split("=", 1) for pair in shlex.split(rest))
        elif name == "COPY":
            copy(root, folder, rest)
        elif name == "USER":
            user = rest
        elif name == "RUN":
            inside = ["chroot", f"--userspec={user}", str(root), "/usr/bin/env", "-i"]
            settings = [f"{key}={value}" for key, value in environment.items()]
            shell = ["/bin/sh", "-c", f"cd {folder} && {rest}"]
            subprocess.run([*inside, *settings, *shell], check=True)
        elif name not in ("FROM", "ENTRYPOINT"):
            sys.exit(f"docker/Dockerfile: {name} is not known here; teach docker/steps.py")
        print(f"{time.monotonic() - began:6.1f} s  {name} {rest[:90]}", flush=True)


if __name__ == "__main__":
    run_all(Path(sys.argv[1]).resolve())
