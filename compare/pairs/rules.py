"""Update rules: what an optimizer is set to, what it would do with given gradients, and which one made an update."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from compare.watch.recording import Recording, Step

Series = list[np.ndarray]  # one parameter's values, step by step


@dataclass(frozen=True)
class Rule:
    """An update rule and its settings; `framework` says whose form of it, since they differ in where epsilon stands."""

    name: str  # "sgd", "adam", "rmsprop", "adagrad", or a class that is not modelled
    settings: dict[str, Any] = field(default_factory=dict)
    framework: str = "torch"
    fitted: bool = False  # told by its updates, not by an optimizer's settings

    def __str__(self) -> str:
        plain = {
            "momentum": 0.0,
            "nesterov": False,
            "decay": 0.0,
            "decoupled": False,
        }
        shown = {k: v for k, v in self.settings.items() if plain.get(k) != v}
        inside = ", ".join(f"{k} {v:g}" if isinstance(v, float) else f"{k} {v}" for k, v in shown.items())
        return f"{self.name}({inside})"


DEFAULTS: dict[str, dict[str, dict[str, Any]]] = {
    "torch": {
        "sgd": {"rate": 1e-3, "momentum": 0.0, "nesterov": False, "decay": 0.0},
        "adam": {"rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "decay": 0.0},
        "adamw": {"rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "decay": 0.01},
        "rmsprop": {"rate": 1e-2, "beta2": 0.99, "epsilon": 1e-8, "momentum": 0.0},
        "adagrad": {"rate": 1e-2, "epsilon": 1e-10, "initial": 0.0},
    },
    "keras": {
        "sgd": {"rate": 1e-2, "momentum": 0.0, "nesterov": False, "decay": 0.0},
        "adam": {"rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-7, "decay": 0.0},
        "adamw": {"rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-7, "decay": 0.004},
        "rmsprop": {"rate": 1e-3, "beta2": 0.9, "epsilon": 1e-7, "momentum": 0.0},
        "adagrad": {"rate": 1e-3, "epsilon": 1e-7, "initial": 0.1},
    },
}


def declared(recording: Recording) -> Rule | None:
    """What the script's optimizer is set to; None where it has none, or one that is not modelled."""
    if not recording.optimizer or not recording.options:
        return None
    o, kind = recording.options[0], recording.optimizer.lower()
    rate = recording.steps[0].rates[0] if recording.steps[0].rates else float("nan")
    if recording.framework == "torch":
        return _torch(kind, o, rate)
    return _keras(kind, o, rate)


def _torch(kind: str, o: dict[str, Any], rate: float) -> Rule | None:
    decay, common = float(o.get("weight_decay", 0)), {"rate": rate}
    if o.get("amsgrad") or o.get("maximize") or o.get("centered") or o.get("lr_decay"):
        return None
    if kind == "sgd":
        settings = common | {"momentum": float(o["momentum"]), "nesterov": bool(o["nesterov"])}
        if o.get("dampening"):
            settings["dampening"] = float(o["dampening"])
        return Rule("sgd", settings | {"decay": decay, "decoupled": False})
    if kind in ("adam", "adamw"):
        b1, b2 = map(float, o["betas"])
        settings = common | {"beta1": b1, "beta2": b2, "epsilon": float(o["eps"]), "decay": decay}
        return Rule("adam", settings | {"decoupled": bool(decay) and (kind == "adamw" or o["decoupled_weight_decay"])})
    if kind == "rmsprop":
        settings = {"beta2": float(o["alpha"]), "epsilon": float(o["eps"]), "momentum": float(o["momentum"])}
        return Rule("rmsprop", common | settings | {"decay": decay, "decoupled": False})
    if kind == "adagrad":
        settings = {"epsilon": float(o["eps"]), "initial": float(o["initial_accumulator_value"])}
        return Rule("adagrad", common | settings | {"decay": decay, "decoupled": False})
    return None


