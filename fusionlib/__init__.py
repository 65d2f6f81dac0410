"""Infrared and visible image fusion with a deep learning framework."""

from ._version import __version__ as __version__
