"""What a configuration asks for as lines of a framework, for mends that can be pasted whatever the optimizer is."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from impls.mlp_numpy import Config


def values(config: Config) -> dict[str, Any]:
    """What may stand in braces in a mend: the fields of the configuration, and the lines made of them."""
    return asdict(config) | {
        "torch_optimizer": torch_optimizer(config),
        "keras_optimizer": keras_optimizer(config),
        "torch_clip": torch_clip(config),
        "keras_clip": keras_clip(config),
        "nesterov": config.optimizer == "nesterov",
    }


def torch_optimizer(config: Config) -> str:
    """The optimizer in PyTorch, with weight decay on matrices alone, as the configuration means it."""
    c, rate = config, f"lr={config.learning_rate}"
    betas = f"betas=({c.beta1}, {c.beta2}), eps={c.epsilon}"
    name, settings = {
        "sgd": ("SGD", ""),
        "momentum": ("SGD", f"momentum={c.momentum}"),
        "nesterov": ("SGD", f"momentum={c.momentum}, nesterov=True"),
        "rmsprop": ("RMSprop", f"alpha={c.beta2}, eps={c.epsilon}"),
        "adagrad": ("Adagrad", f"eps={c.epsilon}"),
        "adam": ("Adam", betas),
        "adamw": ("AdamW", betas),
    }[c.optimizer]
    who = "model.parameters()"
    if c.weight_decay:
        matrices = f"dict(params=[p for p in {who} if p.ndim > 1], weight_decay={c.weight_decay})"
        who = f"[{matrices}, dict(params=[p for p in {who} if p.ndim < 2], weight_decay=0.0)]"
    elif c.optimizer == "adamw":
        settings += ", weight_decay=0.0"
    return f"torch.optim.{name}({', '.join(filter(None, (who, rate, settings)))})"


def keras_optimizer(config: Config) -> str:
    """The optimizer in Keras; its adaptive ones put epsilon elsewhere, which their own traps tell."""
    c = config
    betas = f"np.float64({c.beta1}), np.float64({c.beta2}), {c.epsilon}"
    return {
        "sgd": f"keras.optimizers.SGD({c.learning_rate})",
        "momentum": f"keras.optimizers.SGD({c.learning_rate}, np.float64({c.momentum}))",
        "nesterov": f"keras.optimizers.SGD({c.learning_rate}, np.float64({c.momentum}), nesterov=True)",
        "rmsprop": f"keras.optimizers.RMSprop({c.learning_rate}, rho=np.float64({c.beta2}), epsilon={c.epsilon})",
        "adagrad": f"keras.optimizers.Adagrad({c.learning_rate}, 0.0, {c.epsilon})",
        "adam": f"keras.optimizers.Adam({c.learning_rate}, {betas})",
        "adamw": f"keras.optimizers.AdamW({c.learning_rate}, np.float64({c.weight_decay}), {betas})",
    }[c.optimizer]


def torch_clip(config: Config) -> str:
    """Clipping between backward and step, exactly: clip_grad_norm_ divides by the norm plus 1e-6."""
    if config.clip_value:
        return f"torch.nn.utils.clip_grad_value_(model.parameters(), {config.clip_value})"
    return (
        "norm = float(torch.nn.utils.get_total_norm([p.grad for p in model.parameters()])); "
        f"[p.grad.mul_({config.clip_norm} / max({config.clip_norm}, norm)) for p in model.parameters()]"
    )


def keras_clip(config: Config) -> str:
    """The argument of an optimizer that clips."""
    return f"clipvalue={config.clip_value}" if config.clip_value else f"global_clipnorm={config.clip_norm}"
