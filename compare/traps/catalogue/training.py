"""Traps around the model: data, the order of batches, the training loop, precision, predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from compare.traps.catalogue.trap import CONVENTION, Trap, Words, always, has_partial_batch, note_updates, when
from impls.mlp_numpy import Config
from shared.scenarios import Plan


def _epochs(plan: Plan) -> list[list[np.ndarray]]:
    """The steps of each epoch."""
    samples = len(plan.dataset.x_train)
    epochs: list[list[np.ndarray]] = []
    for step in plan.steps:
        if not epochs or sum(len(batch) for batch in epochs[-1]) >= samples:
            epochs.append([])
        epochs[-1].append(step)
    return epochs


def _has_two_epochs(config: Config, plan: Plan) -> bool:
    return len(_epochs(plan)) > 1


def _has_order(config: Config, plan: Plan) -> bool:
    return len(plan.steps[0]) < len(plan.dataset.x_train)


def _moves_without_gradient(config: Config, plan: Plan) -> bool:
    return config.optimizer != "sgd" or config.weight_decay > 0


def _gradients_kept(t: Any, counted: str) -> None:
    """What is kept is the sum over "updates", shown by `gradients` or not, or over "every backward" that was called."""

    note_updates(t)

    class Trapped(t.MLP):
        left = 0.0

        def _backpropagate(self, x, y, masks):
            loss = super()._backpropagate(x, y, masks)
            if self.updating or counted != "updates, not shown":
                self.flat_gradient += self.left
            if self.updating or counted == "every backward":
                self.left = self.flat_gradient.copy()
            return loss

    t.MLP = Trapped


def _gradients_cleared(t: Any) -> None:
    note_updates(t)

    class Trapped(t.MLP):
        def _backpropagate(self, x, y, masks):
            loss = super()._backpropagate(x, y, masks)
            if self.updating:
                self.flat_gradient[:] = 0
            return loss

    t.MLP = Trapped


def _accumulated(t: Any, every: int, averaged: bool, shown: str) -> None:
    """An update in every few steps only, by the sum or the mean of their gradients.

    `shown` is what a reading of the gradient gives: "sum so far", or "each", where the optimizer keeps the sum. In the
    first case an optimizer's slots come to be at the first update, and cannot be set before.
    """

    class Trapped(t.MLP):
        count, total, in_update = 0, 0.0, False

        def set_state(self, state):
            if shown == "each" or self.count >= every or not self.slots:
                return super().set_state(state)
            zero = {name: [tuple(a * 0 for a in layer) for layer in state[name]] for name in self.slots}
            super().set_state(state | zero | {"step": 0})

        def _backpropagate(self, x, y, masks):
            if self.in_update:
                self.flat_gradient[:] = self.total
                return 0.0
            loss = super()._backpropagate(x, y, masks)
            if averaged and shown == "sum so far":
                self.flat_gradient /= every
            if shown == "sum so far":
                self.flat_gradient += self.total
            return loss

        def _train_step(self, x, y, masks):
            self.count += 1
            loss = self._backpropagate(x, y, masks)
            last = self.count % every == 0
            if shown == "sum so far":
                self.total = self.flat_gradient.copy()
            else:
                self.total = self.total + self.flat_gradient / (every if averaged else 1)
            if last:
                self.in_update = True
                super()._train_step(x, y, masks)
                self.in_update, self.total = False, 0.0
            return loss

    t.MLP = Trapped


def _partial_dropped(t: Any) -> None:
    class Trapped(t.MLP):
        full = 0

        def _train_step(self, x, y, masks):
            self.full = max(self.full, len(x))
            if len(x) == self.full:
                return super()._train_step(x, y, masks)
            return t._batch_loss(self.config, self._forward(x, True, masks)[0], y)[0]

    t.MLP = Trapped


def _same_order(plan: Plan) -> Plan:
    first, steps = _epochs(plan)[0], len(plan.steps)
    return replace(plan, steps=[first[step % len(first)] for step in range(steps)])


def _no_shuffling(plan: Plan) -> Plan:
    steps = []
    for epoch in _epochs(plan):
        ends = np.cumsum([len(step) for step in epoch])
        steps += [np.arange(end - len(step), end) for step, end in zip(epoch, ends, strict=True)]
    return replace(plan, steps=steps)


def _ranks(plan: Plan) -> np.ndarray:
    """Where the first epoch puts each sample, and the sample that it puts there: for shuffling x or y alone."""
    order = np.concatenate(_epochs(plan)[0])
    rest = np.setdiff1d(np.arange(len(plan.dataset.x_train)), order)
    return np.concatenate([order, rest])


def _apart(plan: Plan, what: str) -> Plan:
    """Other targets for the same inputs, or other inputs for the same targets."""
    data, order = plan.dataset, _ranks(plan)
    if what == "targets in file order":
        place = np.argsort(order)
        return replace(plan, dataset=replace(data, y_train=data.y_train[place]))
    if what == "inputs in file order":
        place = np.argsort(order)
        return replace(plan, dataset=replace(data, x_train=data.x_train[place]))
    by = {"targets one sample early": -1, "targets one sample late": 1}.get(what)
    if by:
        return replace(plan, dataset=replace(data, y_train=np.roll(data.y_train, by)))
    return replace(plan, dataset=replace(data, y_train=data.y_train[::-1]))


def _disordered(t: Any, what: str = "", orders: Sequence[Sequence[list[int]]] = ()) -> None:
    """The targets of a batch in another order, or both inputs and targets, step by step, in `orders` that were seen."""

    class Trapped(t.MLP):
        at = 0

        def _train_step(self, x, y, masks):
            loss = super()._train_step(x, y, masks)
            self.at += 1
            return loss

        def _backpropagate(self, x, y, masks):
            if self.at < len(orders) and len(orders[self.at][0]) == len(x):
                x, y = (a[order] for a, order in zip((x, y), orders[self.at], strict=True))
            if what == "targets reversed":
                y = y[::-1]
            if what == "targets shifted by one":
                y = np.roll(y, 1, axis=0)
            if what == "targets shifted by one the other way":
                y = np.roll(y, -1, axis=0)
            if what == "targets sorted":
                y = np.sort(y, axis=0)
            return super()._backpropagate(x, y, masks)

    t.MLP = Trapped


def _inputs(t: Any, change, training_only: bool = False) -> None:
    original = t.check_data

    def check_data(config, x, *targets, training=False):
        x, y = original(config, x, *targets, training=training)
        return (change(x) if training or not training_only else x).astype(x.dtype), y

    t.check_data = check_data


def _inputs_scaled(t: Any, factor: float) -> None:
    _inputs(t, lambda x: x * factor)


def _inputs_standardised(t: Any, what: str) -> None:
    def by_batch(x):
        deviation = x.std(axis=0)
        return (x - x.mean(axis=0)) / np.where(deviation > 0, deviation, 1)

    def by_sample(x):
        return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)

    changes = {
        "by every batch's mean and deviation": by_batch,
        "to unit length": by_sample,
        "from 0 ... 1 to -1 ... 1": lambda x: 2 * x - 1,
        "cut to whole numbers": np.trunc,
        "to float32": lambda x: x.astype(np.float32),
        "to float16": lambda x: x.astype(np.float16),
        "columns reversed": lambda x: x[:, ::-1],
    }
    _inputs(t, changes[what])


def _scaled_in_training_only(t: Any, factor: float) -> None:
    _inputs(t, lambda x: x * factor, training_only=True)


def _computed_in_float32(t: Any, what: str) -> None:
    def rounded(a):
        return a.astype(np.float32).astype(a.dtype)

    if what == "the loss":
        original = t._batch_loss
        t._batch_loss = lambda c, z, y: original(c, rounded(z), y)
    if what == "hidden outputs":
        f = dict(t.ACTIVATIONS)
        t.ACTIVATIONS = {name: (lambda z, name=name: rounded(f[name][0](z)), f[name][1]) for name in f}
    if what in ("weights", "gradients"):

        class Trapped(t.MLP):
            def _train_step(self, x, y, masks):
                loss = super()._train_step(x, y, masks)
                if what == "weights":
                    self.flat[:] = rounded(self.flat)
                return loss

            def _backward(self, d, saved, masks):
                super()._backward(d, saved, masks)
                if what == "gradients":
                    self.flat_gradient[:] = rounded(self.flat_gradient)

        t.MLP = Trapped
    if what == "the whole model":
        config = t.Config
        t.Config = lambda **fields: config(**fields | {"dtype": "float32"})


def _threshold(t: Any, value: float) -> None:
    original = t.decide
    t.decide = lambda c, z: original(c, z - value if c.loss == "binary_cross_entropy" else z)


def _other_axis(t: Any) -> None:
    original = t.decide

    def second_best(c, z):
        if c.loss != "softmax_cross_entropy":
            return original(c, z)
        return z.argmin(axis=1)

    t.decide = second_best


def _returns_probability(t: Any) -> None:
    t.decide = lambda c, z: z[:, 0] if z.shape[1] == 1 else z.max(axis=1)


_LOADER, _ADAPTER = "torch/utils/data/dataloader.py", "keras/src/trainers/data_adapters/array_data_adapter.py"

TRAPS = [
    Trap(
        "gradients-not-zeroed",
        "training",
        "The first step agrees, every later gradient is the sum of all so far",
        "PyTorch's backward adds to .grad; zero_grad() has to be called. Keras' tape starts afresh.",
        "torch/optim/optimizer.py (zero_grad)",
        "optimizer.zero_grad()  # before loss.backward()",
        Words("nothing to mend: a GradientTape starts at 0"),
        always,
        _gradients_kept,
        variants={
            "": {"counted": "updates"},
            "those of a reading of the gradients too": {"counted": "every backward"},
            "where a reading does not show it": {"counted": "updates, not shown"},
        },
    ),
    Trap(
        "gradients-cleared",
        "training",
        "Gradients agree, and the weights do not move but by momentum and decay",
        "zero_grad() between backward() and step(): with set_to_none=False every update is made with a gradient of 0, "
        "otherwise none is made.",
        "torch/optim/optimizer.py (zero_grad)",
        "optimizer.zero_grad(); loss.backward(); optimizer.step()  # in this order",
        Words("nothing to mend: a GradientTape keeps no gradients"),
        _moves_without_gradient,
        _gradients_cleared,
    ),
    Trap(
        "gradients-accumulated",
        "training",
        "The weights move in every few steps only",
        "Gradients of several batches are added up before an update: optimizer.step() is called in every k-th step, "
        "after losses that are divided by k or not; Keras' optimizers do it with gradient_accumulation_steps, and take "
        "the mean.",
        "torch/optim/optimizer.py (zero_grad); keras/src/optimizers/base_optimizer.py (gradient_accumulation_steps)",
        "loss.backward(); optimizer.step(); optimizer.zero_grad()  # in every step",
        "gradient_accumulation_steps=None  # in the optimizer",
        lambda config, plan: len(plan.steps) > 1,
        _accumulated,
        variants={
            f"{how} of 2 steps{told}": {"every": 2, "averaged": how == "the mean", "shown": shown}
            for how in ("the sum", "the mean")
            for shown, told in (("sum so far", ""), ("each", ", in the optimizer"))
        },
    ),
    Trap(
        "partial-batch-dropped",
        "training",
        "Equal up to the last, smaller batch of an epoch, where no update is made",
        "drop_last=True, or a loop over len(x) // batch_size batches. Both frameworks keep the last batch by default.",
        f"{_LOADER} (drop_last); {_ADAPTER}",
        "torch.utils.data.DataLoader(data, batch_size, drop_last=False)",
        Words("tf.data.Dataset.batch(batch_size, drop_remainder=False)"),
        has_partial_batch,
        _partial_dropped,
    ),
    Trap(
        "never-reshuffled",
        "training",
        "The first epoch agrees, later ones see their batches in the first one's order",
        "A data set shuffled once; in Keras, fit(shuffle=True) repeats one permutation every epoch after "
        "keras.utils.set_random_seed.",
        f"{_LOADER} (shuffle); {_ADAPTER} (shuffle)",
        "torch.utils.data.DataLoader(data, batch_size, shuffle=True)",
        Words("a keras.utils.PyDataset of one's own that draws the order in on_epoch_end"),
        _has_two_epochs,
        replan=_same_order,
    ),
    Trap(
        "never-shuffled",
        "training",
        "Batches come in the file's order, often with one class at a time",
        "PyTorch's DataLoader does not shuffle unless told, Keras' fit does; but not a dataset or a generator.",
        f"{_LOADER} (shuffle=False); {_ADAPTER} (shuffle=True)",
        "torch.utils.data.DataLoader(data, batch_size, shuffle=True)",
        Words("model.fit(x, y, shuffle=True)"),
        _has_order,
        replan=_no_shuffling,
    ),
    Trap(
        "shuffled-apart",
        "training",
        "Outputs agree at the first step, the loss does not, and nothing can be learned",
        "Inputs and targets are shuffled by different permutations, or only one of them.",
        "numpy.random.Generator.shuffle; sklearn.utils.shuffle",
        "order = torch.randperm(len(x)); x, y = x[order], y[order]",
        "order = np.random.permutation(len(x)); x, y = x[order], y[order]",
        always,
        replan=_apart,
        variants={
            what: {"what": what}
            for what in (
                "targets in file order",
                "inputs in file order",
                "targets one sample early",
                "targets one sample late",
                "targets reversed",
            )
        },
    ),
    Trap(
        "targets-disordered-in-batch",
        "training",
        "Outputs agree at the first step, the loss does not",
        "A sort, a shuffle or a shift inside the step, of x alone or y alone, takes the targets of a batch from their "
        "inputs.",
        "numpy.ndarray.sort works in place",
        "x[batch], y[batch]  # one index for both",
        "x[batch], y[batch]  # one index for both",
        always,
        _disordered,
        variants={
            what: {"what": what}
            for what in (
                "targets reversed",
                "targets shifted by one",
                "targets shifted by one the other way",
                "targets sorted",
            )
        },
    ),
    Trap(
        "inputs-scaled",
        "training",
        "Logits differ from the first step",
        "Pixels from 0 to 255 or 0 to 16 are divided on one side and not on the other; torchvision's ToTensor divides"
        " by 255, Keras' datasets do not.",
        "torchvision/transforms/functional.py (to_tensor); keras/src/datasets/mnist.py",
        Words("x = torch.as_tensor(x, dtype=torch.float32) / 255  # once"),
        Words("x = x.astype('float32') / 255  # once"),
        always,
        _inputs_scaled,
        variants={
            "divided by 255": {"factor": 1 / 255},
            "multiplied by 255": {"factor": 255.0},
            "divided by 16": {"factor": 1 / 16},
            "multiplied by 16": {"factor": 16.0},
            "doubled": {"factor": 2.0},
            "halved": {"factor": 0.5},
            "0": {"factor": 0.0},
        },
    ),
    Trap(
        "inputs-changed",
        "training",
        "Logits differ from the first step",
        "Another preparation of the inputs: standardised by batch, to unit length, cut to integers, in lower "
        "precision.",
        "sklearn/preprocessing/_data.py (StandardScaler, Normalizer); torch.Tensor.to",
        "x = torch.as_tensor(x)  # the same x on both sides",
        "x = keras.ops.convert_to_tensor(x)  # the same x on both sides; Keras casts it to floatx",
        always,
        _inputs_standardised,
        variants={
            what: {"what": what}
            for what in (
                "by every batch's mean and deviation",
                "to unit length",
                "from 0 ... 1 to -1 ... 1",
                "cut to whole numbers",
                "to float32",
                "to float16",
                "columns reversed",
            )
        },
    ),
    Trap(
        "scaled-in-training-only",
        "training",
        "Training loss and gradients do not belong to the outputs of an evaluation on the same batch",
        "The inputs are prepared in the training loop only, or by a layer that is left out in evaluation.",
        "torch/utils/data/dataset.py; keras/src/layers/preprocessing",
        Words("prepare x before both training and evaluation"),
        Words("prepare x before both fit and evaluate, or in a layer of the model"),
        always,
        _scaled_in_training_only,
        variants={
            "divided by 255": {"factor": 1 / 255},
            "divided by 16": {"factor": 1 / 16},
            "doubled": {"factor": 2.0},
            "halved": {"factor": 0.5},
        },
    ),
    Trap(
        "float32-inside",
        "training",
        "In float64, differences of 1e-8 to 1e-6",
        "A cast to float32 on the way: Keras casts inputs to floatx, layers keep the dtype policy of their time, "
        "torch.tensor of Python floats is float32.",
        "keras/src/dtype_policies/dtype_policy.py; torch/_tensor.py (default dtype)",
        Words("torch.set_default_dtype(torch.float64)  # before anything is made"),
        "keras.config.set_floatx('float64'); keras.config.set_dtype_policy('float64')  # before any layer",
        always,
        _computed_in_float32,
        variants={
            what: {"what": what} for what in ("the whole model", "the loss", "hidden outputs", "weights", "gradients")
        },
        kind=CONVENTION,
    ),
    Trap(
        "threshold-on-logits",
        "training",
        "Everything agrees but predicted labels and the accuracy",
        "Keras' binary accuracy compares outputs with 0.5, also where they are logits, whose threshold is 0.",
        "keras/src/metrics/accuracy_metrics.py (BinaryAccuracy, threshold)",
        "label = z > 0  # logits; p > 0.5 for probabilities",
        "label = z > 0  # logits; in a metric BinaryAccuracy(threshold=0.0)",
        when(loss="binary_cross_entropy"),
        _threshold,
        variants={"0.5": {"value": 0.5}},
    ),
    Trap(
        "least-likely-class",
        "training",
        "Everything agrees but predicted classes, whose accuracy is near 0",
        "argmin where argmax is meant, as distances ask for.",
        "numpy.argmin; torch.argmin",
        "z.argmax(1)",
        "ops.argmax(z, axis=1)",
        when(loss="softmax_cross_entropy"),
        _other_axis,
    ),
    Trap(
        "values-for-classes",
        "training",
        "Predictions are numbers where class ids are expected",
        "max gives the largest value, argmax its place; PyTorch's max(dim) gives both.",
        "torch.max (values, indices)",
        "z.max(1).indices",
        "ops.argmax(z, axis=1)",
        when(loss=("softmax_cross_entropy", "binary_cross_entropy")),
        _returns_probability,
    ),
]