def _keras(kind: str, o: dict[str, Any], rate: float) -> Rule | None:
    decay = float(o.get("weight_decay") or 0)
    common = {"rate": rate, "decay": decay, "decoupled": bool(decay)}
    if o.get("amsgrad") or o.get("centered") or o.get("use_ema"):
        return None
    if kind == "sgd":
        settings = {"momentum": float(o["momentum"]), "nesterov": bool(o["nesterov"])}
    elif kind in ("adam", "adamw"):
        settings = {"beta1": float(o["beta_1"]), "beta2": float(o["beta_2"]), "epsilon": float(o["epsilon"])}
    elif kind == "rmsprop":
        settings = {"beta2": float(o["rho"]), "epsilon": float(o["epsilon"]), "momentum": float(o["momentum"])}
    elif kind == "adagrad":
        settings = {"epsilon": float(o["epsilon"]), "initial": float(o["initial_accumulator_value"])}
    else:
        return None
    return Rule("adam" if kind == "adamw" else kind, common | settings, "keras")


class Slots:
    """What a rule remembers of one parameter, and the moves that it makes of it."""

    def __init__(self, rule: Rule, shape: tuple[int, ...]):
        self.rule, self.t = rule, 0
        self.m = np.zeros(shape)
        self.v = np.full(shape, float(rule.settings.get("initial", 0.0)))

    def move(self, g: np.ndarray, w: np.ndarray, rate: float) -> np.ndarray:
        """What the rule adds to the parameter, given its gradient and its value."""
        s, keras = self.rule.settings, self.rule.framework == "keras"
        self.t += 1
        decay, epsilon = s.get("decay", 0.0), s.get("epsilon", 0.0)
        if decay and not s.get("decoupled"):
            g = g + decay * w
        shrink = -rate * decay * w if decay and s.get("decoupled") else 0.0
        if self.rule.name == "sgd":
            damped = 1 - s.get("dampening", 0.0) if self.t > 1 else 1.0
            self.m = s["momentum"] * self.m + damped * g
            step = g + s["momentum"] * self.m if s["nesterov"] else self.m
        elif self.rule.name == "adam":
            self.m = s["beta1"] * self.m + (1 - s["beta1"]) * g
            self.v = s["beta2"] * self.v + (1 - s["beta2"]) * g * g
            root = np.sqrt(1 - s["beta2"] ** self.t)
            bottom = (np.sqrt(self.v) + epsilon) / root if keras else np.sqrt(self.v) / root + epsilon
            step = self.m / (1 - s["beta1"] ** self.t) / bottom
        elif self.rule.name == "rmsprop":
            self.v = s["beta2"] * self.v + (1 - s["beta2"]) * g * g
            step = g / (np.sqrt(self.v + epsilon) if keras else np.sqrt(self.v) + epsilon)
            if s.get("momentum"):
                self.m = s["momentum"] * self.m + step
                step = self.m
        else:
            self.v = self.v + g * g
            step = g / (np.sqrt(self.v + epsilon) if keras else np.sqrt(self.v) + epsilon)
        return shrink - rate * step


def updates(rule: Rule, gradients: Series, before: Series, rates: list[float]) -> Iterator[np.ndarray]:
    """What a rule adds to one parameter at each step, given its gradients and its values before."""
    slots = Slots(rule, np.shape(before[0]))
    for g, w, rate in zip(gradients, before, rates, strict=True):
        with np.errstate(divide="ignore", invalid="ignore"):  # Without an epsilon, where there is no gradient.
            move = slots.move(g, w, rate)
        yield move


@dataclass
class Course:
    """One recording's gradients, weights and rates, as the rules take them."""

    gradients: list[Series]
    before: list[Series]
    moved: list[Series]
    rates: list[float]
    numbers: list[int]

    def under(self, rule: Rule) -> list[Series]:
        return [list(updates(rule, g, w, self.rates)) for g, w in zip(self.gradients, self.before, strict=True)]

    def apart(self, one: list[Series], other: list[Series]) -> float:
        """The largest difference of two courses, relative to the largest update of the step."""
        worst = 0.0
        for t in range(len(self.rates)):
            size = max((float(np.abs(s[t]).max()) for s in one), default=0.0)
            gap = max(float(np.abs(s[t] - o[t]).max()) for s, o in zip(one, other, strict=True))
            worst = max(worst, gap / max(size, 1e-300))
        return worst


