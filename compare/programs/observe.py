"""A worker process: it runs programs section by section, and notes what each step takes and what it leaves.

The text that runs is the program's own. Between sections, arrays in float32 are widened and the framework's default is
set to float64, so that a difference in meaning shows in the digits. The loop is left after some steps, the evaluation
runs as it stands.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import pickle
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import psutil

from compare.programs import values

MEMORY = 1.5e9  # bytes, from which on a process lets go of what its framework keeps


class Enough(Exception):
    """The steps that were asked for have been made."""


@dataclass
class Observation:
    """What a program did: T steps; every array in float64, or as the program had it where that is integer."""

    data: dict[str, np.ndarray] = field(default_factory=dict)  # x_train, y_train, x_test, y_test
    start: list[np.ndarray] = field(default_factory=list)  # the first parameters, in the order of the templates' params
    batches: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)  # x (B, D) and y of every step
    masks: list[list[np.ndarray]] = field(default_factory=list)  # (B, H) for every hidden layer; empty without dropout
    rates: list[float] = field(default_factory=list)  # of schedules that may compute in float32
    params: list[list[np.ndarray]] = field(default_factory=list)  # after every step
    losses: list[float] = field(default_factory=list)  # of every step, before its update; if `look` is given
    values: dict[int, dict[str, np.ndarray]] = field(default_factory=dict)  # of the steps of `look`; see values.py
    surfaces: dict[int, np.ndarray] = field(default_factory=dict)  # outputs (G, O) at its points, after a step
    outputs: np.ndarray | None = None  # of the test set, after the last
    printed: str = ""
    error: str = ""

    def step(self, x: Any, y: Any, masks: list[Any], params: list[Any], most: int) -> None:
        """Note one step; Enough when there are as many as were asked for."""
        self.batches.append((plain(x), plain(y)))
        self.masks.append([plain(mask) for mask in masks])
        self.params.append([plain(p) for p in params])
        if len(self.params) >= most:
            raise Enough


@dataclass(frozen=True)
class Look:
    """What to note of some steps, besides what is noted of every one."""

    steps: tuple[int, ...]  # counted from 1
    points: np.ndarray | None = None  # (G, D), at which the network is evaluated after each of them


class Notes:
    """Puts what a training does into an Observation."""

    def __init__(self, seen: Observation, most: int, look: Look | None):
        self.seen, self.most, self.look = seen, most, look

    def within(self, found: Callable[[bool], dict[str, Any]]) -> None:
        """Note what is computed within the step under way; found(False) may leave out all but the loss."""
        if self.look:
            looked_at = self.at in self.look.steps
            values = found(looked_at)
            self.seen.losses.append(float(plain(values["loss"])))
            if looked_at:
                self.seen.values[self.at] = {name: plain(each) for name, each in values.items()}

    @property
    def at(self) -> int:
        """The step under way."""
        return len(self.seen.params) + 1

    def after(self, kept: Callable[[], dict[str, Any]], outputs: Callable[[np.ndarray], Any]) -> None:
        """Note what a step leaves: what batch normalisations keep, and the outputs of the network as it is now."""
        if self.look and self.at in self.look.steps:
            self.seen.values[self.at] |= {name: plain(each) for name, each in kept().items()}
            if self.look.points is not None:
                self.seen.surfaces[self.at] = plain(outputs(self.look.points))

    def step(self, x: Any, y: Any, masks: list[Any], params: list[Any]) -> None:
        """Note one step; Enough when there are as many as were asked for."""
        self.seen.step(x, y, masks, params, self.most)


def plain(a: Any) -> np.ndarray:
    """A framework's array as one of NumPy's, copied."""
    if hasattr(a, "detach"):
        a = a.detach().numpy()
    elif hasattr(a, "numpy"):
        a = a.numpy()
    return np.array(a)


class _Numpy:
    """Wraps the program's `backward` and `update`."""

    def widen(self, value: Any) -> Any:
        return value.astype(np.float64) if isinstance(value, np.ndarray) and value.dtype == np.float32 else value

    def set_float64(self) -> None:
        pass

    def forget(self) -> None:
        """Let go of what the framework keeps of a program that ran."""

    def start(self, names: dict[str, Any]) -> list[Any]:
        return names["params"]

    def attach(self, names: dict[str, Any], notes: Notes) -> None:
        backward, update = names["backward"], names["update"]
        given: list[np.ndarray] = []

        def noted_backward(x: Any, y: Any, *masks: Any) -> Any:
            given[:] = [np.array(a) for a in (x, y, *masks)]
            if not notes.look:
                return backward(x, y, *masks)
            with values.frames() as found:
                grads = backward(x, y, *masks)
            layers = sum(p.ndim == 2 for p in names["params"])
            notes.within(lambda _: values.of_numpy(found, grads, layers))
            return grads

        def noted_update(*arguments: Any) -> None:
            update(*arguments)
            notes.after(lambda: values.running_of_numpy(names), lambda x: self.outputs(names, x))
            notes.step(given[0], given[1], given[2:], names["params"])

        names.update(backward=noted_backward, update=noted_update)

    def outputs(self, names: dict[str, Any], x: np.ndarray) -> Any:
        made = names["forward"](x)
        return made[-1] if isinstance(made, tuple) else made


