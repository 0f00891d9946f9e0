"""What the adapters of the frameworks have in common."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from compare.candidates import suspects
from compare.candidates.infer import Seen
from compare.candidates.load import CandidateError
from compare.candidates.suspects import Suspect
from compare.ledger.contract import Layers
from impls import mlp_numpy
from impls.mlp_numpy import Config

PROBE = 16  # samples of the pass that shows what a model is
FLAT, COLUMN = "(B,)", "(B, 1)"  # how a user's data may hold one number a sample


class Candidate:
    """A user's model as an implementation of the ledger.

    What it does not show is NaN, and named in `blind` in the ledger's words: "logits", "gradient", "first moment".
    """

    framework = "numpy"  # or "torch", "keras": whose line to change a diagnosis names
    title = "an object with a template's members"
    steps = 0  # that were made
    form = FLAT  # of the targets that it is given
    broadcast = False  # whether its loss was seen to spread (B, 1) and (B,) over each other
    config: Config
    seen_inputs: Any = None  # of the last pass through the model, once batches are watched
    seen_targets: Any = None  # and what the loss was given

    def describe(self) -> dict[str, Any]:
        """The fields of the Config that the model shows; CandidateError where it is none that the reference can be."""
        raise NotImplementedError

    @property
    def notes(self) -> list[str]:
        """What the reader of a verdict should know, a sentence each."""
        return []

    @property
    def suspects(self) -> list[Suspect]:
        """Its settings that are not what the Config asks for, as the traps that they would be."""
        return []

    @property
    def initial(self) -> Layers:
        """The weights (in, out) and biases that it had before any were set; empty where they are not looked at."""
        return []

    def begin(self, config: Config) -> None:
        """Get ready for a training under this configuration; CandidateError if the model does not fit it."""
        self.config = config

    @property
    def takes_state(self) -> bool:
        """Whether it can be put into a given state, as a training in step asks."""
        return True

    @property
    def blind(self) -> frozenset[str]:
        """What it does not show."""
        return frozenset()

    def forward(self, x: np.ndarray) -> np.ndarray:
        """The last layer's linear outputs in evaluation, (B, O)."""
        raise NotImplementedError

    @property
    def params(self) -> Layers:
        """Every weight matrix, bias and scale."""
        raise NotImplementedError

    def set_params(self, params: Layers) -> None:
        """Take these parameters."""
        raise NotImplementedError

    def predict(self, x: np.ndarray) -> np.ndarray:
        """What the reference would decide on these outputs."""
        return mlp_numpy.decide(self.config, self.forward(x))

    @property
    def forms(self) -> tuple[str, ...]:
        """The forms in which it may expect its targets, the likeliest first."""
        return (FLAT,)

    def targets(self, y: np.ndarray) -> np.ndarray:
        """y in the type and the form that it expects: class ids, or numbers."""
        ids = self.config.loss == "softmax_cross_entropy"
        y = y.astype(np.int64 if ids else self.config.dtype)
        return y[:, None] if self.form == COLUMN else y

    def watch_batches(self) -> None:
        """From now on keep what the model and the loss are given in a step, where that can be seen."""

    def decided(self, given: Any, samples: int) -> np.ndarray:
        """What the user's own predict gives for some samples, in the shape of the reference's."""
        values = np.asarray(given.detach().cpu() if hasattr(given, "detach") else given)
        if len(values) != samples:
            raise CandidateError(f"predict gives {values.shape} for {samples} samples: expected one prediction each")
        if self.config.layer_sizes[-1] == 1 or self.config.loss == "softmax_cross_entropy":
            values = values.reshape(samples, -1)
            if values.shape[1] > 1:
                values = values.argmax(axis=1)[:, None]
            values = values[:, 0]
        if self.config.loss.endswith("cross_entropy") and values.dtype.kind == "f":
            whole = np.round(values)
            return (whole if np.array_equal(whole, values) else values > 0.5).astype(np.int64)
        return values


