"""Digests of source code that change when the code changes, and not when its comments, docstrings or layout do.

In: the name of a module. Out: the digest of its syntax tree and of the tree of every project module it imports,
directly or through others, at the top or inside a function. Imports under ``if TYPE_CHECKING`` never run and do not
count. Imports by computed name and data files are not seen; steps hand the latter to the runner as ``reads``.
"""

import ast
import hashlib
import importlib.util
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PROJECT_PACKAGES = frozenset({"components", "schemas"})


class SourceCode:
    """The project's code as it was when this object first looked.

    A run looks once, when it begins: what is edited while it works is not what it runs.
    """

    def __init__(self) -> None:
        self._sources: dict[str, dict[str, tuple[str, bytes]]] = {}  # package -> module -> (file, source)

    def digests(self, module: str) -> dict[str, str]:
        """The file of each module that the given one is made of, as ``components/encode.py``, and its digest."""
        for package in (*PROJECT_PACKAGES, module.partition(".")[0]):
            if package not in self._sources:
                self._sources[package] = _read_package(package)
        found: dict[str, str] = {}
        to_visit, seen = [module], set()
        while to_visit:
            name = to_visit.pop()
            source = self._sources.get(name.partition(".")[0], {}).get(name)
            if name in seen or source is None:  # a library, or the class or function of ``from a import b``
                continue
            seen.add(name)
            file, text = source
            package = name if file.endswith("__init__.py") else name.rpartition(".")[0]
            found[file], imported = _parsed(text, package)
            to_visit += [*imported, *_parents(name)]
        return dict(sorted(found.items()))


def _read_package(package: str) -> dict[str, tuple[str, bytes]]:
    """Every module of a package, or a top-level module by itself; found without importing anything."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return {}
    origin = Path(spec.origin)
    if origin.name != "__init__.py":
        return {package: (origin.name, origin.read_bytes())}
    found = {}
    for path in origin.parent.rglob("*.py"):
        file = path.relative_to(origin.parent.parent)
        parts = file.parent.parts if path.name == "__init__.py" else file.with_suffix("").parts
        found[".".join(parts)] = (file.as_posix(), path.read_bytes())
    return found


@cache
def _parsed(source: bytes, package: str) -> tuple[str, tuple[str, ...]]:
    """The digest of one file's code, and the names of modules it may import."""
    tree = ast.parse(source)
    return hashlib.sha256(_shape(tree).encode()).hexdigest()[:16], tuple(sorted(set(_imports(tree, package))))


def _shape(node: object) -> str:
    """The syntax tree as text, without positions, docstrings and empty fields (which differ between Pythons)."""
    if isinstance(node, ast.AST):
        fields = (f"{name}={_shape(value)}" for name, value in ast.iter_fields(node) if value not in (None, []))
        return f"{type(node).__name__}({','.join(fields)})"
    if isinstance(node, list):
        return f"[{','.join(_shape(item) for item in node if not _is_bare_string(item))}]"
    return repr(node)


def _is_bare_string(node: object) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _imports(node: ast.AST, package: str) -> Iterator[str]:
    """Names of all modules that the tree may import; ``from a import b`` gives a and a.b, since b may be a module."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
        base = ".".join([*above, *([node.module] if node.module else [])])
        yield base
        yield from (f"{base}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.If) and _is_type_checking(node.test):
        for statement in node.orelse:
            yield from _imports(statement, package)
    else:
        for child in ast.iter_child_nodes(node):
            yield from _imports(child, package)


def _is_type_checking(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


def _parents(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]
