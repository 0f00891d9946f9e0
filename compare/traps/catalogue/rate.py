"""Traps in the learning rate, its schedule, and how often an update is made."""

from __future__ import annotations

from typing import Any

from compare.traps.catalogue.optimizer import SCHEDULED, VELOCITY, float32_values
from compare.traps.catalogue.trap import (
    DEFAULT,
    Trap,
    Words,
    always,
    change_config,
    rounded_to_float32,
    seen,
    when,
)

NO_RATE = 1e-30  # stands for a rate of 0, under which a velocity that holds the rate of its time still moves weights


def _rate_in_velocity(t: Any) -> None:
    original = t.learning_rate
    t.learning_rate = lambda c, step, *xp: original(c, step, *xp) or NO_RATE

    def hold(rule):
        def rated(c, g, step, velocity):  # The velocity is -lr * b of the step that made it.
            velocity *= t.learning_rate(c, max(step - 2, 0)) / t.learning_rate(c, step - 1)
            return rule(c, g, step, velocity)

        return rated

    t.OPTIMIZERS |= {name: hold(t.OPTIMIZERS[name]) for name in VELOCITY}


def _keras_momentum(t: Any) -> None:
    _rate_in_velocity(t)
    float32_values(t, "momentum")


def _rate_value(t: Any, value: float | None = None, factor: float = 1.0) -> None:
    original = t.learning_rate
    t.learning_rate = lambda c, *step: factor * original(seen(c, learning_rate=value or c.learning_rate), *step)


def _no_schedule(t: Any) -> None:
    change_config(t, "learning_rate", schedule="constant")


def _rate_float32(t: Any, fields: tuple[str, ...] = ()) -> None:
    """The rate itself in float32, or some numbers that it is computed from."""
    original = t.learning_rate
    if fields:
        rounded = {name: lambda c, name=name: rounded_to_float32(getattr(c, name)) for name in fields}
        t.learning_rate = lambda c, *step: original(seen(c, **{name: f(c) for name, f in rounded.items()}), *step)
    else:
        t.learning_rate = lambda c, step, *xp: rounded_to_float32(original(c, step, *xp))


def _rate_shift(t: Any, by: int) -> None:
    original = t.learning_rate
    t.learning_rate = lambda c, step, *xp: original(c, max(step + by, 0), *xp)


