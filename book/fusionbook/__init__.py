"""What the book needs beyond the library: figures, explorers, sentences by the weights.

Nothing in ``fusionlib`` imports it; matplotlib and ipywidgets come with the extra
``book``.
"""
