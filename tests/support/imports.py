"""What a file imports."""

import ast

from .files import ROOT


def module_name(path, parent=ROOT):
    parts = path.relative_to(parent).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imports(path, parent=ROOT, *, everywhere=False):
    """Yield the modules that a file imports; those of functions if asked for."""
    name = module_name(path, parent)
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]

    def walk(node):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                yield from (alias.name for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                base = child.module or ""
                if child.level:
                    parts = package.split(".")
                    base = ".".join(
                        [*parts[: len(parts) - child.level + 1], *filter(None, [base])]
                    )
                yield from (f"{base}.{alias.name}" for alias in child.names)
            elif is_type_checking(child):
                continue
            elif everywhere or not isinstance(child, ast.FunctionDef):
                yield from walk(child)

    yield from walk(ast.parse(path.read_text("utf-8")))


def is_type_checking(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
