"""The three files are one outline: the same names in the same order, so that a diff shows only the framework."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "impls"
NAMES = ("numpy", "torch", "keras")
SOURCES = {name: (FOLDER / f"mlp_{name}.py").read_text(encoding="utf-8") for name in NAMES}
TREES = {name: ast.parse(source) for name, source in SOURCES.items()}
KERAS_ALONE = "allow_float64"  # The harness needs it too, for other people's models.
SHARED = "# The same text in all three files"
MEMBERS = [
    "__init__",
    "forward",
    "loss",
    "gradients",
    "train_step",
    "fit",
    "predict",
    "evaluate",
    "params",
    "set_params",
    "state",
    "set_state",
    "save",
    "load",
]


def assigned(node: ast.stmt) -> str | None:
    """The name that a statement defines at its level."""
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return node.name
    target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
    return target.id if isinstance(target, ast.Name) else None


def public(tree: ast.Module) -> list[str]:
    names = [assigned(node) for node in tree.body]
    return [name for name in names if name and not name.startswith("_") and name != KERAS_ALONE]


def definition(tree: ast.Module, name: str) -> ast.stmt:
    return next(node for node in tree.body if assigned(node) == name)


def members(name: str) -> dict[str, ast.FunctionDef]:
    """The public methods and properties of MLP, with __init__."""
    body = definition(TREES[name], "MLP").body
    methods = [node for node in body if isinstance(node, ast.FunctionDef)]
    return {node.name: node for node in methods if node.name == "__init__" or not node.name.startswith("_")}


def signature(node: ast.FunctionDef) -> str:
    """Names, kinds and defaults of the arguments, and decorators; not the types, which are a framework's own."""
    arguments = ast.parse(ast.unparse(node.args).join(("def f(", "): ..."))).body[0].args
    for argument in ast.walk(arguments):
        if isinstance(argument, ast.arg):
            argument.annotation = None
    return f"{[ast.unparse(d) for d in node.decorator_list]} {ast.unparse(arguments)}"


def first_sentence(node: ast.AST) -> str:
    return (ast.get_docstring(node) or "").split("\n")[0]


def others(value: dict) -> list[tuple]:
    """(NumPy's, another's) for each of the other two."""
    return [(value["numpy"], value[name]) for name in NAMES[1:]]


def test_the_top_level_names_are_the_same_in_the_same_order():
    names = {name: public(tree) for name, tree in TREES.items()}
    assert names["numpy"][:5] == ["Config", "MLP", "ACTIVATIONS", "LOSSES", "OPTIMIZERS"]
    for one, other in others(names):
        assert one == other


def test_mlp_has_the_same_members_in_the_same_order():
    for name in NAMES:
        assert list(members(name)) == MEMBERS


@pytest.mark.parametrize("member", MEMBERS)
def test_a_member_has_one_signature_and_one_first_sentence(member):
    nodes = {name: members(name)[member] for name in NAMES}
    for one, other in others(nodes):
        assert signature(one) == signature(other)
        assert first_sentence(one) == first_sentence(other)
        assert ast.get_docstring(one) == ast.get_docstring(other)
    assert member == "__init__" or first_sentence(nodes["numpy"])


@pytest.mark.parametrize("member", ["evaluate", "save", "load"])
def test_members_without_a_framework_have_the_same_source(member):
    for one, other in others({name: ast.get_source_segment(SOURCES[name], members(name)[member]) for name in NAMES}):
        assert one == other


def test_fit_has_the_same_head():
    heads = {}
    for name in NAMES:
        fit = members(name)["fit"]
        lines = SOURCES[name].splitlines()[fit.lineno - 1 : fit.body[0].end_lineno]
        heads[name] = "\n".join(lines)
    assert "patience: int | None = None" in heads["numpy"]
    for one, other in others(heads):
        assert one == other


def test_config_has_the_same_text_with_a_sentence_for_every_field():
    sources = {}
    for name in NAMES:
        config = definition(TREES[name], "Config")
        lines = SOURCES[name].splitlines()
        sources[name] = "\n".join(lines[config.lineno - 1 : config.end_lineno])
        for field in config.body:
            if isinstance(field, ast.AnnAssign):
                sentence = lines[field.lineno - 1].partition("  # ")[2]
                assert sentence.endswith("."), f"{name}: {field.target.id} has no sentence"
    for one, other in others(sources):
        assert one == other


def test_mlp_has_the_same_docstring():
    for one, other in others({name: ast.get_docstring(definition(TREES[name], "MLP")) for name in NAMES}):
        assert one == other


def test_the_shared_text_is_the_same_to_the_last_byte():
    for name in NAMES:
        assert SOURCES[name].count(SHARED) == 1
    texts = {name: source[source.index(SHARED) :] for name, source in SOURCES.items()}
    assert "def check_data(" in texts["numpy"]
    assert texts["numpy"].endswith("    main()\n")
    for one, other in others(texts):
        assert one == other


@pytest.mark.parametrize("table", ["ACTIVATIONS", "LOSSES", "OPTIMIZERS"])
def test_each_table_has_the_same_keys_in_the_same_order(table):
    keys = {name: [key.value for key in definition(tree, table).value.keys] for name, tree in TREES.items()}
    assert len(keys["numpy"]) >= 5
    for one, other in others(keys):
        assert one == other


def imported(tree: ast.AST) -> set[str]:
    """The top-level packages that any import below a node names; a relative one counts as '.'."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            found.add("." if node.level else (node.module or "").partition(".")[0])
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_file_imports_its_framework_numpy_and_the_standard_library_only(name):
    functions = [node for node in ast.walk(TREES[name]) if isinstance(node, ast.FunctionDef)]
    inside = set().union(*(imported(function) for function in functions))
    foreign = imported(TREES[name]) - set(sys.stdlib_module_names)
    assert foreign - (inside - {name}) == {"numpy", name}
    backends = {"tensorflow", "jax", "keras"} if name == "keras" else set()  # Each where it is the backend.
    assert inside == {"safetensors"} | backends
    at_top = ast.Module([node for node in TREES[name].body if isinstance(node, (ast.Import, ast.ImportFrom))], [])
    assert not (inside - {name}) & imported(at_top)
