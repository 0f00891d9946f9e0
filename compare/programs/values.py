"""What a program computes within one step, by name: z1, a1, … z2, loss, and dW1, db1, … for the gradients.

NumPy's numbers are the locals of the program's own functions as they return, PyTorch's those that pass its modules and
its loss. JAX and Keras compile their step: theirs are of the same functions, weights and batch, called once more.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

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


def gradients(found: list[Any]) -> dict[str, Any]:
    """Gradients in the order of the parameters, two a layer, by name."""
    return {f"d{'Wb'[i % 2]}{i // 2 + 1}": each for i, each in enumerate(found)}


def of_numpy(seen: Frames, grads: list[Any], layers: int) -> dict[str, Any]:
    """Every name that the program's forward, loss and backward give an array to."""
    found: dict[str, Any] = {}
    for function in ("backward", "loss_of", "forward"):
        names, value = seen[function]
        found |= {name: each for name, each in names.items() if name not in ("x", "y", "_", "z")}
        if function == "forward":
            found[f"z{layers}"] = value[-1] if isinstance(value, tuple) else value
        elif function == "loss_of":
            found["loss"] = value[0]
    return found | gradients(grads)


def of_jax(names: dict[str, Any], params: list[Any], x: Any, y: Any) -> dict[str, Any]:
    """The same, of the functions that `update` compiles."""
    with frames() as seen:
        z = names["forward"](params, x)
    inner = {name: each for name, each in seen["forward"][0].items() if name[0] in "za" and name[1:].isdigit()}
    grads = gradients(names["backward"](params, x, y))
    return inner | {f"z{len(params) // 2}": z, "loss": names["loss_of"](z, y)} | grads


def watch_torch(net: Any, found: dict[str, Any]) -> None:
    """Put what each module of the network gives into `found`, whenever it is called."""
    from torch import nn

    layer = 0
    for module in net:
        linear = isinstance(module, nn.Linear)
        layer += linear
        name = f"{'z' if linear else 'a'}{layer}"
        module.register_forward_hook(lambda _, given, made, name=name: found.update({name: made}))


def of_torch(net: Any) -> dict[str, Any]:
    """The gradients that `backward` left in the weights; W as (in, out)."""
    return gradients([p.grad.T for p in net.parameters()])


def of_keras(names: dict[str, Any], x: Any, y: Any) -> dict[str, Any]:
    """The program's layers, its loss and their gradients, layer by layer."""
    import tensorflow as tf
    from keras import layers

    model, found, layer = names["model"], {}, 0
    with tf.GradientTape() as tape:
        z = tf.convert_to_tensor(x)
        for each in model.layers:
            z = each(z)
            dense = isinstance(each, layers.Dense)
            layer += dense
            linear = dense and each.activation.__name__ == "linear"
            found[f"{'z' if linear else 'a'}{layer}"] = z
        found["loss"] = names["loss_function"](y, z)
    variables = [variable.value for variable in model.trainable_variables]
    return found | gradients(tape.gradient(found["loss"], variables))