class _Jax(_Numpy):
    """Wraps the program's `update`."""

    def widen(self, value: Any) -> Any:
        import jax

        if isinstance(value, jax.Array) and value.dtype == np.float32:
            return value.astype(np.float64)
        return super().widen(value)

    def set_float64(self) -> None:
        import jax

        jax.config.update("jax_enable_x64", True)

    def forget(self) -> None:
        import jax

        jax.clear_caches()

    def attach(self, names: dict[str, Any], notes: Notes) -> None:
        import jax
        import jax.numpy as jnp

        update, rates = names["update"], notes.seen.rates
        rate = jax.jit(names["rate"]) if "rate" in names else None  # Compiled, it rounds otherwise than one by one.
        looked_at = jax.jit(partial(values.of_jax, names), static_argnums=4)  # Not compiled, it takes much longer.

        def noted(*arguments: Any) -> Any:
            if rate:
                rates.append(float(rate(jnp.array(len(rates), jnp.int32))))
            kept = 2 if "running" in names else 1
            x, y, *masks = arguments[kept + 1 :]
            notes.within(lambda all_: looked_at(list(arguments[:kept]), x, y, masks, all_))
            made = update(*arguments)
            names.update(zip(("params", "running")[:kept], made, strict=False))
            notes.after(lambda: values.running_of_jax(names), lambda x: self.outputs(names, x))
            notes.step(x, y, masks, made[0])
            return made

        names["update"] = noted

    def outputs(self, names: dict[str, Any], x: np.ndarray) -> Any:
        import jax

        forward = names.setdefault("__forward__", jax.jit(lambda *arguments: names["forward"](*arguments)))
        if "running" in names:
            return forward(names["params"], names["running"], x)[0]
        return forward(names["params"], x)


class _Torch(_Numpy):
    """Hooks of PyTorch's own: before the network, before each dropout, after the optimizer; and the loss wrapped."""

    def widen(self, value: Any) -> Any:
        import torch

        if isinstance(value, torch.Tensor) and value.dtype == torch.float32:
            return value.double()
        return super().widen(value)

    def set_float64(self) -> None:
        import torch

        torch.set_num_threads(1)
        torch.set_default_dtype(torch.float64)

    def start(self, names: dict[str, Any]) -> list[Any]:
        from torch import nn

        found, modules = [], list(names["net"])
        for module, after in zip(modules, [*modules[1:], None], strict=True):
            if isinstance(module, nn.Linear):
                normed = isinstance(after, nn.BatchNorm1d)
                found += [module.weight.T, after.bias, after.weight] if normed else [module.weight.T, module.bias]
        return found

    def attach(self, names: dict[str, Any], notes: Notes) -> None:
        import torch
        from torch import nn
        from torch.nn import functional as F

        net, loss_function = names["net"], names["loss_function"]
        given: dict[str, Any] = {"masks": []}
        found: dict[str, Any] = {}
        if notes.look:
            values.watch_torch(net, found)

        def before_net(module: Any, inputs: tuple) -> None:
            given.update(x=inputs[0], masks=[])

        def before_dropout(module: Any, inputs: tuple) -> None:
            state = torch.get_rng_state()
            given["masks"].append(F.dropout(torch.ones_like(inputs[0]), module.p, module.training))
            torch.set_rng_state(state)

        def noted_loss(z: Any, y: Any) -> Any:
            given["y"] = y
            given["loss"] = loss_function(z, y)
            return given["loss"]

        def before_step(*_: Any) -> None:
            notes.within(lambda _: found | {"loss": given["loss"]})

        def after_step(*_: Any) -> None:
            x, y = given["x"], given["y"]
            masks = [m for m in net if isinstance(m, nn.Dropout)] and names.get("masks", given["masks"])
            notes.after(lambda: values.running_of_torch(net), lambda x: self.outputs(names, x))
            notes.step(x, y, masks, self.start(names))

        net.register_forward_pre_hook(before_net)
        for module in net:
            if isinstance(module, nn.Dropout) and "forward" not in vars(module):
                module.register_forward_pre_hook(before_dropout)
        names["loss_function"] = noted_loss
        names["optimizer"].register_step_pre_hook(before_step)
        names["optimizer"].register_step_post_hook(after_step)

    def outputs(self, names: dict[str, Any], x: np.ndarray) -> Any:
        import torch

        net = names["net"].eval()
        with torch.no_grad():
            z = net(torch.tensor(x))
        net.train()
        return z


