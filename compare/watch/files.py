"""What a file of somebody's is: a candidate, or a training script. Nothing is imported for it, and nothing is run."""

from __future__ import annotations

import ast
from pathlib import Path


def is_script(path: Path) -> bool:
    """Whether a file defines no candidate, nor a template's MLP, but a loop or a fit: it is watched as it is."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return False
    defined = _defined(tree.body)
    if "candidate" in defined or {"MLP", "Config"} <= defined:
        return False
    nodes = list(ast.walk(tree))
    return any(isinstance(n, ast.For | ast.While) or getattr(n, "attr", None) == "fit" for n in nodes)


def _defined(body: list[ast.stmt]) -> set[str]:
    """The names that statements bind at the top of a file, whatever condition they stand under."""
    names = set[str]()
    for statement in body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            names.add(statement.name)
            continue
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.id)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                names |= {alias.asname or alias.name for alias in node.names}
            elif isinstance(node, ast.FunctionDef):
                names.add(node.name)
    return names
