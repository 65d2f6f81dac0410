"""The rooms of the library, and which of them may import which."""

import ast
import importlib
import subprocess
import sys

import pytest

from .support.imports import ROOT, imports, module_name

LIBRARY = ROOT / "fusionlib"
BOOK = ROOT / "book" / "fusionbook"

#: What each room may import when it is imported; itself besides. What is imported
#: within a function is only loaded when it is asked for, and may point further.
MAY_IMPORT = {
    "errors": set(),
    "_version": set(),
    "_compute": set(),
    "images": {"errors", "_version", "_compute"},
    "vgg": {"errors", "images", "config", "_download", "_version"},
    "_download": {"errors", "images"},
    "_registry": {"errors", "images"},
    "display": {"errors", "images"},
    "config": {"errors", "images", "vgg", "decomposition"},
    "decomposition": {"errors", "images"},
    "activity": {"errors", "images"},
    "weight_maps": {"errors", "images"},
    "features": {"errors", "images", "vgg", "config", "activity"},
}
STEPS = set(MAY_IMPORT) - {"_registry", "_compute", "_download"}
MAY_IMPORT |= {
    "data": {"errors", "images", "_download"},
    "fusion": STEPS | {"_compute", "data"},
    "metrics": {"errors", "images", "_registry", "_compute", "data"},
}
MAY_IMPORT["baselines"] = {
    *STEPS, "fusion", "metrics", "_registry", "_compute", "data"
}  # fmt: skip
MAY_IMPORT["evaluation"] = set(MAY_IMPORT)
MAY_IMPORT["cli"] = {*MAY_IMPORT, "evaluation"}
MAY_IMPORT["__main__"] = {"cli"}
MAY_IMPORT[""] = {"_version"}

METHOD = ("config", "decomposition", "features", "activity", "weight_maps", "fusion")


MODULES = {module_name(path): path for path in sorted(LIBRARY.rglob("*.py"))}


def home(target, modules=MODULES):
    """Return the module that an imported name lives in."""
    while target and target not in modules:
        target = target.rpartition(".")[0]
    return target


def room(module):
    return module.split(".")[1] if "." in module else ""


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_in_one_direction(module):
    targets = {home(name) for name in imports(MODULES[module])
               if name.split(".")[0] == "fusionlib"}  # fmt: skip
    rooms = {room(target) for target in targets if target != module}
    assert rooms <= {*MAY_IMPORT[room(module)], room(module)}


def assert_no_circle(package, *, everywhere):
    """Follow the imports of a package; those of functions, too, if asked for."""
    paths = {module_name(path, package.parent): path
             for path in sorted(package.rglob("*.py"))}  # fmt: skip
    graph = {
        module: {home(name, paths)
                 for name in imports(path, package.parent, everywhere=everywhere)
                 if name.split(".")[0] == package.name} - {module, package.name}
        for module, path in paths.items()
    }  # fmt: skip
    assert any(graph.values())
    for module in graph:
        seen, ahead = set(), set(graph[module])
        while ahead:
            target = ahead.pop()
            assert target != module, module
            seen.add(target)
            ahead |= graph[target] - seen


def test_no_import_goes_round_in_a_circle():
    assert_no_circle(LIBRARY, everywhere=False)


def test_no_import_of_the_book_goes_round_in_a_circle():
    assert_no_circle(BOOK, everywhere=True)


@pytest.mark.parametrize("module", MODULES)
def test_the_library_never_imports_the_book(module):
    # matplotlib only within a function that draws.
    found = {name.split(".")[0] for name in imports(MODULES[module])}
    assert "matplotlib" not in found
    outside = {"fusionbook", "ipywidgets", "tests", "benchmarks"}
    found = {name.split(".")[0] for name in imports(MODULES[module], everywhere=True)}
    assert not found & outside


def test_no_name_of_a_package_hides_a_module():
    for module in MODULES:
        parent, _, name = module.rpartition(".")
        if parent and name != "__main__":
            found = importlib.import_module(module)
            assert getattr(importlib.import_module(parent), name) is found


def test_tests_import_no_test_and_no_benchmark():
    """What several tests need lies in tests/support, or in a conftest.py."""
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for name in imports(path, everywhere=True):
            parts = name.split(".")
            assert parts[0] != "benchmarks", path
            modules = [part for part in parts[:-1] if part.startswith("test_")]
            assert not modules, path


def test_importing_the_package_loads_nothing_heavy():
    script = "import sys, fusionlib, fusionlib.config; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = set(run.stdout.split())
    assert not loaded & {"torch", "matplotlib", "ipywidgets", "numba", "skimage"}


def test_the_method_stays_short():
    lines = {name: len((LIBRARY / f"{name}.py").read_text("utf-8").splitlines())
             for name in METHOD}  # fmt: skip
    assert sum(lines.values()) <= 1500


def functions():
    for package, parent in ((LIBRARY, ROOT), (BOOK, BOOK.parent)):
        for path in sorted(package.rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield f"{module_name(path, parent)}.{node.name}", node


def length(node):
    """Lines of a function without decorators and docstring."""
    first = node.body[0]
    is_text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    docstring = first.end_lineno - first.lineno + 1 if is_text else 0
    return node.end_lineno - node.lineno + 1 - docstring


def test_functions_are_short():
    assert not [name for name, node in functions() if length(node) > 60]


def test_functions_take_few_arguments():
    def count(node):
        given = node.args
        return len(given.posonlyargs + given.args + given.kwonlyargs)

    found = [name for name, node in functions()
             if count(node) > 8 and not name.startswith("fusionlib.cli")]  # fmt: skip
    assert found == []
