"""The browser of the explorers' tests, for the built book."""

from ..browser.conftest import browser, serve, visit

__all__ = ["browser", "serve", "visit"]
