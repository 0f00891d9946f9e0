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
        "torch_loss": torch_loss(config),
        "keras_loss": keras_loss(config),
        "torch_activation": torch_activation(config),
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


def torch_activation(config: Config) -> str:
    """The activation in PyTorch, whose softplus is exact only below its threshold."""
    names = {"relu": "ReLU", "leaky_relu": "LeakyReLU", "elu": "ELU", "gelu": "GELU", "silu": "SiLU", "tanh": "Tanh"}
    if config.activation == "softplus":
        return "torch.nn.Softplus(threshold=600)"
    return f"torch.nn.{names.get(str(config.activation), 'Sigmoid')}()"


def torch_loss(config: Config) -> str:
    """The loss in PyTorch, of outputs z and targets y of one shape, or class ids y."""
    c = config
    name, outputs = {
        "softmax_cross_entropy": ("cross_entropy", "z"),
        "binary_cross_entropy": ("binary_cross_entropy_with_logits", "z"),
        "mse": ("mse_loss", "z"),
        "mae": ("l1_loss", "z"),
        "sigmoid_mse": ("mse_loss", "torch.sigmoid(z)"),
        "huber": ("huber_loss", "z"),
    }[c.loss]
    options = f", label_smoothing={c.label_smoothing}" * (c.label_smoothing > 0 and name == "cross_entropy")
    if c.class_weights and c.label_smoothing:  # PyTorch would weigh every class's share of the smoothed target.
        terms = f"torch.nn.functional.cross_entropy(z, y{options}, reduction='none')"
        return f"(weight[y] * {terms}).sum(){' / weight[y].sum()' * (c.reduction == 'mean')}"
    if c.class_weights and name == "cross_entropy":
        options += f", weight=torch.tensor({c.class_weights})"
    if c.reduction == "sum":
        options += ", reduction='sum'"
    return f"torch.nn.functional.{name}({outputs}, y{options})"


def keras_loss(config: Config) -> str:
    """The loss in Keras, on logits; one of smoothed targets takes them one-hot."""
    c = config
    options = [f"label_smoothing={c.label_smoothing}"] if c.label_smoothing else []
    options += ["reduction='sum'"] if c.reduction == "sum" else []
    squared, absolute = "MeanSquaredError", "MeanAbsoluteError"
    name = {"mse": squared, "mae": absolute, "sigmoid_mse": squared, "huber": "Huber"}.get(c.loss)
    if name is None:
        binary = c.loss == "binary_cross_entropy"
        coded = "Categorical" if c.label_smoothing else "SparseCategorical"
        name, options = f"{'Binary' if binary else coded}Crossentropy", ["from_logits=True", *options]
    return f"keras.losses.{name}({', '.join(options)})"
