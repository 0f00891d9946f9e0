"""What of watching a Keras script concerns PyTorch under it: gradients stand at the tensors, after a backward pass."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import torch
from keras.src.backend.torch.trainer import TorchTrainer
from torch import Tensor
from torch.optim import optimizer as optimizer_hooks
from torch.overrides import TorchFunctionMode

from compare.watch.keras import KerasWatcher
from compare.watch.recording import Op
from compare.watch.torch_calls import SILENT, mapped, tensors


class _Losses(TorchFunctionMode):
    """Sees which data the outputs of a network meet in a loop of the script's own."""

    def __init__(self, watcher: TorchBackendWatcher):
        super().__init__()
        self.watcher = watcher

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        name = getattr(func, "__name__", "")
        if self.watcher.in_own_loss() and name not in SILENT:
            args, kwargs = self.watcher.meets(name, args, kwargs or {})
        return func(*args, **(kwargs or {}))


class TorchBackendWatcher(KerasWatcher):
    """One run of a Keras script on PyTorch, which computes everything eagerly."""

    trainer = TorchTrainer

    def set_up(self) -> None:
        self.hooks = [
            optimizer_hooks.register_optimizer_step_pre_hook(self._updates),
            optimizer_hooks.register_optimizer_step_post_hook(self._updated),
        ]
        self.updating = False
        self.mode = _Losses(self)
        self.mode.__enter__()

    def set_back(self) -> None:
        with contextlib.suppress(RuntimeError):
            self.mode.__exit__(None, None, None)
        for hook in self.hooks:
            hook.remove()

    def watch(self) -> None:
        super().watch()
        self.replace(torch.Tensor, "backward", self._differentiates)

    def learns(self) -> bool:
        return torch.is_grad_enabled()

    def trains(self, model: Any, function: Callable) -> Callable:
        return lambda data: self.trained(model, data[0], lambda batch: function([batch]))

    def tests(self, model: Any, function: Callable) -> Callable:
        return lambda data: self.tested(model, data[0], lambda batch: function([batch]))

    def _differentiates(self, original: Callable) -> Callable:
        def backward(loss: torch.Tensor, *arguments: Any, **named: Any) -> Any:
            result = original(loss, *arguments, **named)
            if self.step is None:
                return result
            if not self.inside:
                self.mark("backward")
            self.step.loss = float(loss.detach().sum())
            variables = list({id(h.variable): h.variable for h in self.handles}.values())
            gradients = [v.value.grad for v in variables]
            with torch.no_grad():
                for own, given in zip(gradients, self.differentiated(variables, gradients), strict=True):
                    if own is not given:
                        own.copy_(given)
            return result

        return backward

    # A loop with a loss or an optimizer of PyTorch's own -------------------------------------------------------------

    def in_own_loss(self) -> bool:
        """Whether what is computed now may be a loss that the script makes of its network's outputs itself."""
        busy = self.inside or self.evaluating or self.losing or self.updating or self.depth
        return self.step is not None and not busy and torch.is_grad_enabled()

    def meets(self, name: str, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        """A function on its way: data that meet the network's outputs are targets."""
        step = self.step
        assert step is not None
        taking = list(tensors((args, kwargs)))
        size = len(step.inputs[0]) if step.inputs and step.inputs[0].ndim else 0
        data = {id(t) for t in taking if not t.requires_grad and t.dim() and len(t) == size and t.dtype != torch.bool}
        if not any(t.requires_grad and not t.is_leaf for t in taking) or not data:
            return args, kwargs
        self.mark("loss")
        if not self.recording.steps and self.loss is None and name.endswith(("loss", "entropy", "logits")):
            options = {k: v for k, v in kwargs.items() if isinstance(v, int | float | bool | str)}
            self.loss = Op(name, name, options, (), (), self.line())

        def changed(value: Any) -> Any:
            known = isinstance(value, Tensor) and id(value) in data
            return self.data(value, step.targets, "targets") if known else value

        return mapped(changed, args), mapped(changed, kwargs)

    def _updates(self, optimizer: torch.optim.Optimizer, arguments: Any, named: Any) -> None:
        step, self.updating = self.step, True
        if step is None or self.inside:
            return
        if self.optimizer is None:
            self.optimizer = optimizer
            self.mark("step")
            self.recording.optimizer = type(optimizer).__name__
            group = optimizer.param_groups[0]
            self.recording.options = [{k: v for k, v in group.items() if isinstance(v, int | float | bool | tuple)}]
            if line := self.recording.lines.get("step"):
                self.recording.lines["optimizer"] = line
        if optimizer is self.optimizer:
            step.rates = tuple(float(group["lr"]) for group in optimizer.param_groups)
            step.applied = [None if (g := h.variable.value.grad) is None else h.of(g) for h in self.handles]

    def _updated(self, optimizer: torch.optim.Optimizer, arguments: Any, named: Any) -> None:
        self.updating = False
        self.leave()
        if optimizer is self.optimizer and self.step is not None and not self.inside:
            self.close(self.step)
