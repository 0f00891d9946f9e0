"""What a program computes within one step, by name.

u1, n1, z1, h1, a1, … of layer 1 from its product with W1 to what it hands on: u1 before a batch normalisation, n1
normalised, z1 before the activation, h1 after it where dropout follows, a1 after that; p where the network itself ends
in a sigmoid. loss; dW1, db1, dg1, … the gradients; mean1, variance1 what a batch normalisation keeps, after the step.

NumPy's numbers are the locals of the program's own functions as they return, PyTorch's those that pass its modules and
its loss. JAX and Keras compile their step: theirs are of the same functions, weights, batch, masks, called once more.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

PARTS = ("<forward>", "<loss>", "<backward>")  # the files that a program's sections are compiled as

Frames = dict[str, tuple[dict[str, Any], Any]]  # by function: its locals as it returned, and what it returned


@contextlib.contextmanager
def frames() -> Iterator[Frames]:
    """What the program's functions hold when they return, for the calls within the block."""
    found: Frames = {}

    def at_return(frame: Any, event: str, value: Any) -> Any:
        if event == "return":
            found[frame.f_code.co_name] = (dict(frame.f_locals), value)
        return at_return

    def at_call(frame: Any, event: str, value: Any) -> Any:
        if frame.f_code.co_filename not in PARTS:
            return None
        frame.f_trace_lines = False
        return at_return

    before = sys.gettrace()
    sys.settrace(at_call)
    try:
        yield found
    finally:
        sys.settrace(before)


def named(params: list[Any], before: str = "") -> dict[str, Any]:
    """Parameters or their gradients by name; in the order of the templates, a matrix begins a layer, then b, then g."""
    found: dict[str, Any] = {}
    layer, kinds = 0, iter("")
    for each in params:
        if each.ndim == 2:
            layer, kinds = layer + 1, iter("bg")
            found[f"{before}W{layer}"] = each
        else:
            found[f"{before}{next(kinds)}{layer}"] = each
    return found


def of_numpy(seen: Frames, grads: list[Any], layers: int) -> dict[str, Any]:
    """Every name that the program's forward, loss and backward give an array to."""
    found: dict[str, Any] = {}
    for function in ("backward", "loss_of", "forward"):
        names, value = seen[function]
        inner = {name: each for name, each in names.items() if name not in ("x", "y", "_", "z")}
        found |= {name: each for name, each in inner.items() if isinstance(each, np.ndarray)}
        if function == "forward":
            found[f"z{layers}"] = value[-1] if isinstance(value, tuple) else value
        elif function == "loss_of":
            found["loss"] = value[0]
    return found | named(grads, "d")


def running_of_numpy(names: dict[str, Any]) -> dict[str, Any]:
    """What the program's batch normalisations keep."""
    return {name: each for name, each in names.items() if name.rstrip("0123456789") in ("mean", "variance")}


def of_jax(
    names: dict[str, Any], before: list[Any], x: Any, y: Any, masks: list[Any], everything: bool
) -> dict[str, Any]:
    """The same, of the functions that `update` compiles; `before` are the parameters and, if any, what is kept."""
    params, norm = before[0], before[1:]
    with frames() as seen:
        z = names["forward"](*before, x, *([True] if norm else []), *masks)
    z = z[0] if norm else z
    loss = {"loss": names["loss_of"](z, y)}
    if not everything:
        return loss
    inner = {name: each for name, each in seen["forward"][0].items() if name[0] in "na" and name[1:].isdigit()}
    grads = names["backward"](*before, x, y, *masks)
    layers = sum(each.ndim == 2 for each in params)
    return inner | {f"z{layers}": z} | loss | named(grads[0] if norm else grads, "d")


def running_of_jax(names: dict[str, Any]) -> dict[str, Any]:
    """What the program's batch normalisations keep."""
    kept = enumerate(names.get("running", ()), 1)
    return {f"{name}{i}": each for i, pair in kept for name, each in zip(("mean", "variance"), pair, strict=True)}


