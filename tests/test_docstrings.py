"""References in docstrings lead somewhere, also in modules that no page shows."""

import ast
import importlib
import re
from functools import reduce
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ROOT / "fusionlib", ROOT / "book" / "fusionbook"
ROLE = re.compile(r":(?:py:)?(?:func|class|mod|data|meth|attr|exc|obj):`~?([\w.]+)`")


def references():
    """Yield module, class around the docstring if any, and the name."""
    paths = [(path, package.parent) for package in PACKAGES
             for path in sorted(package.rglob("*.py"))]  # fmt: skip
    for path, parent in paths:
        parts = path.relative_to(parent).with_suffix("").parts
        module = ".".join(part for part in parts if part != "__init__")
        tree = ast.parse(path.read_text("utf-8"))
        inside = {
            id(part): node.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef)
            for part in ast.walk(node)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                for name in ROLE.findall(node.value):
                    yield module, inside.get(id(node), ""), name


def exists(name):
    """Whether a dotted name is a module, or found from one by attributes."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            # Not by attributes: some functions are named like their module.
            module = importlib.import_module(".".join(parts[:cut]))
        except ImportError:
            continue
        try:
            reduce(field_or_attribute, parts[cut:], module)
        except AttributeError:
            continue
        return True
    return False


def field_or_attribute(owner, name):
    """Return an attribute; the name itself for an annotated field of a class."""
    annotated = isinstance(owner, type) and any(
        name in vars(base).get("__annotations__", {}) for base in owner.__mro__
    )
    return name if annotated else getattr(owner, name)


@pytest.mark.parametrize(
    ("module", "owner", "name"),
    [
        pytest.param(*found, id=f"{found[0]}-{found[2]}")
        for found in sorted(set(references()))
    ],
)
def test_references_lead_somewhere(module, owner, name):
    if name.startswith(("fusionlib.", "fusionbook.")):
        assert exists(name)
    else:
        assert exists(f"{module}.{name}") or exists(f"{module}.{owner}.{name}")
