"""The types in results.json, as reports/README.md documents them."""

from __future__ import annotations

from typing import Any, NamedTuple


class Kind(NamedTuple):
    """A kind of value, in words and as Python has it; a truth value is no number."""

    words: str
    types: tuple[type, ...]


class Each(NamedTuple):
    """An object with any names, whose values are all of one kind."""

    kind: Any


TEXT, WHOLE = Kind("text", (str,)), Kind("a whole number", (int,))
NUMBER = Kind("a number or null", (int, float, type(None)))  # Null is one that is not finite.
PERHAPS_TEXT, PERHAPS_WHOLE = Kind("text or null", (str, type(None))), Kind("a whole number or null", (int, type(None)))
PLAIN = Kind("text, a number or null", (str, int, float, type(None), bool))

# A list [kind] is one of any length. An object may lack fields and have more of them.
SCHEMA: dict[str, Any] = {
    "format": TEXT,
    "verdict": {"status": TEXT, "exit_code": WHOLE, "sentence": TEXT},
    "run": {"started": TEXT, "seconds": NUMBER, "command": TEXT, "selection": TEXT},
    "environment": {
        **dict.fromkeys(("python", "platform", "cpu", "keras_backend"), PERHAPS_TEXT),
        "cores": PERHAPS_WHOLE,
        "memory_gib": NUMBER,
        "packages": Each(TEXT),
    },
    "gates": Each(TEXT),
    "implementations": [
        {"name": TEXT, "status": TEXT, "message": PERHAPS_TEXT, "scenario": PERHAPS_TEXT, "seconds": NUMBER}
    ],
    "scenarios": [
        {
            **dict.fromkeys(("name", "title", "dataset", "task", "activation", "loss", "optimizer"), TEXT),
            **dict.fromkeys(("batch_size", "epochs", "steps", "n_train", "n_test"), PERHAPS_WHOLE),
            "layer_sizes": [WHOLE],
            "learning_rate": NUMBER,
            "skipped": PERHAPS_TEXT,
            "options": Each(None),
            "classes": [PLAIN],
        }
    ],
    "divergences": [
        {
            **dict.fromkeys(("scenario", "dtype", "mode", "a", "b", "phase", "tensor"), TEXT),
            **dict.fromkeys(("value_a", "value_b", "difference", "bound"), NUMBER),
            "step": PERHAPS_WHOLE,
            "index": [WHOLE],
        }
    ],
}


def wrong(value: Any, kind: Any = SCHEMA, place: str = "") -> str:
    """The first place where a value is not of its kind, in words; empty if there is none."""
    if kind is None:
        return ""
    if isinstance(kind, Kind):
        fits = isinstance(value, kind.types) and (bool in kind.types or not isinstance(value, bool))
        return "" if fits else f"{place} is {_shown(value)}, expected {kind.words}"
    if isinstance(kind, list):
        if not isinstance(value, list):
            return f"{place} is {_shown(value)}, expected a list"
        parts = ((entry, kind[0], f"{place}[{number}]") for number, entry in enumerate(value))
    elif not isinstance(value, dict):
        return f"{place} is {_shown(value)}, expected an object"
    else:
        kinds = dict.fromkeys(value, kind.kind) if isinstance(kind, Each) else kind
        parts = ((value[name], kinds[name], f"{place}.{name}".strip(".")) for name in value if name in kinds)
    return next((said for part in parts if (said := wrong(*part))), "")


def _shown(value: Any) -> str:
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    text = "null" if value is None else repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."