def watch_torch(net: Any, found: dict[str, Any]) -> None:
    """Put what each module of the network gives into `found` whenever it is called, and what `backward` gives."""
    from torch import nn

    modules = list(net)
    norm = any(isinstance(each, nn.BatchNorm1d) for each in modules)
    for name, param in zip(_torch_names(modules), net.parameters(), strict=True):
        param.register_post_accumulate_grad_hook(lambda p, name=name: found.update({f"d{name}": p.grad.T.clone()}))
    layer = 0
    for module, behind in zip(modules, [*modules[1:], None], strict=True):
        layer += isinstance(module, nn.Linear)
        kind = {nn.Linear: "u" if norm and module is not modules[-1] else "z", nn.BatchNorm1d: "z", nn.Dropout: "a"}
        name = f"{kind.get(type(module), 'h' if isinstance(behind, nn.Dropout) else 'a')}{layer}"
        module.register_forward_hook(lambda _, given, made, name=name: found.update({name: made}))


def _torch_names(modules: list[Any]) -> list[str]:
    """The names of the network's parameters, in its own order."""
    from torch import nn

    found: list[str] = []
    layer = 0
    for module in modules:
        if isinstance(module, nn.Linear):
            layer += 1
            found += [f"W{layer}", f"b{layer}"] if module.bias is not None else [f"W{layer}"]
        elif isinstance(module, nn.BatchNorm1d):
            found += [f"g{layer}", f"b{layer}"]
    return found


def running_of_torch(net: Any) -> dict[str, Any]:
    """What the network's batch normalisations keep."""
    from torch import nn

    kept = enumerate((module for module in net if isinstance(module, nn.BatchNorm1d)), 1)
    return {
        f"{name}{i}": each
        for i, norm in kept
        for name, each in (("mean", norm.running_mean), ("variance", norm.running_var))
    }


def of_keras(names: dict[str, Any], inputs: Any, y: Any, weights: Any, everything: bool) -> dict[str, Any]:
    """The program's layers as they train, its loss and their gradients; what the layers keep is as before."""
    import tensorflow as tf
    from keras import Model, layers

    model = names["model"]
    dense = [each for each in model.layers if isinstance(each, layers.Dense)]
    names_of, variables = _keras_names(model.layers, dense)
    whole = names.setdefault("__whole__", Model(model.inputs, [each.output for each in names_of]))
    kept = [(variable, variable.numpy()) for variable in model.non_trainable_variables]
    with tf.GradientTape() as tape:
        made = whole(inputs if len(inputs) > 1 else inputs[0], training=True)
        made = dict(zip(names_of.values(), made if isinstance(made, list) else [made], strict=True))
        last = made.get("p", made.get(f"z{len(dense)}"))
        loss = model.compute_loss(inputs[0], y, last, weights, training=True)
    grads = tape.gradient(loss, list(variables.values())) if everything else []
    for variable, before in kept:
        variable.assign(before)
    return made | {"loss": loss} | {f"d{name}": each for name, each in zip(variables, grads, strict=False)}


def _keras_names(every: list[Any], dense: list[Any]) -> tuple[dict[Any, str], dict[str, Any]]:
    """The names of what the layers give, by layer, and their weights by name."""
    from keras import layers

    norm = any(isinstance(each, layers.BatchNormalization) for each in every)
    every = [each for each in every if not isinstance(each, layers.InputLayer)]
    found: dict[Any, str] = {}
    variables: dict[str, Any] = {}
    layer = 0
    for each, behind in zip(every, [*every[1:], None], strict=True):
        after = "h" if isinstance(behind, layers.Dropout | layers.Multiply) else "a"
        if isinstance(each, layers.Dense):
            layer += 1
            last, linear = each is dense[-1], each.activation.__name__ == "linear"
            found[each] = ("z" if linear else "p") if last else ("u" if norm else after)
            variables[f"W{layer}"] = each.kernel.value
            if each.use_bias:
                variables[f"b{layer}"] = each.bias.value
        elif isinstance(each, layers.BatchNormalization):
            found[each] = "z"
            variables |= {f"b{layer}": each.beta.value, f"g{layer}": each.gamma.value}
        elif isinstance(each, layers.Activation):
            found[each] = after
        elif isinstance(each, layers.Dropout | layers.Multiply):
            found[each] = "a"
        else:
            continue
        found[each] += "" if found[each] == "p" else str(layer)
    return found, variables


def running_of_keras(model: Any) -> dict[str, Any]:
    """What the model's batch normalisations keep."""
    from keras import layers

    kept = enumerate((each for each in model.layers if isinstance(each, layers.BatchNormalization)), 1)
    return {
        f"{name}{i}": each
        for i, norm in kept
        for name, each in (("mean", norm.moving_mean), ("variance", norm.moving_variance))
    }
