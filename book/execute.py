"""Execute the notebooks that changed, several at once, into the cache of the build.

Jupyter Book would execute them one after the other. A notebook that fails here is left
out: the build executes it again, and says in which cell it stopped.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]

#: Notebooks at once; a kernel takes up to 1.5 GB.
WORKERS = min(4, os.cpu_count() or 1)

#: Seconds that a cell may take.
TIMEOUT = 300


def run(path: Path) -> tuple[Any, float]:
    """Return a notebook with its outputs, or None, and the seconds that it took."""
    import nbformat
    from jupyter_cache.executors.utils import single_nb_execution

    notebook = nbformat.read(path, as_version=4)
    result = single_nb_execution(
        notebook,
        cwd=str(path.parent),
        timeout=TIMEOUT,
        allow_errors=False,
        meta_override=True,
    )
    return None if result.err else notebook, result.time


def execute(paths: list[Path], folder: Path) -> dict[str, float | None]:
    """Execute what the cache does not hold yet.

    Parameters
    ----------
    paths : list of pathlib.Path
        The notebooks.
    folder : pathlib.Path
        The cache.

    Returns
    -------
    dict of str to float or None
        Seconds by name of the notebook; None where one stopped.
    """
    from jupyter_cache import get_cache
    from jupyter_cache.base import CacheBundleIn

    cache = get_cache(folder)
    records = {path: cache.add_nb_to_project(str(path)) for path in paths}
    missing = [
        path
        for path, record in records.items()
        if cache.get_cached_project_nb(record.uri) is None
    ]
    seconds: dict[str, float | None] = {}
    with ThreadPoolExecutor(WORKERS) as pool:
        for path, (notebook, time) in zip(missing, pool.map(run, missing), strict=True):
            seconds[path.stem] = None if notebook is None else time
            told = "stopped" if notebook is None else f"{time:.0f} s"
            print(f"  {path.stem}: {told}", flush=True)
            if notebook is not None:
                bundle = CacheBundleIn(
                    notebook,
                    records[path].uri,
                    data={"execution_seconds": time},
                )
                cache.cache_notebook_bundle(
                    bundle, check_validity=False, overwrite=True
                )
    return seconds


def main() -> int:
    """Execute the notebooks of the repository."""
    os.environ["FUSIONLIB_BOOK"] = "1"
    # A kernel whose threads outnumber its share of the processors mostly waits.
    share = max(1, (os.cpu_count() or 1) // WORKERS)
    os.environ.setdefault("OMP_NUM_THREADS", str(share))
    paths = sorted((ROOT / "notebooks").glob("*.ipynb"))
    execute(paths, ROOT / ".jupyter_cache")
    return 0


if __name__ == "__main__":
    sys.exit(main())
