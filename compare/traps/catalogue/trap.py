"""What a trap is, and how one is put into the NumPy reference.

Every trapped model comes from a fresh copy of the module impls/mlp_numpy.py, in which the trap's `bend` has changed
what the trap is about: a constant, an entry of a table, a function, or the class by a subclass of it. Traps combine by
bending the same copy one after the other, so a bend wraps what it finds wherever that is possible.
"""

from __future__ import annotations

import ast
import copy
import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from types import CodeType, ModuleType
from typing import Any

import numpy as np

from compare.ledger.contract import Implementation, Layers
from compare.ledger.trace import Trace, record
from compare.traps.catalogue.lines import values
from impls import mlp_numpy
from impls.mlp_numpy import Config
from shared.scenarios import Plan

FAULT, DEFAULT, CONVENTION = "fault", "default", "convention"
KINDS = {
    FAULT: "a mistake of somebody's",
    DEFAULT: "what a framework does unless told otherwise",
    CONVENTION: "one of several usual ways, none of them wrong",
}


class Words(str):
    """A mend that no line is: it says what to do, or in more places than one."""

    __slots__ = ()


@dataclass(frozen=True, eq=False)
class Trap:
    """One known way for two "same" models to differ."""

    name: str
    theme: str  # a module of this package
    title: str  # what one sees
    why: str  # which framework does what, and by which default
    source: str  # a module path of a framework, or a publication
    torch: str  # the mend as a line of PyTorch, or Words; {field} stands for a field of the Config
    keras: str  # the same in Keras
    applies: Callable[[Config, Plan], bool]  # whether it can make a difference
    bend: Callable[..., None] | None = None  # changes a copy of the reference's module
    replan: Callable[..., Plan] | None = None  # changes what the model is given
    variants: dict[str, dict[str, Any]] = field(default_factory=lambda: {"": {}})  # arguments of either, by label
    suits: Callable[[Config, str], bool] | None = None  # whether a variant goes with a model, where not all do
    of_network: Callable[[Config], dict[str, dict[str, Any]]] | None = (
        None  # all of a model, where `variants` are examples
    )
    either: bool = False  # each mend lets its framework follow the other one, so that both are worth telling
    stock: bool = False  # how a framework is, unless told otherwise, in one piece
    kind: str = FAULT  # one of KINDS
    kinds: dict[str, str] = field(default_factory=dict)  # of the variants that are of another kind

    def hypotheses(self, plan: Plan) -> list[Hypothesis]:
        """One for each variant; none where the trap can make no difference."""
        config = Config(**plan.config)
        if not self.applies(config, plan):
            return []
        if self.of_network:
            return [Hypothesis(self, label, values) for label, values in self.of_network(config).items()]
        return [Hypothesis(self, label) for label in self.variants if self.suits is None or self.suits(config, label)]


@dataclass(frozen=True)
class Hypothesis:
    """A trap in one of its variants, or with `values` that were read off a candidate's numbers."""

    trap: Trap
    variant: str
    values: dict[str, Any] | None = field(default=None, compare=False, repr=False)
    of_kind: str = ""  # where it is not what the trap's is

    @property
    def fitted(self) -> int:
        """How many values were read off the candidate's numbers."""
        if self.trap.of_network:
            return 0
        return sum(len(v) if isinstance(v, tuple) else 1 for v in (self.values or {}).values())

    @property
    def arguments(self) -> dict[str, Any]:
        return self.trap.variants[self.variant] if self.values is None else self.values

    @property
    def kind(self) -> str:
        """One of KINDS."""
        return self.of_kind or self.trap.kinds.get(self.variant, self.trap.kind)

    @property
    def label(self) -> str:
        return f"{self.trap.name} ({self.variant})" if self.variant else self.trap.name

    def bend(self, template: ModuleType) -> None:
        if self.trap.bend:
            self.trap.bend(template, **self.arguments)

    def replan(self, plan: Plan) -> Plan:
        return self.trap.replan(plan, **self.arguments) if self.trap.replan else plan

    def mend(self, framework: str, plan: Plan) -> str:
        """The line to write in "torch" or "keras" under this plan."""
        about = tuple(number for number, _ in self.arguments.get("others", ()))
        return mend(self.trap, framework, Config(**plan.config), about)


def mend(trap: Trap, framework: str, config: Config, about: tuple[int, ...] = ()) -> str:
    """A trap's mend in "torch" or "keras", with the values of a configuration: a line for each that a layer needs.

    `about` are the hidden layers, counted from 1, that the trap is in, where it is not in all.
    """
    text, layers = getattr(trap, framework), zip(config.by_layer("activation"), config.by_layer("dropout"), strict=True)
    each = [
        values(seen(config, activation=f, dropout=rate)) | {"layer": number}
        for number, (f, rate) in enumerate(layers, 1)
        if (rate or "{dropout}" not in text) and (number in about or not about)
    ]
    return "\n    ".join(dict.fromkeys(text.format_map(one) for one in each or [values(config) | {"layer": 1}]))


@lru_cache(maxsize=1)
def _code() -> CodeType:
    """The reference's module without its Config, which all copies share: making a dataclass takes most of the time."""
    tree = ast.parse(inspect.getsource(mlp_numpy))
    tree.body = [node for node in tree.body if not (isinstance(node, ast.ClassDef) and node.name == "Config")]
    return compile(tree, mlp_numpy.__file__, "exec")


