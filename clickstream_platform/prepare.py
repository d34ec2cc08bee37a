"""What a run finds in the cache, so that it need not wait: the jars and, if the user likes, a class-data archive.

``python -m clickstream_platform.prepare`` fetches the jars, for ``make setup``; with ``--stores`` those too that a lake
on an object store needs, of whatever kind; with ``--classes`` it makes the archive too.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, cast

from clickstream_platform.errors import ClickstreamError, SetupError
from clickstream_platform.jvm import class_data
from clickstream_platform.jvm.jars import jar_paths
from clickstream_platform.jvm.machine import require_java, require_room
from clickstream_platform.jvm.maven import resolve
from clickstream_platform.jvm.store import JARS_OF_CLIENTS
from clickstream_platform.settings import Settings, from_env

if TYPE_CHECKING:
    import subprocess

RECORDS, ARRIVALS = 2_000, 2  # the second brings what a first run does not need: late rows, a MERGE
log = logging.getLogger(__name__)


def keep_classes(settings: Settings) -> None:
    """Make the archive now, unless it is there. Needs the jars. Costs two minutes, once.

    For an image or a machine that is made ready: a first run leaves one by itself, of the classes that it used.

    Raises:
        SetupError: no Java, no room, or the JVM leaves no archive.
    """
    java = require_java()
    archive = class_data.archive(java, settings.cache)
    if archive.is_file():
        return
    require_room(settings.cache, class_data.ROOM, "the JVM's classes", "CLICKSTREAM_CACHE")
    log.info("keeping the JVM's classes for the next one (200 MB, two minutes, once) ...")
    started = time.monotonic()
    with TemporaryDirectory(dir=settings.cache, prefix=".classes-") as scratch:
        left = Path(scratch, "classes.jsa")
        _train(Path(scratch), settings.cache, left)
        if not left.is_file():
            raise SetupError("java", f"{java.path} left no class-data archive", "go on without: runs only start later")
        class_data.keep(left, archive)
    log.info("kept in %s after %.0f s", archive, time.monotonic() - started)


def _train(home: Path, cache: Path, archive: Path) -> None:
    """Run all tables on some events, in a JVM that archives at its end what it has loaded.

    With default settings: those of the environment may name a source and a lake that are somebody's.
    """
    # Imported here: who only fetches jars need not wait a second for these.
    from clickstream_platform.jvm.session import FIRST_COMPILER, LOCAL_JVM, build_session  # noqa: PLC0415
    from clickstream_platform.simulator.landing import write_arrival  # noqa: PLC0415
    from clickstream_platform.simulator.simulation import simulate  # noqa: PLC0415
    from clickstream_platform.streaming.lake.places import Lake  # noqa: PLC0415
    from clickstream_platform.streaming.runtime.hooks import Hooks  # noqa: PLC0415
    from clickstream_platform.streaming.runtime.run import run  # noqa: PLC0415
    from clickstream_platform.tables import tables  # noqa: PLC0415

    options = {"spark.driver.extraJavaOptions": f"{LOCAL_JVM} {FIRST_COMPILER} {class_data.to_make(archive)}"}
    settings = Settings.model_construct(home=home, cache=cache, spark_conf=options)
    spark = build_session(settings, jvm_log=home / "spark.log")
    jvm = cast("subprocess.Popen[bytes]", spark.sparkContext._gateway.proc)  # type: ignore[union-attr]
    simulated = simulate(RECORDS, seed=1)
    for arrival in range(1, ARRIVALS + 1):
        write_arrival(Path(settings.source_url), simulated, arrival, arrivals=ARRIVALS)
        for table in tables(settings).values():
            run(table, spark, Lake(settings.lake_folder), Hooks(notify=lambda table, rows: None))
    spark.stop()
    jvm.communicate()  # a JVM whose stdin is closed ends


def main() -> int:
    """Do it; 1 if it cannot be done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classes", action="store_true", help="make the archive too")
    parser.add_argument("--stores", action="store_true", help="fetch the jars for object stores too: 52 MB more")
    wanted = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("py4j").setLevel(logging.WARNING)
    try:
        require_java()
        jar_paths((settings := from_env()).cache)
        if wanted.stores:
            resolve(list(chain(*JARS_OF_CLIENTS.values())), settings.cache)
        if wanted.classes:
            keep_classes(settings)
    except ClickstreamError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
