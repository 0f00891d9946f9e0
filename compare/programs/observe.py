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
from typing import Any

import numpy as np

from compare.programs import values


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
    values: list[dict[str, np.ndarray]] = field(default_factory=list)  # within every step, if detailed; see values.py
    detailed: bool = False
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

    def within(self, found: dict[str, Any]) -> None:
        """Note what is computed within the step under way."""
        self.values.append({name: plain(each) for name, each in found.items()})


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

    def start(self, names: dict[str, Any]) -> list[Any]:
        return names["params"]

    def attach(self, names: dict[str, Any], seen: Observation, most: int) -> None:
        backward, update = names["backward"], names["update"]
        given: list[np.ndarray] = []

        def noted_backward(x: Any, y: Any, *masks: Any) -> Any:
            given[:] = [np.array(a) for a in (x, y, *masks)]
            if not seen.detailed:
                return backward(x, y, *masks)
            with values.frames() as found:
                grads = backward(x, y, *masks)
            seen.within(values.of_numpy(found, grads, len(names["params"]) // 2))
            return grads

        def noted_update(*arguments: Any) -> None:
            update(*arguments)
            seen.step(given[0], given[1], given[2:], names["params"], most)

        names.update(backward=noted_backward, update=noted_update)


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

    def attach(self, names: dict[str, Any], seen: Observation, most: int) -> None:
        import jax
        import jax.numpy as jnp

        update = names["update"]
        rate = jax.jit(names["rate"]) if "rate" in names else None  # Compiled, it rounds otherwise than one by one.

        def noted(*arguments: Any) -> Any:
            if rate:
                seen.rates.append(float(rate(jnp.array(len(seen.rates), jnp.int32))))
            if seen.detailed:
                seen.within(values.of_jax(names, arguments[0], *arguments[-2:]))
            made = update(*arguments)
            names.update(zip(("params", "running") if len(made) == 3 else ("params",), made, strict=False))
            x, y, *masks = arguments[len(made) :]
            seen.step(x, y, masks, made[0], most)
            return made

        names["update"] = noted


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

    def attach(self, names: dict[str, Any], seen: Observation, most: int) -> None:
        import torch
        from torch import nn
        from torch.nn import functional as F

        net, loss_function = names["net"], names["loss_function"]
        given: dict[str, Any] = {"masks": []}
        found: dict[str, Any] = {}
        if seen.detailed:
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

        def after_step(*_: Any) -> None:
            if seen.detailed:
                seen.within(found | {"loss": given["loss"]} | values.of_torch(net))
            masks = [m for m in net if isinstance(m, nn.Dropout)] and names.get("masks", given["masks"])
            seen.step(given["x"], given["y"], masks, self.start(names), most)

        net.register_forward_pre_hook(before_net)
        for module in net:
            if isinstance(module, nn.Dropout) and "forward" not in vars(module):
                module.register_forward_pre_hook(before_dropout)
        names["loss_function"] = noted_loss
        names["optimizer"].register_step_post_hook(after_step)


class _Keras(_Numpy):
    """Wraps the compiled training step that `fit` calls."""

    def set_float64(self) -> None:
        import keras

        keras.config.set_floatx("float64")
        keras.config.set_dtype_policy("float64")

    def start(self, names: dict[str, Any]) -> list[Any]:
        from keras import layers

        found: list[Any] = []
        for layer in names["model"].layers:
            if isinstance(layer, layers.Dense):
                found += [layer.kernel, layer.bias] if layer.use_bias else [layer.kernel]
            elif isinstance(layer, layers.BatchNormalization):
                found += [layer.beta, layer.gamma]
        return found

    def attach(self, names: dict[str, Any], seen: Observation, most: int) -> None:
        import tensorflow as tf
        from keras import layers

        model, optimizer = names["model"], names["optimizer"]
        rate = tf.function(lambda: optimizer.learning_rate)  # Compiled, it rounds otherwise than one by one.
        make, dropouts = model.make_train_function, [m for m in model.layers if isinstance(m, layers.Dropout)]

        def noted_make(force: bool = False) -> None:
            made = model.train_function is not None and not force
            make(force)
            if made:
                return
            compiled = model.train_function

            def noted(iterator: Any) -> Any:
                batch = next(iterator)
                x, *masks = batch[0] if isinstance(batch[0], tuple | list) else (batch[0],)
                masks = masks or [self.mask(layer, len(x)) for layer in dropouts]
                seen.rates.append(float(rate()))
                if seen.detailed:
                    seen.within(values.of_keras(names, x, batch[1]))
                logs = compiled([batch])
                seen.step(x, batch[1], masks, self.start(names), most)
                return logs

            model.train_function = noted

        model.make_train_function = noted_make

    def mask(self, layer: Any, samples: int) -> np.ndarray:
        """The mask that a layer's next call will draw."""
        state = plain(layer.seed_generator.state)
        mask = plain(layer(np.ones((samples, layer.output.shape[1])), training=True))
        layer.seed_generator.state.assign(state)
        return mask


_KINDS = {"numpy": _Numpy, "jax": _Jax, "torch": _Torch, "keras": _Keras}


def observe(framework: str, sections: list[tuple[str, str]], steps: int, detailed: bool = False) -> Observation:
    """Run a program's sections, the loop for at most `steps` steps.

    `detailed` notes what is computed within each step; for networks without dropout and batch normalisation.
    """
    kind, seen, names = _KINDS[framework](), Observation(detailed=detailed), {"__name__": "__main__"}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        for name, text in sections:
            if name == "loop":
                seen.start = [plain(p) for p in kind.start(names)]
                kind.attach(names, seen, steps)
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
    """Observe what comes in on standard input, (sections, steps, detailed) each, and answer on standard output."""
    answers, sys.stdout = sys.stdout.buffer, sys.stderr  # type: ignore[assignment]
    importlib.import_module({"torch": "torch", "keras": "keras", "jax": "jax"}.get(framework, "numpy"))
    while True:
        try:
            sections, steps, detailed = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            seen = observe(framework, sections, steps, detailed)
        except BaseException as error:
            seen = Observation(error=f"{type(error).__name__}: {error}".splitlines()[0])
        pickle.dump(vars(seen), answers)
        answers.flush()


if __name__ == "__main__":
    serve(sys.argv[1])
