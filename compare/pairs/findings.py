"""What two scripts differ in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from compare.watch.recording import Line

if TYPE_CHECKING:
    from compare.pairs.effects import Effect

STAGES = ("data", "network", "start", "steps", "evaluation")
KINDS = ("fault", "default", "convention")
NAMES = {
    "data": ("batch-size", "channel-order", "data-features", "data-order", "data-samples", "data-scale", "data-targets",
             "label-encoding", "last-batch", "shuffling", "target-scale"),
    "network": ("network-bias", "network-layers"),
    "start": ("initialisation",),
    "steps": ("activation", "approximation", "clipping", "decay-form", "dilation", "dropout", "dropout-rate",
              "epsilon-place", "frozen", "gradient-factor", "gradients", "gradients-not-zeroed", "kernel_size",
              "label-smoothing", "layer", "learning-rate", "loss-factor", "loss-function", "momentum", "nesterov",
              "norm-epsilon", "norm-momentum", "norm-variance", "optimizer", "optimizer-beta1", "optimizer-beta2",
              "optimizer-dampening",
              "optimizer-epsilon", "optimizer-initial", "padding", "penalty", "pooling", "reduction",
              "running-statistics", "schedule", "slope", "stride", "target-shape", "training-mode", "two-biases",
              "update", "weight-decay"),
    "evaluation": ("evaluation-mode", "mean-of-means", "prediction-axis", "threshold"),
}  # fmt: skip


@dataclass
class Finding:
    """One difference.

    `kind` says whose it is: a fault is somebody's mistake, or a choice that only one of the two made; a default is what
    a framework does unless told; a convention is another way to write the same.
    """

    stage: str
    name: str  # short, for machines: "optimizer-epsilon"
    kind: str
    text: str  # one sentence with the figures of both
    lines: tuple[Line | None, Line | None] = (None, None)
    size: float = 0.0  # how far the two are apart where it shows first, relative to the largest entry
    mend: str = ""  # what to change in the second script
    accepted: bool = False  # by who asked: it is meant
    setting: str = ""  # what of a training is set otherwise, where it can be set: "epsilon"
    values: tuple[Any, Any] = (None, None)  # to what, in both
    parameters: tuple[int, ...] = ()  # of the first, of which it is said; () where it is said of the whole
    effect: Effect | None = None  # of it alone on the final loss

    def switched_by(self, setting: str, values: tuple[Any, Any] = (None, None), of: tuple[int, ...] = ()) -> Finding:
        """The same, which a training can have the second one's way: by this setting, from and to these values."""
        return replace(self, setting=setting, values=values, parameters=of)

    @property
    def counts(self) -> bool:
        """Whether it makes other numbers of the training."""
        return self.kind != "convention"

    def as_json(self) -> dict[str, Any]:
        places = [None if line is None else {"file": line.file, "line": line.number} for line in self.lines]
        keys = ("stage", "name", "kind", "text", "size", "mend", "accepted")
        effect = None if self.effect is None else self.effect.as_json()
        return {**{key: getattr(self, key) for key in keys}, "lines": places, "effect": effect}
