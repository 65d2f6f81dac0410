"""Execute notebooks and pages with cells, several at once, into the cache of the build.

Jupyter Book would execute them one after the other. One that fails here is left out:
the build executes it again, and says in which cell it stopped.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "book" / "_ext"))

#: Notebooks at once; a kernel takes up to 1.5 GB.
WORKERS = min(4, os.cpu_count() or 1)

#: Seconds that a cell may take.
TIMEOUT = 300


def read(path: Path) -> Any:
    """Return a notebook, or a page as a notebook, as the build reads it."""
    import nbformat
    from book_build import named_weights  # as Sphinx finds it, see _config.yml
    from myst_nb.core.read import read_myst_markdown_notebook

    text = named_weights(path.read_text("utf-8"))
    if path.suffix == ".md":
        return read_myst_markdown_notebook(text, add_source_map=True, path=path)
    return nbformat.reads(text, as_version=4)


def run(path: Path, notebook: Any) -> float | None:
    """Execute a notebook in place; return its seconds, or None if it stopped."""
    from jupyter_cache.executors.utils import single_nb_execution

    result = single_nb_execution(
        notebook,
        cwd=str(path.parent),
        timeout=TIMEOUT,
        allow_errors=False,
        meta_override=True,
    )
    told = "stopped" if result.err else f"{result.time:.0f} s"
    print(f"  {path.stem}: {told}", flush=True)
    return None if result.err else result.time


def execute(paths: list[Path], folder: Path) -> dict[str, float | None]:
    """Execute what the cache does not hold yet.

    Parameters
    ----------
    paths : list of pathlib.Path
        Notebooks (``.ipynb``) and pages (``.md``).
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
    missing = {}
    for path in paths:
        notebook = read(path)
        try:
            cache.match_cache_notebook(notebook)
        except KeyError:
            missing[path] = notebook
    seconds: dict[str, float | None] = {}
    with ThreadPoolExecutor(WORKERS) as pool:
        times = pool.map(run, missing.keys(), missing.values())
        for (path, notebook), time in zip(missing.items(), times, strict=True):
            seconds[path.stem] = time
            if time is not None:
                about = {"execution_seconds": time}
                bundle = CacheBundleIn(notebook, str(path), data=about)
                cache.cache_notebook_bundle(
                    bundle, check_validity=False, overwrite=True
                )
    return seconds


def main() -> int:
    """Execute those of the repository: notebooks, then pages, which are short."""
    os.environ["FUSIONLIB_BOOK"] = "1"
    # A kernel whose threads outnumber its share of the processors mostly waits.
    share = max(1, (os.cpu_count() or 1) // WORKERS)
    os.environ.setdefault("OMP_NUM_THREADS", str(share))
    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
    pages = [
        path
        for path in sorted((ROOT / "book").glob("*.md"))
        if "kernelspec:" in path.read_text("utf-8").split("\n---\n")[0]
    ]
    execute([*notebooks, *pages], ROOT / ".jupyter_cache")
    return 0


if __name__ == "__main__":
    sys.exit(main())
