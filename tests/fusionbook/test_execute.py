"""Notebooks are executed several at once into the cache that the build reads."""

from pathlib import Path

import pytest

from ..support.files import load_script

nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")


@pytest.fixture
def script():
    return load_script(BOOK / "execute.py")


BOOK = Path(__file__).parents[2] / "book"

PAGE = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  name: python3
  display_name: Python 3
---

# A page

```{code-cell} python3
1 + 1
```
"""


def write(path, source):
    figure = {"caption": "A caption. Weights: {weights}."}
    cell = nbformat.v4.new_code_cell(source, metadata={"mystnb": {"figure": figure}})
    notebook = nbformat.v4.new_notebook(cells=[cell])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, path)


def test_each_is_executed_once_and_found_by_the_build(script, tmp_path, capfd):
    from jupyter_cache import get_cache
    from myst_nb.core.read import myst_nb_reader_plugin

    build = load_script(BOOK / "_ext" / "book_build.py")
    (tmp_path / "beside.txt").write_text("here")
    paths = [tmp_path / f"{name}.ipynb" for name in ("good", "bad")]
    write(paths[0], "import os\nprint(open('beside.txt').read())")
    write(paths[1], "1 / 0")
    paths.append(tmp_path / "page.md")
    paths[2].write_text(PAGE)
    seconds = script.execute(paths, tmp_path / "cache")
    assert seconds["bad"] is None
    assert seconds["good"] > 0
    assert seconds["page"] > 0
    assert "bad: stopped" in capfd.readouterr().out
    # Now as the build does it: by the content of the cells.
    cache = get_cache(tmp_path / "cache")
    source = [paths[0].read_text("utf-8")]
    build.name_weights(None, "good", source)
    _, notebook = cache.merge_match_into_notebook(nbformat.reads(source[0], 4))
    assert notebook.cells[0].outputs[0].text == "here\n"
    cache.match_cache_notebook(myst_nb_reader_plugin(str(paths[2])))
    with pytest.raises(KeyError):
        cache.match_cache_notebook(nbformat.read(paths[1], as_version=4))
    assert script.execute(paths[::2], tmp_path / "cache") == {}
    write(paths[0], "print('changed')")
    assert list(script.execute(paths[:1], tmp_path / "cache")) == ["good"]
