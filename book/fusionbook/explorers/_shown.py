"""Explorers that show themselves where they are the last line of a cell."""

from __future__ import annotations

from typing import Any

from .. import book_build
from . import _live, _page
from ._core import Explorer

__all__ = ["ShownExplorer"]


class ShownExplorer(Explorer):
    """An explorer with two faces: widgets, and HTML in a book build."""

    _widget: Any = None

    @property
    def html(self) -> str:
        """The explorer as self-contained HTML."""
        return _page.render(self)

    @property
    def widget(self) -> Any:
        """The explorer as ipywidgets; always the same object."""
        if self._widget is None:
            self._widget = _live.build(self)
        return self._widget

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        text = f"<{self.title} explorer: {self.pair.name}>"
        if book_build():
            # Widgets would store their state in the page and have random ids.
            return {"text/html": self.html, "text/plain": text}
        bundle = self.widget._repr_mimebundle_()
        return {**bundle, "text/plain": text}