class _Keras(_Numpy):
    """Wraps the compiled training step that `fit` calls."""

    def set_float64(self) -> None:
        import keras

        keras.config.set_floatx("float64")
        keras.config.set_dtype_policy("float64")

    def forget(self) -> None:
        import keras

        keras.backend.clear_session()

    def start(self, names: dict[str, Any]) -> list[Any]:
        from keras import layers

        found: list[Any] = []
        for layer in names["model"].layers:
            if isinstance(layer, layers.Dense):
                found += [layer.kernel, layer.bias] if layer.use_bias else [layer.kernel]
            elif isinstance(layer, layers.BatchNormalization):
                found += [layer.beta, layer.gamma]
        return found

    def attach(self, names: dict[str, Any], notes: Notes) -> None:
        import tensorflow as tf
        from keras import layers

        model, optimizer, rates = names["model"], names["optimizer"], notes.seen.rates
        rate = tf.function(lambda: optimizer.learning_rate)  # Compiled, it rounds otherwise than one by one.
        make, dropouts = model.make_train_function, [m for m in model.layers if isinstance(m, layers.Dropout)]

        def noted_make(force: bool = False) -> None:
            made = model.train_function is not None and not force
            make(force)
            if made:
                return
            compiled = model.train_function

            def noted(iterator: Any) -> Any:
                inputs, y, *weights = batch = next(iterator)
                x, *masks = inputs = inputs if isinstance(inputs, tuple | list) else (inputs,)
                masks = masks or [self.mask(layer, len(x)) for layer in dropouts]
                rates.append(float(rate()))
                notes.within(lambda all_: values.of_keras(names, inputs, y, weights[0] if weights else None, all_))
                logs = compiled([batch])
                notes.after(lambda: values.running_of_keras(model), lambda x: self.outputs(names, x))
                notes.step(x, y, masks, self.start(names))
                return logs

            model.train_function = noted

        model.make_train_function = noted_make

    def outputs(self, names: dict[str, Any], x: np.ndarray) -> Any:
        model = names["model"]
        ones = [np.ones((len(x), mask.shape[1])) for mask in model.inputs[1:]]
        return model([x, *ones] if ones else x, training=False)

    def mask(self, layer: Any, samples: int) -> np.ndarray:
        """The mask that a layer's next call will draw."""
        state = plain(layer.seed_generator.state)
        mask = plain(layer(np.ones((samples, layer.output.shape[1])), training=True))
        layer.seed_generator.state.assign(state)
        return mask


_KINDS = {"numpy": _Numpy, "jax": _Jax, "torch": _Torch, "keras": _Keras}


def observe(framework: str, sections: list[tuple[str, str]], steps: int, look: Look | None = None) -> Observation:
    """Run a program's sections, the loop for at most `steps` steps; `look` says what to note of some of them."""
    kind, seen, names = _KINDS[framework](), Observation(), {"__name__": "__main__"}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        for name, text in sections:
            if name == "loop":
                seen.start = [plain(p) for p in kind.start(names)]
                kind.attach(names, Notes(seen, steps, look))
            with contextlib.suppress(Enough), np.errstate(all="ignore"):
                exec(compile(text, f"<{name}>", "exec"), names)
            if name == "head":
                kind.set_float64()
            if name in ("data", "parameters"):
                _widen(names, kind.widen)
            if name == "data":
                seen.data = {key: plain(names[key]) for key in ("x_train", "y_train", "x_test", "y_test")}
    seen.outputs, seen.printed = plain(names["z"]), printed.getvalue()
    return seen


def _widen(names: dict[str, Any], widen: Callable[[Any], Any]) -> None:
    """Widen every array by its name, and in lists; one array stays one under all of its names."""
    kept: dict[int, Any] = {}

    def wider(value: Any) -> Any:
        if isinstance(value, list | tuple) and value:
            parts = [wider(part) for part in value]
            return parts if isinstance(value, list) else tuple(parts)
        return kept.setdefault(id(value), widen(value))

    for name, value in list(names.items()):
        if not name.startswith("__"):
            names[name] = wider(value)


def serve(framework: str) -> None:
    """Observe what comes in on standard input, (sections, steps, look) each, and answer on standard output."""
    answers, sys.stdout = sys.stdout.buffer, sys.stderr  # type: ignore[assignment]
    importlib.import_module({"torch": "torch", "keras": "keras", "jax": "jax"}.get(framework, "numpy"))
    while True:
        try:
            sections, steps, look = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            seen = observe(framework, sections, steps, look)
        except BaseException as error:
            seen = Observation(error=f"{type(error).__name__}: {error}".splitlines()[0])
        pickle.dump(vars(seen), answers)
        answers.flush()
        if psutil.Process().memory_info().rss > MEMORY:
            _KINDS[framework]().forget()


if __name__ == "__main__":
    serve(sys.argv[1])
