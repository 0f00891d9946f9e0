"""Getting at what the user's file gives: the file itself, its function, and the place of an error in it."""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
import tokenize
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

NAME = "candidate"  # the function that the user's file defines
EXPECTED = (
    'a dict {"model": ..., "loss": ..., "optimizer": ...} for PyTorch, a compiled keras.Model, an object with a '
    "template's members, or one in NumPy that has weights, a forward pass and a method that trains"
)


class CandidateError(Exception):
    """What is wrong with the user's file or model, in one line; `at` is its place in the file."""

    def __init__(self, message: str, at: str = ""):
        super().__init__(f"{at}: {message}" if at else message)


def source_mentions(path: Path, word: str) -> bool:
    """Whether a word occurs in a file; CandidateError if it cannot be read."""
    try:
        return bool(re.search(rf"\b{word}\b", path.read_text(encoding="utf-8", errors="replace")))
    except OSError as error:
        raise CandidateError(f"cannot be read ({error.strerror}): name a Python file", str(path)) from None


def assigned(path: Path, variable: str) -> str:
    """What a file sets an environment variable to, where it says so in one line; "" if it does not."""
    found = re.search(rf"""{variable}["'][\])]?\s*[=,]\s*["'](\w+)["']""", path.read_text("utf-8", "replace"))
    return found.group(1) if found else ""


def load(path: Path) -> ModuleType:
    """Run the user's file as a module, with its folder to import from; CandidateError if that fails."""
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)
    spec = importlib.util.spec_from_file_location(f"candidate_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise CandidateError("is no Python file: expected a name that ends in .py", path.name)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # Where dataclasses look for it.
    _check_encoding(path)
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        raise CandidateError(f"does not import: {said(error)}", place(error, path)) from error
    return module


def _check_encoding(path: Path) -> None:
    """CandidateError if a file is not in its encoding: in a comment, Python itself overlooks that."""
    try:
        with tokenize.open(path) as file:
            file.read()
    except UnicodeDecodeError as error:
        advice = "save it as UTF-8, or name its encoding in the first line"
        raise CandidateError(f"cannot be read as {error.encoding}: {advice}", path.name) from None
    except (SyntaxError, OSError):
        pass  # Running it says so.


def said(error: BaseException) -> str:
    """What an error says, in one line."""
    try:
        text = error.msg if isinstance(error, SyntaxError) else str(error)
    except Exception:  # Its __str__ is foreign code too.
        text = ""
    text = " ".join(str(text).split())[:300]
    if isinstance(error, SystemExit):
        return f"it calls sys.exit({text})"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def place(error: BaseException, path: Path) -> str:
    """The user's own file and line that an error comes from; the file alone where no line of it took part."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{Path(error.filename).name}, line {error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    folder = path.resolve().parent
    lines = [frame for frame in frames if Path(frame.filename).resolve() == path.resolve()]
    lines = lines or [frame for frame in frames if folder in Path(frame.filename).resolve().parents]
    return f"{Path(lines[-1].filename).name}, line {lines[-1].lineno}" if lines else path.name


class Source:
    """What builds a candidate: from nothing, or from a configuration and initial parameters."""

    def __init__(self, path: Path):
        self.path, self.used = path, False
        self._load()

    def _load(self) -> None:
        """Run the file. Every product is of a new run: an optimizer at top level may have been used."""
        module, path = load(self.path), self.path
        function = getattr(module, NAME, None)
        self.build: Callable[..., Any]
        if function is not None and callable(function):
            self.at = (
                f"{path.name}, line {function.__code__.co_firstlineno}" if hasattr(function, "__code__") else path.name
            )
            self.asks_config = len(inspect.signature(function).parameters) >= 2
            self.build = function
            self.config_type = getattr(module, "Config", None)
        elif hasattr(module, "MLP") and hasattr(module, "Config"):
            self.at, self.asks_config, self.config_type = path.name, True, module.Config
            self.build = module.MLP
        else:
            raise CandidateError(
                f"defines no function `{NAME}`: it should return {EXPECTED}; "
                "`check.py --template torch` writes a file to start from",
                path.name,
            )

    def product(self, fields: dict[str, Any], params: list | None) -> Any:
        """What the user's function returns; CandidateError if it raises."""
        if self.used:
            self._load()
        self.used = True
        try:
            if not self.asks_config:
                return self.build()
            config = self.config_type(**fields) if self.config_type else SimpleNamespace(**fields)
            return self.build(config, params)
        except BaseException as error:
            raise CandidateError(f"{NAME}() does not finish: {said(error)}", place(error, self.path)) from error
