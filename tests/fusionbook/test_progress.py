"""Long cells show how far they are, and leave nothing behind."""

from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

CELL = """import os
os.environ["FUSIONLIB_BOOK"] = "{}"
from fusionbook.progress import progress
seen = []
for item in progress({{"a": 1, "b": 2}}.items(), "image"):
    seen.append(item)
print(seen)
for item in progress("abc", "letter"):
    break"""


def outputs(book):
    notebook = new_notebook(cells=[new_code_cell(CELL.format(book))])
    NotebookClient(notebook, kernel_name="python3", timeout=120).execute()
    return notebook.cells[0].outputs


def text(output):
    return output.get("text") or output["data"].get("text/html", "")


def test_a_loop_gets_its_items_and_the_bar_is_gone_at_the_end():
    found = outputs("0")
    assert [o.output_type for o in found] == ["display_data", "stream", "display_data"]
    assert [text(o) for o in found] == ["", "[('a', 1), ('b', 2)]\n", ""]
    assert {o.get("name") for o in found} == {None, "stdout"}


def test_the_book_shows_no_bar():
    (only,) = outputs("1")
    assert text(only) == "[('a', 1), ('b', 2)]\n"


def test_the_bar_counts(monkeypatch):
    import IPython.display

    from fusionbook.progress import progress

    drawn = []

    class Bar:
        def update(self, html):
            drawn.append(html.data or "")

    monkeypatch.delenv("FUSIONLIB_BOOK", raising=False)
    monkeypatch.setattr(IPython.display, "display", lambda *_, **__: Bar())
    assert list(progress(iter([7, 8]), "layer")) == [7, 8]
    assert "layer 1 of 2" in drawn[0]
    assert 'value="1" max="2"' in drawn[1]
    assert drawn[2:] == [""]
