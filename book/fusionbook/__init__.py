"""What the book needs beyond the library: figures, explorers, sentences by the weights.

Nothing in ``fusionlib`` imports it; matplotlib and ipywidgets come with the extra
``book``.
"""

import os


def book_build() -> bool:
    """Return whether the book is being built (``FUSIONLIB_BOOK=1``)."""
    return os.environ.get("FUSIONLIB_BOOK", "") not in ("", "0")