class ModelCandidate(Candidate):
    """A model of a framework, with its optimizer."""

    # The reference's optimizer for each of the framework's, and where that keeps the reference's slots.
    optimizers: ClassVar[Sequence[tuple[type, str, dict[str, str]]]]
    optimizer: Any
    given: dict[str, Any] | None  # the fields of the Config that the user names
    seen: Seen
    slots: dict[str, str]  # of the reference, that this optimizer keeps: its name for each
    given_form = ""  # of y, that the user names
    shown_gradient = False  # whether the optimizer was ever given one where it can be seen

    @property
    def kind(self) -> str | None:
        """The reference's name for the optimizer; None where it has none."""
        return next((kind for of, kind, _ in self.optimizers if isinstance(self.optimizer, of)), None)

    @property
    def has_momentum(self) -> bool:
        """Whether the optimizer was asked for momentum."""
        raise NotImplementedError

    def clear_spare_biases(self) -> None:
        """Keep the biases before a batch normalisation at 0: Adam makes steps of their gradients' rounding."""
        raise NotImplementedError

    def gives(self, field: str) -> bool:
        """Whether the user names this field of the Config."""
        return isinstance(self.given, dict) and field in self.given

    def check_optimizer(self) -> None:
        """CandidateError for an optimizer that the reference has not, unless the user says which it should equal."""
        if self.optimizer is not None and self.kind is None and not self.gives("optimizer"):
            raise CandidateError(
                f"the optimizer {type(self.optimizer).__name__} is not one that the reference has: name the one it "
                f'should equal in "config", as {{"optimizer": "adam"}}; there are {", ".join(mlp_numpy.OPTIMIZERS)}'
            )

    @property
    def notes(self) -> list[str]:
        return self.seen.notes

    @property
    def settings(self) -> dict[str, float]:
        """What its optimizer and its batch normalisation are set to, by the Config's names."""
        raise NotImplementedError

    @property
    def suspects(self) -> list[Suspect]:
        settings = suspects.of_settings(self.config, self.settings, self.framework)
        seen = self.seen
        return [
            *suspects.of_activation(self.config, seen.between),
            *suspects.of_layers(self.config, seen.between),
            *suspects.of_dropout(self.config, seen.rates),
            *settings,
        ]

    def begin(self, config: Config) -> None:
        check_fit(self.seen, config)
        super().begin(config)
        known = next((slots for of, _, slots in self.optimizers if isinstance(self.optimizer, of)), {})
        self.slots = {slot: key for slot, key in known.items() if slot != "velocity" or self.has_momentum}
        self.clear_spare_biases()

    @property
    def forms(self) -> tuple[str, ...]:
        if self.given_form or self.config.loss == "softmax_cross_entropy" or self.config.layer_sizes[-1] > 1:
            return (self.given_form or FLAT,)
        return FLAT, COLUMN

    @property
    def takes_state(self) -> bool:
        return self.kind is not None or not mlp_numpy.SLOTS[self.config.optimizer]

    @property
    def blind(self) -> frozenset[str]:
        hidden = {slot.replace("_", " ") for slot in mlp_numpy.SLOTS[self.config.optimizer] if slot not in self.slots}
        return frozenset((hidden if self.shown_gradient or not self.steps else hidden | {"gradient"}) | self.absent)

    @property
    def absent(self) -> set[str]:
        """Single slots that do not exist, as "first moment of layer 1 W"."""
        return set()


def nothing(shapes: Sequence[tuple]) -> Layers:
    """NaN in the place of what is not shown."""
    return [tuple(np.full(shape, np.nan) for shape in layer) for layer in shapes]


def form_of(y: Any) -> str:
    """The form of an example of the user's targets; "" for none."""
    return "" if y is None else COLUMN if len(np.shape(y)) == 2 and np.shape(y)[1] == 1 else FLAT


def check_fit(seen: Seen, config: Config) -> None:
    """CandidateError unless the model has the layers of this configuration."""
    if seen.sizes != config.layer_sizes:
        raise CandidateError(
            f"the model has the layers {sizes(seen.sizes)}, the scenario {sizes(config.layer_sizes)}: "
            "change the model, name another --scenario, or leave it out"
        )
    if seen.batch_norm != config.batch_norm:
        has = "has" if seen.batch_norm else "has no"
        other = "has none" if seen.batch_norm else "has it after every hidden layer"
        raise CandidateError(f"the model {has} batch normalisation, the reference {other}: name another --scenario")


def sizes(numbers: Sequence[int]) -> str:
    """64-32-10."""
    return "-".join(map(str, numbers))


def check_parts(parts: dict[str, Any], known: Sequence[str], needed: Sequence[str]) -> None:
    """CandidateError for a key of the user's dict that is missing or unknown."""
    for key in needed:
        if parts.get(key) is None:
            raise CandidateError(
                f'the dict has no "{key}": expected {", ".join(needed)}, and optionally {", ".join(known)}'
            )
    for key in parts:
        if key not in known and key not in needed:
            raise CandidateError(f'the dict has "{key}", which is not known: there are {", ".join((*needed, *known))}')


def check_chain(layers: list[tuple[str, int, int]], normed: list[str], named: bool) -> None:
    """CandidateError unless layers (name, in, out), in the order in which they were called, are an MLP's.

    `normed` are the names of those with batch normalisation behind them; `named`, whether the user gave the layers.
    """
    how = 'name the dense layers in order: "layers": [model.fc1, model.fc2, ...]'
    if not layers:
        raise CandidateError("the model calls no dense layer: the reference is made of those alone")
    names = [name for name, _, _ in layers]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise CandidateError(f"the layer {twice} is called {names.count(twice)} times: the reference shares no layer")
    for (one, _, out), (other, takes, _) in itertools.pairwise(layers):
        if out != takes:
            raise CandidateError(
                f"the layers are ambiguous: {one} gives {out} numbers and {other}, called after it, takes {takes}; "
                + ("the ones named are no chain" if named else how)
            )
    hidden = names[:-1]
    if normed and normed != hidden:
        raise CandidateError(
            f"batch normalisation stands after {', '.join(normed)}: the reference has it after every hidden layer "
            f"({', '.join(hidden)}) or after none"
        )


def check_all_found(seen: Seen, spare: bool, others: Sequence[str], without_bias: Sequence[str]) -> None:
    """CandidateError for parameters, `others`, that the reference has nothing for; notes on what else is different.

    `spare`: there are biases before a batch normalisation. `without_bias` are layers that have neither.
    """
    if spare:
        seen.notes.append("the biases before a batch normalisation have no effect: they are set to 0 and not compared")
    if others:
        raise CandidateError(
            f"the model has parameters that the reference has nothing for: {', '.join(others[:6])}; it is made of "
            "dense layers and batch normalisation alone"
        )
    if without_bias:
        has = "has" if len(without_bias) == 1 else "have"
        seen.notes.append(f"{' and '.join(without_bias)} {has} no bias: the reference has one in every layer")
