"""Watching a PyTorch script: every function of torch that it calls is seen on its way, and called as it is.

A step begins when data meet trained parameters with gradients on, and ends with the update: an optimizer's step, or the
script's own change of its parameters. Data are the tensors without gradient that meet such with one: those that go into
the network are inputs, those that meet its outputs are targets.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import optimizer as optimizer_hooks
from torch.overrides import TorchFunctionMode
from torch.utils.data import DataLoader

from compare.watch.recording import Line, Op, Parameter, Step
from compare.watch.torch_answers import Answers
from compare.watch.torch_calls import (
    DEFAULTS,
    PRODUCTS,
    SILENT,
    SMALLER,
    SUMS,
    TAKES,
    double,
    evaluated,
    holds_tensor,
    is_on,
    leaf,
    mapped,
    plain,
    spelled,
    tensors,
    widened,
)  # fmt: skip
from compare.watch.torch_images import as_kept, masked, meets, shown, tag, tags_of
from compare.watch.torch_layout import Handle, handles
from compare.watch.torch_noise import drawn
from compare.watch.torch_passes import Passes, computed, has_met
from compare.watch.watcher import Watcher


class _Mode(TorchFunctionMode):
    def __init__(self, watcher: TorchWatcher):
        super().__init__()
        self.watcher = watcher

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        return self.watcher.called(func, args, kwargs or {})


class TorchWatcher(Watcher):
    """One run of a PyTorch script."""

    framework = "torch"
    joins = False  # whether one loss comes of several passes
    kept: list[bool] = []  # noqa: RUF012 -- which of its passes are of its first optimizer's steps, as it was watched
    patience = 2.0  # An error out of nowhere may leave PyTorch's stack of modes unbalanced.

    def start(self) -> None:
        self.recording.version = torch.__version__
        self.handles: list[Handle] = []
        self.known: dict[int, int] = {}  # id of a tensor -> number of its handle
        self.models: list[nn.Module] = []  # the modules that are being called, the outermost first
        self.called_models: list[nn.Module] = []
        self.own_size: int | None = None  # of the script's own batch, whatever was given in its place
        self.made_at: dict[int, Line | None] = {}
        self.updating = False
        self.optimizer: torch.optim.Optimizer | None = None
        self.backwards = 0  # in this step
        self.passes = Passes()
        self.begun = 0  # passes of data with gradients on
        self.lost = False  # whether the pass at hand is known to belong to no step that counts
        self.spared: set[int] = set()  # ids of a model's buffers
        self.exact = self.drive is not None and self.drive.dtype == "float64"
        if self.exact:
            torch.set_default_dtype(torch.float64)
        self.hooks = [
            optimizer_hooks.register_optimizer_step_pre_hook(self._updates),
            optimizer_hooks.register_optimizer_step_post_hook(self._updated),
        ]
        self.original: dict[Any, Any] = {
            "iter": DataLoader.__iter__,
            "compile": torch.compile,
            "call": nn.Module.__call__,
        }
        nn.Module.__call__ = self._calling(nn.Module.__call__)  # type: ignore[method-assign]
        watcher, original = self, self.original["iter"]

        def iterated(loader: DataLoader) -> Any:
            watcher._loads(loader)
            return original(loader)

        DataLoader.__iter__ = iterated  # type: ignore[method-assign, assignment]
        torch.compile = self._not_compiled  # type: ignore[assignment]
        for kind in (nn.Module, torch.optim.Optimizer):
            self.original[kind] = kind.__init__
            kind.__init__ = self._noting(kind.__init__)  # type: ignore[method-assign]
        self.answers = Answers(self.recording, self.line)
        self.mode = _Mode(self)
        self.mode.__enter__()

    def stop(self) -> None:
        with contextlib.suppress(RuntimeError):
            self.mode.__exit__(None, None, None)
        for hook in self.hooks:
            hook.remove()
        DataLoader.__iter__ = self.original["iter"]  # type: ignore[method-assign]
        nn.Module.__call__ = self.original["call"]  # type: ignore[method-assign]
        torch.compile = self.original["compile"]  # type: ignore[assignment]
        for kind in (nn.Module, torch.optim.Optimizer):
            kind.__init__ = self.original[kind]  # type: ignore[method-assign]
        torch.set_default_dtype(torch.float32)
        torch.set_grad_enabled(True)
        if self.step and self.backwards and self._changed():
            self._close(self.step)
        self._name_parameters()

    def _noting(self, init: Callable) -> Callable:
        """A constructor that keeps the user's line from which it is called."""

        def noting(made: Any, *arguments: Any, **named: Any) -> None:
            self.made_at.setdefault(id(made), self.line())
            init(made, *arguments, **named)

        return noting

    def _not_compiled(self, model: Any = None, **_: Any) -> Any:
        note = f"{self.line()}: torch.compile is left out while the script is watched"
        if note not in self.recording.notes:
            self.recording.notes.append(note)
        return model if model is not None else lambda given: given

    # Modules, loaders, optimizers ------------------------------------------------------------------------------------

    def _calling(self, call: Callable) -> Callable:
        """A module's call, seen when it begins and when it ends."""

        def calling(module: nn.Module, *arguments: Any, **named: Any) -> Any:
            arguments, named = self._enters(module, arguments, named)
            output = None
            try:
                output = call(module, *arguments, **named)
            finally:
                self._leaves(module, output)
            return output

        return calling

    def _enters(self, module: nn.Module, arguments: tuple, named: dict) -> tuple[tuple, dict]:
        self.models.append(module)
        if len(self.models) > 1 or self.updating or self._is_loss(module):
            return arguments, named
        self.mark("model")
        if module not in self.called_models:
            self.called_models.append(module)
        fresh = [t for t in tensors((arguments, named)) if not has_met(t)]
        if not torch.is_grad_enabled():
            if fresh:
                self.passed(len(fresh[0]) if fresh[0].dim() else 1, False)
                self.answers.reading = self.recording.passes[-1] if self.recording.passes else None
            return arguments, named
        if fresh or (self.step is None and not self.lost):
            self._begins()
        if self.lost:
            return arguments, named
        step = self._another_pass() if self.step is not None and fresh else self._opened()
        step.training = module.training
        self.spared.update(id(b) for b in module.buffers())

        def put(value: Any) -> Any:
            return self._data(value, step.inputs, "inputs") if isinstance(value, Tensor) else value

        return mapped(put, arguments), mapped(put, named)

    def _begins(self) -> None:
        """A pass of data with gradients on begins."""
        self.begun += 1
        self.lost = self.drive is not None and self.kept[self.begun - 1 : self.begun] == [False]

    def _leaves(self, module: nn.Module, output: Any) -> None:
        if self.models:
            self.models.pop()
        if not self.models and not self.updating and not self._is_loss(module):
            self.answers.given(output)
            self.passes.gave(output)

    @staticmethod
    def _is_loss(module: nn.Module) -> bool:
        return next(module.parameters(), None) is None

    def _loads(self, loader: DataLoader) -> None:
        about = self.recording.loader
        if not about:
            self.mark("data")
            shuffled = type(loader.sampler).__name__ != "SequentialSampler"
            about |= {"batch_size": loader.batch_size, "shuffled": shuffled, "drop_last": loader.drop_last, "epochs": 0}
        if self.step is None:
            about["epochs"] += 1

    def _updates(self, optimizer: torch.optim.Optimizer, arguments: Any, named: Any) -> Any:
        if self.optimizer is None:
            self.optimizer = optimizer
            self.recording.optimizer = type(optimizer).__name__
            self.mark("step")
            if line := self.made_at.get(id(optimizer)):
                self.recording.lines["optimizer"] = line
            keep = {k: v for k, v in optimizer.param_groups[0].items() if k != "params"}
            self.recording.options = [
                {k: v for k, v in keep.items() if isinstance(v, int | float | bool | tuple | str)}
            ]
        if optimizer is not self.optimizer and "two optimizers" not in "".join(self.recording.notes):
            self.recording.notes.append(f"{self.line()}: two optimizers make steps; those of the first are compared")
        closure = named.get("closure", arguments[1] if len(arguments) > 1 else None)
        if callable(closure):  # It runs the network inside of the optimizer's step.
            return (optimizer, self._closure(optimizer, closure)), {}
        self._applies(optimizer)
        return None

    def _applies(self, optimizer: torch.optim.Optimizer) -> None:
        if optimizer is self.optimizer and self.step is not None:
            self.step.rates = tuple(float(group["lr"]) for group in optimizer.param_groups)
            self.step.applied = [h.gradient for h in self.handles]
        self.updating = True

    def _closure(self, optimizer: torch.optim.Optimizer, closure: Callable) -> Callable:
        def called() -> Any:
            self.updating = False
            result = closure()
            self._applies(optimizer)
            return result

        return called

    def _updated(self, optimizer: torch.optim.Optimizer, arguments: Any, named: Any) -> None:
        self.updating = False
        if optimizer is self.optimizer and self.step is not None and self.backwards:
            self._close(self.step)
        elif optimizer is not self.optimizer and self.step is not None and self.backwards and not self.lost:
            self.step = None  # What another optimizer's step was made of.
            self.passes.drop(self.recording.kept)

    # A step ----------------------------------------------------------------------------------------------------------

    def _opened(self) -> Step:
        """The step at hand, or a new one; one that the script's own update has ended is closed."""
        if self.step is not None and self.backwards and self.optimizer is None and self._changed():
            self._close(self.step)
        self.answers.reading = None
        if self.step is None:
            self.step, self.backwards, self.normalised = Step(), 0, False
            self.first_input = 0  # of the pass at hand
            self.met: list[tuple[Tensor, Tensor]] = []  # the script's own inputs, and what was taken in their place
            self.step.epoch = self.recording.loader.get("epochs", 0)
            self.sums: dict[int, int] = {}
            self.alive: list[Tensor] = []
            self.count = 0
            self._put()
            self.step.before = [h.value for h in self.handles]
            self.passes = Passes(self.step)
        return self.step

    def _another_pass(self) -> Step:
        """The step at hand when other data come: a pass more of it, or its only one, where those before had no update.

        Which of the two shows once a gradient is taken; a script that is driven does as it did when it was watched.
        """
        step = self._opened()
        step.parts += self.passes.goes_on(step)
        if self.drive is None:
            self.passes.begin(step, self.count, self.normalised)
        elif not self.backwards and step.inputs and not self.joins and self.begun > len(self.kept):
            step.inputs, step.targets, step.values, step.masks = [], [], {}, 0
            self.met, self.count = [], 0
        self.first_input = len(step.inputs)
        return step

    def _keep_passes(self, loss: Tensor) -> None:
        """Of the passes since the last gradient only those that the loss comes of, where some do not."""
        step = self.step
        assert step is not None
        ops = self.recording.ops if not self.recording.steps else []
        for size, on in self.passes.reduce(step, loss, ops, self.recording.kept):
            self.passed(size, on)
        self.count = self.passes.count(self.count)
        self.joins |= self.passes.joined
        self.recording.joins = self.joins

    def _put(self) -> None:
        """Put the given weights in."""
        for handle, value in zip(self.handles, self.given.before if self.given else (), strict=False):
            if value is not None:
                handle.put(value)

    def _changed(self) -> bool:
        assert self.step
        return any(
            a is not None and not np.array_equal(a, h.value)
            for h, a in zip(self.handles, self.step.before, strict=False)
            if h.tensors[0].requires_grad
        )

    def _close(self, step: Step) -> None:
        if self.drive is None:
            self.passes.end(step, self.recording.kept)
        step.after, step.backwards = [h.value for h in self.handles], max(self.backwards, 1)
        self.backwards = 0
        self.finish(step)

    def _data(self, value: Any, kept: list, which: str) -> Any:
        """Keep a tensor of data, and give what is to be taken in its place."""
        if not isinstance(value, Tensor) or value.requires_grad or value.dtype == torch.bool:
            return value
        if which == "inputs" and has_met(value):
            return value
        if which == "targets" and _counts(value):  # The rows' own numbers, as in p[arange(n), y].
            size = next((len(a) for a in self.step.inputs if a.ndim), len(value)) if self.step else len(value)
            return value if size == len(value) else torch.arange(size)
        number = len(kept)
        if which == "inputs":
            for own, put in self.met:  # An input may meet several tables: it is one all the same.
                if own is value or (own.shape == value.shape and own.dtype == value.dtype and torch.equal(own, value)):
                    return put
            original = value
        if which == "inputs" and number == self.first_input:
            self.own_size = len(value) if value.dim() else None
        given = getattr(self.given, which) if self.given else []
        if number < len(given) and given[number] is not None:
            tags = {key: getattr(value, key) for key in ("_flat",) if hasattr(value, key)}
            dtype = torch.float64 if self.exact and value.is_floating_point() else value.dtype
            value = torch.as_tensor(np.ascontiguousarray(given[number])).to(dtype)
            for key, tag in tags.items():
                setattr(value, key, tag)
        kept.append(np.array(value.detach().cpu().numpy()))
        if self.exact and value.dtype in SMALLER:
            value = value.double()
        if which == "inputs" and value.dim() == 4 and value.shape[1] in (1, 3) and value.shape[1] < value.shape[2]:
            value._image = True  # type: ignore[attr-defined]
        if which == "inputs":
            self.met.append((original, value))
        return value

    # Functions -------------------------------------------------------------------------------------------------------

    def called(self, func: Callable, args: tuple, kwargs: dict) -> Any:
        """A function of torch on its way: noted, and called."""
        if self.updating:
            return func(*args, **kwargs)
        self.leave()
        name = getattr(func, "__name__", "")
        result = self._called(func, name, args, kwargs)
        if self.drive is None:
            if self.answers.reading is not None and is_on(name, args, kwargs):
                self.answers.reading.training = True
            self.answers.seen(name, args, kwargs, result)
        return result

    def _called(self, func: Callable, name: str, args: tuple, kwargs: dict) -> Any:
        if name == "backward" or (name == "grad" and "autograd" in str(getattr(func, "__module__", ""))):
            return self._backward(func, args, kwargs)
        if self.exact:
            func, args, kwargs = widened(func, name, args, kwargs)
        if (name in SILENT and name != "__get__" and not self.exact) or not torch.is_grad_enabled():
            result = func(*args, **kwargs)
            computed(args, result)
            return double(result) if self.exact and name not in SILENT else result
        if name == "__get__":
            return self._attribute(func, args, kwargs)
        if name in SILENT:
            result = func(*args, **kwargs)
            return double(result) if name in ("to", "type") else result
        return self._function(func, name, args, kwargs)

    def _attribute(self, func: Callable, args: tuple, kwargs: dict) -> Any:
        result = func(*args, **kwargs)
        computed(args, result)
        p = args[0]
        turned = isinstance(result, Tensor) and result.dim() == 2 and result is not p and isinstance(p, Tensor)
        if turned and p.requires_grad and p.is_leaf and result.shape == p.shape[::-1]:
            result._turned = p
        return result

    def _function(self, func: Callable, name: str, args: tuple, kwargs: dict) -> Any:
        taking = list(tensors((args, kwargs)))
        learns = [t for t in taking if t.requires_grad]
        if self.lost:
            self._layer(name, args, self._taken(name, args, kwargs), learns)  # A parameter keeps its number.
            result = func(*args, **kwargs)
            return double(result) if self.exact else result
        noise = drawn(name, args, kwargs, self.drive, self.made, self.step) if self.drive and self.step else None
        if noise is not None:
            return noise
        if not learns and not (self.step and self.models and name in TAKES and any(map(_kept, taking))):
            result = func(*args, **kwargs)
            computed(args, result)
            return double(result) if self.exact else result
        if not self.models or self._is_loss(self.models[0]):
            args, kwargs = self._meets_data(spelled(name, args, kwargs)[0], args, kwargs, taking, learns)
        if self.judging:
            args, kwargs = evaluated(name, args, kwargs)
        meets(name, args)
        called = name
        name, plainly, bias = spelled(name, args, kwargs)
        taken = self._taken(name, plainly, kwargs)
        op = self._layer(name, plainly if bias is None else (*plainly, bias), taken, learns)
        noted = self.step is not None and (self.drive is not None or not self.recording.steps)
        number, joined = self._number(name, op, plainly) if noted else (0, False)
        original = next((a for a in plainly if isinstance(a, Tensor)), None)
        if op is not None and not joined:
            args = self._forced_input(number, args, original)
        dropped = name == "dropout" and self.drive and self.step
        given = masked(args, kwargs, self.drive, self.made, self.step) if dropped else None  # type: ignore[arg-type]
        result = func(*args, **kwargs) if given is None else given
        if self.step and is_on(name, args, kwargs):
            self.step.masks += name == "dropout"
            self.normalised |= name != "dropout"
        if isinstance(result, Tensor):
            first = args[0] if args else None
            own = isinstance(first, Tensor) and first.is_leaf and first.requires_grad and first.dim() == 2
            if own and name in ("t", "transpose", "permute"):
                result._turned = first  # type: ignore[attr-defined]
            tag(name, args, result)
        if noted:
            self._note(name, number, joined, op, taken, plainly, kwargs if name == called else {}, original, result)
            if op is not None and (joined or name not in PRODUCTS):
                result = self._forced_output(number, result)
        return result

    def _meets_data(self, name: str, args: tuple, kwargs: dict, taking: list, learns: list) -> tuple[tuple, dict]:
        """What data meet outside of a model: a parameter of the script's own, or the network's outputs."""
        data = [t for t in taking if not t.requires_grad and id(t) not in self.spared]
        own = all(t.is_leaf or hasattr(t, "_turned") for t in learns)
        if not data or (own and name not in PRODUCTS and name not in TAKES and "mul" not in name):
            return args, kwargs
        if self.step is None:
            self._begins()
        step = self._opened() if self.step is None or (own and name in PRODUCTS) else self.step
        which, kept = ("inputs", step.inputs) if own else ("targets", step.targets)
        size = self.own_size
        fits = {id(t) for t in data if own or size is None or (t.dim() and t.shape[0] == size) or t.numel() == size}
        if which == "targets" and not fits:
            return args, kwargs
        if own:
            self.mark("model")
        else:
            self.mark("loss")

        def changed(value: Any) -> Any:
            return self._data(value, kept, which) if isinstance(value, Tensor) and id(value) in fits else value

        return mapped(changed, args), mapped(changed, kwargs)

    def _taken(self, name: str, args: tuple, kwargs: dict) -> dict[str, Any]:
        """The arguments of a function with parameters, by name; of a recurrent one only as it is called unpacked."""
        names = TAKES.get(name, ())
        taken = dict(zip(names, args, strict=False)) | {k: v for k, v in kwargs.items() if k in names}
        if name in ("lstm", "gru", "rnn_tanh", "rnn_relu") and not isinstance(taken.get("has_biases"), bool):
            return {}
        return taken

    def _layer(self, name: str, args: tuple, taken: dict[str, Any], learns: list[Tensor]) -> list[int] | None:
        """The numbers of the parameters that a call takes; None if it takes none of its own."""
        if taken:
            found = handles(name, taken, getattr(args[0], "_flat", None))
        elif name in PRODUCTS and len(args) in (2, 3):
            found = [Handle([t], "dense", "kernel", turn, turn) for t, turn in map(leaf, args[:2]) if t is not None]
            found += [Handle([bias], "dense", "bias") for bias in args[2:]]
        elif name in SUMS or name in ("mul", "__mul__", "__rmul__"):
            role = "bias" if name in SUMS else "weight"
            found = [
                Handle([a], "dense", role) for a in args if isinstance(a, Tensor) and a.is_leaf and a.requires_grad
            ]
        else:
            return None
        found = [h for h in found if isinstance(h.tensors[0], Tensor) and h.tensors[0].is_leaf]
        if not found or not any(_kept(t) for h in found for t in h.tensors):
            return None
        self._opened_for(found)
        return [self.known[id(h.tensors[0])] for h in found]

    def _opened_for(self, found: list[Handle]) -> None:
        step = self._opened() if self.step is None and not self.lost else self.step
        for handle in found:
            if id(handle.tensors[0]) in self.known:
                continue
            number = len(self.handles)
            self.known |= {id(t): number for t in handle.tensors}
            self.handles.append(handle)
            parts = [np.array(t.detach().numpy()) for t in handle.tensors] if len(handle.tensors) > 1 else []
            trained = handle.tensors[0].requires_grad
            initial, name = handle.value, "" if self.models else self.name_of(handle.tensors[0])
            self.recording.parameters.append(
                Parameter(name, handle.kind, handle.role, initial, trained, self.line(), parts)
            )
            value = self.given.before[number] if self.given and number < len(self.given.before) else None
            if value is not None and step is not None:
                handle.put(value)
            if step is not None:
                step.before.append(handle.value)

    def _number(self, name: str, numbers: list[int] | None, args: tuple) -> tuple[int, bool]:
        """The number that a call has among the ops of a step; and whether it is the bias of the product before it."""
        assert self.step is not None
        first = next((a for a in args if isinstance(a, Tensor)), None)
        if name in SUMS and numbers is not None and id(first) in self.sums:
            return self.sums[id(first)], True
        self.count += 1
        return self.count - 1, False

    def _note(
        self, name: str, number: int, joined: bool, numbers: list[int] | None, taken: dict, args: tuple, kwargs: dict,
        first: Tensor | None, result: Any,
    ) -> None:  # fmt: skip
        """Keep what a call does: its kind and options once; of a layer, when driven, what it takes and gives."""
        assert self.step is not None
        output = result[0] if isinstance(result, tuple) else result
        ops = self.recording.ops
        if not self.recording.steps:
            shape = tuple(output.shape[1:]) if isinstance(output, Tensor) else ()
            if joined:
                ops[number].parameters += tuple(numbers or ())
            elif number >= len(ops):
                label, options, line = self._about(name, taken, args, kwargs)
                ops.append(Op(name, label, options, tuple(numbers or ()), shape, line))
        if numbers is not None and isinstance(output, Tensor):
            self.sums[id(output)] = number
            self.alive = [*self.alive[-500:], output]  # So that no other tensor gets its id.
            if self.drive and not self.drive.brief and first is not None:
                before = self.step.values[number][0] if joined else shown(first)
                self.step.values[number] = (before, shown(output))

    def _forced_input(self, number: int, args: tuple, first: Tensor | None) -> tuple:
        """A layer's arguments with the input that it is to be given; its gradient goes through as through its own."""
        given = self.given.values.get(number) if self.given else None
        if given is None or first is None:
            return args
        forced = self._forced(first, given[0])
        return tuple(mapped(lambda value: forced if value is first else value, list(args)))

    def _forced_output(self, number: int, result: Any) -> Any:
        given = self.given.values.get(number) if self.given else None
        return self._forced(result, given[1]) if given is not None and isinstance(result, Tensor) else result

    def _forced(self, t: Tensor, value: np.ndarray) -> Tensor:
        if not t.is_floating_point() or t.numel() != value.size:
            return t
        forced = t + (torch.as_tensor(as_kept(value, t), dtype=t.dtype) - t).detach()
        return tags_of(t, forced)

    def _about(self, name: str, taken: dict, args: tuple, kwargs: dict) -> tuple[str, dict[str, Any], Line | None]:
        """What the author calls it, its options, and where it was made, or is called."""
        module = self.models[-1] if self.models else None
        own = module is not None and type(module).__module__.startswith("torch.nn") and not list(module.children())
        options = {k: v for k, v in taken.items() if not holds_tensor(v) and v is not None}
        if own and module is not None:
            keys = [k for k in getattr(module, "__constants__", ()) if isinstance(k, str)]
            keys += ["momentum", "eps", "p", "negative_slope", "approximate", "alpha", "reduction"]
            options |= {k: getattr(module, k) for k in keys if plain(getattr(module, k, None))}
            options.pop("inplace", None)
            return type(module).__name__, options, self.made_at.get(id(module)) or self.line()
        if not taken:
            try:
                bound = inspect.signature(getattr(nn.functional, name)).bind(*args, **kwargs)
                bound.apply_defaults()
                given = bound.arguments
            except (TypeError, ValueError, AttributeError):
                given = {str(i): a for i, a in enumerate(args)} | kwargs
            options = {k: v for k, v in given.items() if plain(v) and k not in ("inplace", "training", "_stacklevel")}
            options = DEFAULTS.get(name, {}) | options
        return name.strip("_"), options, self.line()

    def _backward(self, func: Callable, args: tuple, kwargs: dict) -> Any:
        loss = args[0] if args else kwargs.get("self")
        loss = loss[0] if isinstance(loss, tuple | list) else loss
        if self.step is not None and isinstance(loss, Tensor) and self.drive is None:
            self._keep_passes(loss)
        result = func(*args, **kwargs)
        step = self.step
        if step is None or self.lost or not isinstance(loss, Tensor):
            return result
        self.mark("backward")
        self.passes.taken = True
        value = float(loss.detach().sum())
        step.loss = value if not self.backwards else step.loss + value
        self.backwards += 1
        if getattr(func, "__name__", "") == "grad":
            self._returned(step, args, kwargs, result)
            return result
        step.gradients = [h.gradient for h in self.handles]
        given = self.given.gradients if self.given and self.backwards >= self.given.backwards else ()
        for handle, gradient in zip(self.handles, given, strict=False):
            if gradient is not None:
                handle.put_gradient(gradient)
        return result

    def _returned(self, step: Step, args: tuple, kwargs: dict, result: Any) -> None:
        """Gradients that torch.autograd.grad hands back."""
        wanted = kwargs.get("inputs", args[1] if len(args) > 1 else ())
        wanted = [wanted] if isinstance(wanted, Tensor) else list(wanted)
        step.gradients = [None] * len(self.handles)
        for t, gradient in zip(wanted, result, strict=False):
            number = self.known.get(id(t))
            if number is None or gradient is None:
                continue
            handle = self.handles[number]
            step.gradients[number] = handle.read(np.array(gradient.detach().numpy()))
            given = self.given.gradients if self.given else []
            value = given[number] if number < len(given) else None
            if value is not None:
                gradient.data.copy_(torch.as_tensor(np.ascontiguousarray(handle.write(value)), dtype=t.dtype))

    def _name_parameters(self) -> None:
        """The names that the script's modules give, where its variables gave none."""
        found: dict[int, str] = {}
        for module in self.called_models:
            found |= {id(t): name for name, t in (*module.named_parameters(), *module.named_buffers())}
        for handle, parameter in zip(self.handles, self.recording.parameters, strict=True):
            parameter.name = found.get(id(handle.tensors[0]), parameter.name) or parameter.role


def _kept(t: Tensor) -> bool:
    """Whether a network keeps this as its own, trained or frozen."""
    return t.requires_grad or isinstance(t, nn.Parameter)


def _counts(t: Tensor) -> bool:
    """Whether it is 0, 1, 2, ..."""
    return t.dtype == torch.int64 and t.dim() == 1 and len(t) > 2 and bool((t == torch.arange(len(t))).all())
