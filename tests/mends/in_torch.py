"""Programs in PyTorch that have a trap, for the lines that mend it."""

from __future__ import annotations

from tests.mends.trip import ADAM, CLIP, DECAY, MOMENTUM, MSE, RMSPROP, STEP_BY_STEP, Trip

PROGRAM = """
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
n, m, units, outputs, weight = 4, @m@, @m@, @outputs@, torch.tensor((1.0, 2.0, 3.0))

class Scaled(nn.Module):
    def __init__(self, by):
        super().__init__()
        self.by = by

    def forward(self, x):
        return x * self.by if self.training else x

class Detached(nn.BatchNorm1d):
    def forward(self, z):
        mean, deviation = z.mean(0).detach(), z.std(0).detach()
        return self.weight * (z - mean) / deviation + self.bias

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = @linear@
        self.norm = @norm@
        self.activation = @activation@
        self.drop = @drop@
        self.out = @out@

    def hidden(self, x):
        return @hidden@

    def forward(self, x):
        return self.out(self.drop(self.hidden(x)))

def loss_of(z, y):
    return @loss@

def candidate():
    model = Model()
    @setup@
    optimizer = @optimizer@
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.9)

    def step(model, loss_function, optimizer, x, y):
        model.train()
        optimizer.zero_grad()
        @before@
        loss = loss_function(model(x), y)
        @step@
        return loss

    def predict(model, x):
        @mode@
        z = model(x).detach()
        @label@
        return label

    return {"model": model, "loss": loss_of, "optimizer": optimizer, "step": step, "predict": predict, "config": CONFIG}
"""
PARTS = {
    "m": "8",
    "outputs": "3",
    "linear": "nn.Linear(n, m)",
    "norm": "nn.Identity()",
    "activation": "nn.Tanh()",
    "drop": "nn.Identity()",
    "out": "nn.Linear(m, outputs)",
    "hidden": "self.activation(self.norm(self.linear(x)))",
    "loss": "F.cross_entropy(z, y)",
    "setup": "pass",
    "before": "pass",
    "step": "loss.backward(); optimizer.step()",
    "optimizer": "torch.optim.SGD(model.parameters(), lr=0.1)",
    "mode": "model.eval()",
    "label": "label = z.argmax(1) if outputs > 1 else z[:, 0]",
}
ONE = {"outputs": "1"}
OF_P = "(model.parameters(), lr=0.01"
COLUMN = "(lambda y: {})(y.reshape(-1, 1))"  # what a pasted loss is set into, for targets (B, 1)
BINARY = {"loss": "binary_cross_entropy"}
LABEL = ONE | {"label": "label = z > 0", "loss": "F.binary_cross_entropy_with_logits(z, y.reshape(-1, 1))"}
DROPPED, DROP = {"dropout": 0.25}, {"drop": "nn.Dropout(0.25)"}
NORMED, NORM = {"batch_norm": True}, {"norm": "nn.BatchNorm1d(units)"}
BACKWARD = "{}; optimizer.step()"