def course(steps: list[Step], gradients: str = "gradients", rate: float = 1.0) -> Course:
    """What the steps of a recording show of the update; parameters without gradients are left out."""
    numbers = [
        i for i in range(len(steps[0].before))
        if all(i < len(getattr(s, gradients)) and getattr(s, gradients)[i] is not None for s in steps)
    ]  # fmt: skip

    def series(name: str) -> list[Series]:
        return [[np.asarray(getattr(s, name)[i], float) for s in steps] for i in numbers]

    before, after = series("before"), series("after")
    moved = [[y - x for x, y in zip(b, a, strict=True)] for b, a in zip(before, after, strict=True)]
    return Course(series(gradients), before, moved, [s.rates[0] if s.rates else rate for s in steps], numbers)


TRIED = {"beta1": (0.9, 0.5, 0.0, 0.95), "beta2": (0.999, 0.99, 0.9, 0.95), "epsilon": (1e-8, 1e-7, 1e-6, 1e-10, 0.0)}
EXACT = 1e-4  # of the largest update: what a rule may leave of what it explains, weights being kept in float32


def fit(course: Course) -> Rule | None:
    """The known rule that made these updates; None if none did."""
    if (found := linear(course)) is not None:
        return found
    for place, (b1, b2, eps) in itertools.product(("torch", "keras"), itertools.product(*TRIED.values())):
        settings = {"rate": 1.0, "beta1": b1, "beta2": b2, "epsilon": eps, "decay": 0.0, "decoupled": False}
        if rule := _scaled(course, Rule("adam", settings, place, True)):
            return rule
    for place, b2, eps in itertools.product(("torch", "keras"), (0.9, 0.99, 0.95, 0.999), TRIED["epsilon"]):
        settings = {"rate": 1.0, "beta2": b2, "epsilon": eps, "momentum": 0.0, "decay": 0.0, "decoupled": False}
        if rule := _scaled(course, Rule("rmsprop", settings, place, True)):
            return rule
    for eps, initial in itertools.product((1e-10, 1e-8, 1e-7, 1e-6), (0.0, 0.1)):
        settings = {"rate": 1.0, "epsilon": eps, "initial": initial, "decay": 0.0, "decoupled": False}
        if rule := _scaled(course, Rule("adagrad", settings, "torch", True)):
            return rule
    return None


def linear(course: Course) -> Rule | None:
    """Gradient descent with momentum and decay: d = m·d' - rate·g - rate·decay·w, by least squares."""
    columns, wanted = [], []
    for g, w, d in zip(course.gradients, course.before, course.moved, strict=True):
        for t in range(len(d)):
            last = d[t - 1] if t else np.zeros_like(d[0])
            columns.append(np.stack([last.ravel(), g[t].ravel(), w[t].ravel()]))
            wanted.append(d[t].ravel())
    table, target = np.concatenate(columns, axis=1).T, np.concatenate(wanted)
    scale = np.abs(table).max(axis=0)
    scale[scale == 0] = 1.0
    solution = np.linalg.lstsq(table / scale, target, rcond=None)[0] / scale
    if np.abs(table @ solution - target).max() > EXACT * np.abs(target).max() or solution[1] >= 0:
        return None
    momentum, rate, decay = (float(x) for x in (solution[0], -solution[1], solution[2] / solution[1]))
    near = {k: _round(v) for k, v in {"rate": rate, "momentum": momentum, "decay": decay}.items()}
    near["momentum"] = 0.0 if abs(momentum) < 1e-4 else near["momentum"]
    near["decay"] = 0.0 if abs(decay) * np.abs(table[:, 2]).max() < 1e-3 * np.abs(table[:, 1]).max() else near["decay"]
    return Rule("sgd", {**near, "nesterov": False, "decoupled": False}, "torch", True)


def _scaled(course: Course, rule: Rule) -> Rule | None:
    """The rule with the rate that explains the updates best; None if it does not explain them."""
    unit = replace(course, rates=[1.0] * len(course.rates))
    made = unit.under(rule)
    one = np.concatenate([s[0].ravel() for s in made])
    moved = np.concatenate([s[0].ravel() for s in course.moved])
    rate = float(one @ moved / max(float(one @ one), 1e-300))
    if not np.isfinite(rate) or rate <= 0:
        return None
    scaled = [[rate * d for d in series] for series in made]
    if course.apart(course.moved, scaled) > EXACT:
        return None
    return replace(rule, settings=rule.settings | {"rate": _round(rate)})


def _round(x: float) -> float:
    """The short number that x is, if it is one to five digits."""
    short = float(f"{x:.2g}")
    return short if abs(x - short) <= 1e-4 * abs(x) else x