def template() -> ModuleType:
    """A copy of the reference's module, which may be changed without changing the reference."""
    module = ModuleType(mlp_numpy.__name__)
    module.__dict__["Config"] = mlp_numpy.Config
    exec(_code(), module.__dict__)
    return module


def build(causes: Iterable[Hypothesis], plan: Plan, dtype: str, params: Layers | None = None) -> Implementation:
    """The reference with these traps in it."""
    module = template()
    for cause in causes:
        cause.bend(module)
    return module.MLP(module.Config(**plan.config, dtype=dtype), plan.params if params is None else params)


def record_trapped(
    causes: Iterable[Hypothesis],
    plan: Plan,
    dtype: str,
    reference: Trace | None = None,
    whole: bool = True,
    slots: bool = True,
) -> Trace:
    """The trace of the reference with these traps in it: on its own, or in step with the clean reference's trace.

    `whole` and `slots` are as `compare.ledger.trace.record` has them.
    """
    causes = tuple(causes)
    given = plan
    for cause in causes:
        given = cause.replan(given)
    with np.errstate(all="ignore"):  # What a trap breaks, it may break by an overflow.
        return record(build(causes, plan, dtype), given, reference, whole, slots)


# Where traps apply, and tools to bend with ---------------------------------------------------------------------------

Applies = Callable[[Config, Plan], bool]


def when(*conditions: Applies, **values: Any) -> Applies:
    """Whether all conditions hold, and each named field of the Config has its value, or one of a tuple of values.

    An activation is that of any hidden layer.
    """

    def applies(config: Config, plan: Plan) -> bool:
        fields = all(set(_several(getattr(config, name))) & set(_several(value)) for name, value in values.items())
        return fields and all(condition(config, plan) for condition in conditions)

    return applies


def _several(value: Any) -> tuple:
    return value if isinstance(value, tuple) else (value,)


def always(config: Config, plan: Plan) -> bool:
    return True


def decays(config: Config, plan: Plan) -> bool:
    return config.weight_decay > 0


def has_hidden(config: Config, plan: Plan) -> bool:
    return len(config.layer_sizes) > 2


def has_partial_batch(config: Config, plan: Plan) -> bool:
    return len({len(step) for step in plan.steps}) > 1


def seen(config: Config, **values: Any) -> Config:
    """The Config with other values of some fields, unchecked: a trap may set what nobody would ask for."""
    changed = copy.copy(config)
    for name, value in values.items():
        object.__setattr__(changed, name, value)
    return changed


def change_config(t: Any, function: str, **values: Any) -> None:
    """Let a function of the module, whose first argument is the Config, see other values of some fields."""
    original = getattr(t, function)
    setattr(t, function, lambda c, *arguments: original(seen(c, **values), *arguments))


def change_rules(t: Any, **values: Any) -> None:
    """Let every optimizer see other values of some fields of the Config."""
    wrap_rules(t, lambda rule: lambda c, *arguments: rule(seen(c, **values), *arguments))


def wrap_rules(t: Any, wrap: Callable[[Callable], Callable]) -> None:
    """Put something around every optimizer's rule."""
    t.OPTIMIZERS = {name: wrap(rule) for name, rule in t.OPTIMIZERS.items()}


@contextmanager
def other_config(model: Any, **values: Any) -> Iterator[None]:
    """Let a model see other values of some fields of its Config for a while."""
    kept, model.config = model.config, seen(model.config, **values)
    try:
        yield
    finally:
        model.config = kept


def rounded_to_float32(value: float) -> float:
    return float(np.float32(value))


def in_training(t: Any, values: Callable[[Config], dict[str, Any]]) -> None:
    """Let an update see other values of some fields of the Config, but nothing else of the model."""

    class Trapped(t.MLP):
        def _train_step(self, x, y, masks):
            with other_config(self, **values(self.config)):
                return super()._train_step(x, y, masks)

    t.MLP = Trapped


def note(t: Any, flag: str, method: str) -> None:
    """Let a model know, by an attribute of the name `flag`, whether it is inside of `method`."""
    original = getattr(t.MLP, method)

    def noted(self, *arguments):
        setattr(self, flag, True)
        found = original(self, *arguments)
        setattr(self, flag, False)
        return found

    t.MLP = type("Noting", (t.MLP,), {flag: False, method: noted})


def note_updates(t: Any) -> None:
    """Let a model know, by `updating`, whether an update is being made, rather than the gradients read."""
    note(t, "updating", "_train_step")


def before_update(t: Any, change: Callable[[Config, Any], float], shown: bool = False, **off: Any) -> None:
    """Let `change` work on a model's gradient before an update, which then sees the fields in `off` instead.

    What `change` returns is added to the loss. With `shown`, `gradients` shows the change too.
    """

    class Trapped(t.MLP):
        in_update: Config | None = None

        def _train_step(self, x, y, masks):
            self.in_update = self.config
            with other_config(self, **off):
                loss = super()._train_step(x, y, masks)
            self.in_update = None
            return loss

        def _backpropagate(self, x, y, masks):
            loss = super()._backpropagate(x, y, masks)
            return loss + change(self.in_update or self.config, self) if self.in_update or shown else loss

    t.MLP = Trapped


def clips(config: Config, plan: Plan) -> bool:
    return bool(config.clip_norm or config.clip_value)