IN_TORCH = [
    Trip("leaky-slope", "activation", "nn.LeakyReLU(0.3)", {"activation": "leaky_relu"}),
    Trip("gelu-tanh", "activation", "nn.GELU(approximate='tanh')", {"activation": "gelu"}),
    Trip("softplus-threshold", "activation", "nn.Softplus(threshold=0.5)", {"activation": "softplus"}),
    Trip("other-activation", "activation", "nn.ReLU()"),
    Trip("activation-of-layer", "activation", "nn.Identity()", {"hidden": (8, 8)},
         {"linear": "nn.Sequential(nn.Linear(n, m), nn.Tanh(), nn.Linear(m, m))"}),
    Trip("residual-connection", "hidden", "x + self.activation(self.linear(x))", {"hidden": 4}, {"m": "4"}),
    Trip("activated-outputs", "out", "nn.Sequential(nn.Linear(m, 3), nn.Tanh())"),
    Trip("no-biases", "linear", "nn.Linear(n, m, bias=False)"),
    Trip("frozen", "setup", "for parameter in model.linear.parameters(): parameter.requires_grad_(False)",
         around="for parameter in model.linear.parameters(): {}"),
    Trip("not-in-optimizer", "optimizer", "torch.optim.SGD(model.out.parameters(), lr=0.1)"),
    Trip("scales-not-trained", "norm", "nn.BatchNorm1d(units, affine=False)", NORMED),
    Trip("dropout-unscaled", "drop", "nn.Sequential(nn.Dropout(0.25), Scaled(0.75))", DROPPED),
    Trip("dropout-scaled-by-dropped-share", "drop", "nn.Sequential(nn.Dropout(0.25), Scaled(3.0))", DROPPED),
    Trip("dropout-inverted", "drop", "nn.Dropout(0.75)", DROPPED),
    Trip("dropout-rate", "drop", "nn.Dropout(0.5)", DROPPED),
    Trip("dropout-forgotten", "before", "model.eval()", DROPPED, DROP),
    Trip("dropout-in-evaluation", "mode", "model.train()", DROPPED | BINARY, DROP | LABEL),
    Trip("norm-epsilon", "norm", "nn.BatchNorm1d(8, eps=1e-3)", NORMED),
    Trip("norm-momentum", "norm", "nn.BatchNorm1d(8, momentum=0.01)", NORMED),
    Trip("norm-batch-unbiased", "norm", "Detached(8)", NORMED),
    Trip("norm-statistics-detached", "norm", "Detached(8)", NORMED),
    Trip("norm-batch-in-evaluation", "mode", "model.train()", NORMED | MSE,
         NORM | ONE | {"loss": "F.mse_loss(z, y.reshape(-1, 1))"}),
    Trip("norm-running-in-training", "before", "model.eval()", NORMED, NORM),
    Trip("loss-reduction", "loss", "F.cross_entropy(z, y, reduction='sum')"),
    Trip("loss-factor", "loss", "F.mse_loss(z, y.reshape(-1, 1)) / 2", MSE, ONE, COLUMN),
    Trip("loss-over-outputs", "loss", "F.cross_entropy(z, y) / 3"),
    Trip("other-loss", "loss", "F.l1_loss(z, y.reshape(-1, 1))", {"loss": "huber"}, ONE, COLUMN),
    Trip("shapes-broadcast", "loss", "F.mse_loss(z, y.reshape(-1))", MSE, ONE, "(lambda y: {})(y.reshape(-1))"),
    Trip("activated-twice", "out", "nn.Sequential(nn.Linear(m, 3), nn.Softmax(1))"),
    Trip("logits-as-probabilities", "loss", "F.nll_loss(z, y)"),
    Trip("probabilities-clipped", "loss", "F.nll_loss(F.softmax(z, 1).clamp(0.3, 0.6).log(), y)"),
    Trip("softmax-over-samples", "loss", "F.nll_loss(F.log_softmax(z, 0), y)"),
    Trip("class-ids-shifted", "loss", "F.cross_entropy(z, (y + 1) % 3)"),
    Trip("labels-exchanged", "loss", "F.binary_cross_entropy_with_logits(z, 1 - y.reshape(-1, 1))", BINARY, LABEL,
         COLUMN),
    Trip("targets-changed", "loss", "F.mse_loss(z, y.long().to(z.dtype).reshape(-1, 1))", MSE, ONE, COLUMN),
    Trip("smoothing-form", "loss", "F.cross_entropy(z, y, label_smoothing=0.15)", {"label_smoothing": 0.1}),
    Trip("smoothing-forgotten", "loss", "F.cross_entropy(z, y)", {"label_smoothing": 0.1}),
    Trip("class-weights-forgotten", "loss", "F.cross_entropy(z, y)", {"class_weights": (1.0, 2.0, 3.0)}),
    Trip("class-weights-by-count", "loss", "(weight[y] * F.cross_entropy(z, y, reduction='none')).mean()",
         {"class_weights": (1.0, 2.0, 3.0)}),
    Trip("class-weights-in-target", "loss", "F.cross_entropy(z, y, weight=weight, label_smoothing=0.1)",
         {"class_weights": (1.0, 2.0, 3.0), "label_smoothing": 0.1}),
    Trip("loss-after-update", "step", "loss.backward(); optimizer.step(); loss = loss_function(model(x), y)"),
    Trip("loss-in-evaluation", "step",
         "model.eval(); shown = loss_function(model(x), y); loss.backward(); optimizer.step(); loss = shown",
         DROPPED, DROP),
    Trip("partial-batch-weighed", "loss", "F.cross_entropy(z, y, reduction='sum') / 32"),
    Trip("bias-gradient-over-units", "step", "by_hand(model, x, y, 'units'); optimizer.step()", around=BACKWARD),
    Trip("bias-gradient-averaged", "step", "by_hand(model, x, y, 'averaged'); optimizer.step()", around=BACKWARD),
    Trip("gradient-not-averaged", "step", "by_hand(model, x, y, 'summed'); optimizer.step()", around=BACKWARD),
    Trip("gradient-through-updated-weights", "step", "by_hand(model, x, y, 'updated'); optimizer.step()"),
    Trip("derivative-of-activation", "step", "by_hand(model, x, y, 'derivative'); optimizer.step()", around=BACKWARD),
    Trip("activation-of-gradient", "step", "by_hand(model, x, y, 'activated'); optimizer.step()", around=BACKWARD),
    Trip("weights-not-turned-in-way-back", "step", "by_hand(model, x, y, 'unturned'); optimizer.step()", {"hidden": 3},
         {"m": "3"}, BACKWARD),
    Trip("derivative-of-output", "step", "by_hand(model, x, y, 'output'); optimizer.step()", around=BACKWARD),
    Trip("dropout-not-in-way-back", "step", "by_hand(model, x, y, 'masks'); optimizer.step()", DROPPED, DROP, BACKWARD),
    Trip("amsgrad", "optimizer", f"torch.optim.Adam{OF_P}, amsgrad=True)", ADAM),
    Trip("nadam", "optimizer", f"torch.optim.NAdam{OF_P})", ADAM),
    Trip("no-bias-correction", "optimizer", f"torch.optim.Adam{OF_P}, betas=(0.5, 0.9))", ADAM),
    Trip("epsilon-value", "optimizer", f"torch.optim.Adam{OF_P}, eps=1e-3)", ADAM),
    Trip("adam-betas", "optimizer", f"torch.optim.Adam{OF_P}, betas=(0.5, 0.9))", ADAM),
    Trip("rmsprop-decay", "optimizer", f"torch.optim.RMSprop{OF_P}, alpha=0.9)", RMSPROP),
    Trip("rmsprop-centred", "optimizer", f"torch.optim.RMSprop{OF_P}, centered=True)", RMSPROP),
    Trip("rmsprop-momentum", "optimizer", f"torch.optim.RMSprop{OF_P}, momentum=0.9)", RMSPROP),
    Trip("adagrad-initial-accumulator", "optimizer", f"torch.optim.Adagrad{OF_P}, initial_accumulator_value=0.1)",
         {"optimizer": "adagrad", "learning_rate": 0.01}),
    Trip("momentum-value", "optimizer", f"torch.optim.SGD{OF_P}0, momentum=0.5)", MOMENTUM),
    Trip("momentum-dampened", "optimizer", f"torch.optim.SGD{OF_P}0, momentum=0.9, dampening=0.9)", MOMENTUM),
    Trip("nesterov-flag", "optimizer", f"torch.optim.SGD{OF_P}0, momentum=0.9, nesterov=True)", MOMENTUM),
    Trip("nesterov-lookahead", "optimizer", f"torch.optim.SGD{OF_P}0, momentum=0.9)",
         MOMENTUM | {"optimizer": "nesterov"}),
    Trip("learning-rate", "optimizer", "torch.optim.SGD(model.parameters(), lr=0.2)"),
    Trip("decay-forgotten", "optimizer", f"torch.optim.Adam{OF_P})", ADAM | {"weight_decay": 0.01}),
    Trip("decay-by-default", "optimizer", f"torch.optim.AdamW{OF_P})",
         {"optimizer": "adamw", "learning_rate": 0.01, "weight_decay": 0.1}),
    Trip("decay-decoupled", "optimizer", f"torch.optim.AdamW{OF_P}, weight_decay=0.1)", ADAM | {"weight_decay": 0.1}),
    Trip("decay-coupled", "optimizer", f"torch.optim.Adam{OF_P}, weight_decay=0.1)",
         {"optimizer": "adamw", "learning_rate": 0.01, "weight_decay": 0.1}),
    Trip("decay-factor", "optimizer", "torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.5)", DECAY),
    Trip("decay-over-samples", "optimizer", "torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.25 / 32)",
         DECAY),
    Trip("decay-on-biases", "optimizer", "torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.25)", DECAY),
    Trip("decay-without-rate", "optimizer", f"torch.optim.AdamW{OF_P}, weight_decay=0.1 / 0.01)",
         {"optimizer": "adamw", "learning_rate": 0.01, "weight_decay": 0.1}),
    Trip("decay-as-keras-has-it", "step", "loss.backward(); optimizer.step()", DECAY,
         around="loss.backward()\n        {}\n        optimizer.step()", left=(("decay-as-keras-has-it", ""),)),
    Trip("clip-forgotten", "step", "loss.backward(); optimizer.step()", CLIP),
    Trip("clip-per-tensor", "step",
         "loss.backward(); [nn.utils.clip_grad_norm_(p, 0.05) for p in model.parameters()]; optimizer.step()",
         CLIP, around="loss.backward(); {}; optimizer.step()"),
    Trip("clip-epsilon", "step",
         "loss.backward(); nn.utils.clip_grad_norm_(model.parameters(), 0.05); optimizer.step()",
         CLIP, around="loss.backward(); {}; optimizer.step()"),
    Trip("clip-kind", "step",
         "loss.backward(); nn.utils.clip_grad_value_(model.parameters(), 0.05); optimizer.step()",
         CLIP, around="loss.backward(); {}; optimizer.step()"),
    Trip("gradients-not-zeroed", "step", "optimizer.zero_grad = lambda: None; loss.backward(); optimizer.step()",
         around="{}; loss.backward(); optimizer.step()"),
    Trip("gradients-cleared", "step", "loss.backward(); optimizer.zero_grad(set_to_none=False); optimizer.step()"),
    Trip("gradients-accumulated", "step", "loss.backward()"),
    Trip("two-updates", "step", "loss.backward(); optimizer.step(); optimizer.step()", around="loss.backward(); {}"),
    Trip("schedule-shifted", "step", "loss.backward(); scheduler.step(); optimizer.step()", STEP_BY_STEP,
         around="loss.backward(); {}"),
    Trip("schedule-forgotten", "step", "loss.backward(); optimizer.step()", STEP_BY_STEP,
         around="loss.backward(); optimizer.step(); {}"),
    Trip("schedule-by-epoch", "step", "loss.backward(); optimizer.step()", STEP_BY_STEP,
         around="loss.backward(); optimizer.step(); {}"),
    Trip("inputs-changed", "before", "x = x / x.norm(dim=1, keepdim=True)"),
    Trip("threshold-on-logits", "label", "label = z > 0.5", BINARY, LABEL),
    Trip("least-likely-class", "label", "label = z.argmin(1)", around="label = {}"),
    Trip("values-for-classes", "label", "label = z.max(1).values", around="label = {}"),
]  # fmt: skip