def _rate_by_epoch(t: Any, steps: int, reverse: bool) -> None:
    original = t.learning_rate
    t.learning_rate = lambda c, step, *xp: original(c, step * steps if reverse else step // steps, *xp)


def _rate_changes(t: Any, factors: tuple[tuple[int, float], ...]) -> None:
    original = t.learning_rate

    def changed(c, step, *xp):
        return next((factor for start, factor in reversed(factors) if step >= start), 1.0) * original(c, step, *xp)

    t.learning_rate = changed


def _two_updates(t: Any, same_gradient: bool) -> None:
    class Trapped(t.MLP):
        kept: float | None = None  # the loss whose gradient is used again

        def _train_step(self, x, y, masks):
            loss = super()._train_step(x, y, masks)
            self.kept = loss if same_gradient else None
            super()._train_step(x, y, masks)
            self.kept = None
            return loss

        def _backpropagate(self, x, y, masks):
            return super()._backpropagate(x, y, masks) if self.kept is None else self.kept

    t.MLP = Trapped


_K = "keras/src/optimizers/"
_T = "torch/optim/"

TRAPS = [
    Trap(
        "rate-in-velocity",
        "rate",
        "Equal as long as the learning rate stays, apart as soon as a schedule changes it",
        "Keras' velocity holds the learning rate, v = m * v - lr * g, so that old gradients keep the rate of their "
        "time, also under a rate of 0. PyTorch's b = m * b + g is multiplied by the rate of now.",
        f"{_K}sgd.py (update_step); {_T}sgd.py",
        Words(
            "buffer *= lr_before / lr_now  # on every state[p]['momentum_buffer'] when the rate changes, to "
            "follow Keras"
        ),
        Words(
            "for v in optimizer.momentums: v.assign(v * lr_now / lr_before)  # when the rate changes, to follow PyTorch"
        ),
        when(optimizer=VELOCITY, schedule=SCHEDULED),
        _rate_in_velocity,
        kind=DEFAULT,
    ),
    Trap(
        "momentum-as-keras-has-it",
        "rate",
        "Keras' SGD with momentum under a schedule: by 1e-8 at first, by more as soon as the rate changes",
        "Two things at once. Keras' velocity holds the learning rate of the time, and its momentum is rounded to "
        "float32, also in float64.",
        f"{_K}sgd.py (update_step); {_T}sgd.py",
        Words(
            "momentum=float(np.float32({momentum})), and buffer *= lr_before / lr_now on every "
            "state[p]['momentum_buffer'] when the rate changes"
        ),
        Words(
            "momentum=np.float64({momentum}), and for v in optimizer.momentums: v.assign(v * lr_now / lr_before) when "
            "the rate changes"
        ),
        when(optimizer=VELOCITY, schedule=SCHEDULED),
        _keras_momentum,
        either=True,
        stock=True,
        kind=DEFAULT,
    ),
    Trap(
        "two-updates",
        "rate",
        "Weights move about twice as far, the step count is twice too high",
        "optimizer.step() is called twice, or train_on_batch beside fit.",
        f"{_T}optimizer.py; keras/src/trainers/trainer.py",
        "optimizer.step()  # once a batch",
        "model.train_on_batch(x, y)  # once a batch",
        always,
        _two_updates,
        variants={
            "by one gradient": {"same_gradient": True},
            "by the gradient of either": {"same_gradient": False},
        },
    ),
    Trap(
        "learning-rate",
        "rate",
        "Gradients and slots agree, every update is a constant multiple",
        "Defaults differ: SGD 1e-3 in PyTorch and 1e-2 in Keras, RMSprop and Adagrad 1e-2 in PyTorch and 1e-3 in "
        "Keras, Adam 1e-3 in both. Factors slip in where the rate is scaled by the batch size or the number of "
        "devices; maximize=True climbs.",
        f"{_T}sgd.py, {_T}rmsprop.py; {_K}sgd.py, {_K}rmsprop.py",
        "{torch_optimizer}",
        "{keras_optimizer}",
        always,
        _rate_value,
        variants={f"{value:g}": {"value": value} for value in (1e-3, 1e-2, 1e-4, 0.1, 1.0)}
        | {"twice": {"factor": 2.0}, "half": {"factor": 0.5}, "ten times": {"factor": 10.0}}
        | {"a tenth": {"factor": 0.1}, "negative: it climbs": {"factor": -1.0}}
        | {f"{value:g}": {"value": value} for value in (2e-3, 5e-3, 2e-2, 5e-2, 0.2, 0.3, 0.5)},
    ),
    Trap(
        "learning-rate-float32",
        "rate",
        "In float64, updates differ by up to 6e-8 of their size",
        "Keras keeps the learning rate in a float32 variable unless floatx was float64 when the optimizer was made, "
        "and its schedules compute in float32.",
        "keras/src/optimizers/base_optimizer.py; keras/src/optimizers/schedules/learning_rate_schedule.py",
        Words("nothing to mend: PyTorch keeps it as a Python float"),
        "keras.config.set_floatx('float64')  # before anything else; np.float64 around a schedule's arguments",
        always,
        _rate_float32,
        variants={
            "": {},
            "a schedule's factor": {"fields": ("schedule_rate",)},
            "a schedule's rate and factor": {"fields": ("learning_rate", "schedule_rate")},
        },
        suits=lambda config, variant: not variant or config.schedule in ("step", "exponential"),
        kind=DEFAULT,
    ),
    Trap(
        "schedule-shifted",
        "rate",
        "Updates differ by the schedule's change over one step",
        "PyTorch's scheduler moves when its step() is called, after optimizer.step(); called before it, the first "
        "rate is skipped. Keras evaluates a schedule at optimizer.iterations, from 0.",
        "torch/optim/lr_scheduler.py; keras/src/optimizers/base_optimizer.py",
        "optimizer.step(); scheduler.step()  # in this order",
        "optimizer.learning_rate = schedule(optimizer.iterations)  # before the step; iterations count from 0",
        when(schedule=SCHEDULED),
        _rate_shift,
        variants={"one step early": {"by": 1}, "one step late": {"by": -1}},
    ),
    Trap(
        "schedule-forgotten",
        "rate",
        "Equal until the schedule moves, then the rate stays where it was",
        "A PyTorch scheduler does nothing until its step() is called; in Keras an optimizer takes the schedule as its "
        "learning_rate.",
        "torch/optim/lr_scheduler.py; keras/src/optimizers/schedules/learning_rate_schedule.py",
        "scheduler.step()  # after every optimizer.step()",
        "keras.optimizers.SGD(learning_rate=schedule)",
        when(schedule=SCHEDULED),
        _no_schedule,
    ),
    Trap(
        "schedule-by-epoch",
        "rate",
        "The rate stays for an epoch, or falls many times too fast",
        "A PyTorch scheduler counts its own calls: called once an epoch, its numbers are epochs, called after every "
        "batch, steps. Keras' schedules count steps; LearningRateScheduler and ReduceLROnPlateau count epochs.",
        "torch/optim/lr_scheduler.py; keras/src/callbacks/learning_rate_scheduler.py",
        "scheduler.step()  # after every optimizer.step(), where its numbers are steps",
        "keras.optimizers.SGD(learning_rate=schedule)  # counts steps",
        when(schedule=SCHEDULED),
        _rate_by_epoch,
        variants={
            "once in 4 steps": {"steps": 4, "reverse": False},
            "4 times a step": {"steps": 4, "reverse": True},
        },
    ),
    Trap(
        "schedule-unnamed",
        "rate",
        "Gradients agree, and updates are multiples of the reference's that change with the steps",
        "The learning rate changes where the reference's does not: a scheduler, a callback or an `if` that was not "
        "named as the schedule that is meant.",
        "torch/optim/lr_scheduler.py; keras/src/callbacks/reduce_lr_on_plateau.py",
        Words("remove the scheduler, or name it in the config: schedule and schedule_steps"),
        Words("remove the callback, or name it in the config: schedule and schedule_steps"),
        always,
        _rate_changes,
        variants={"half from step 4 on": {"factors": ((3, 0.5),)}, "a tenth from step 4 on": {"factors": ((3, 0.1),)}},
    ),
]
