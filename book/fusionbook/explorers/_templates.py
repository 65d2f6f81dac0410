"""The HTML of the explorers comes from ``templates/``."""

from __future__ import annotations

from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader

__all__ = ["macros", "render", "static"]


def static(name: str) -> str:
    """Return the text of a script or style sheet."""
    path = resources.files("fusionbook").joinpath("static", name)
    return path.read_text("utf-8").strip()


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("fusionbook"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["static"] = static
    # Compact, and with letters as they are.
    options = {"separators": (",", ":"), "ensure_ascii": False}
    environment.policies["json.dumps_kwargs"] = options
    return environment


def render(name: str, **context: Any) -> str:
    """Return a filled template; texts in it are escaped."""
    return _environment().get_template(name).render(context)


def macros(name: str) -> Any:
    """Return the macros of a template as functions."""
    return _environment().get_template(name).module
