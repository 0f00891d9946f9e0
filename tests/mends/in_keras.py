"""Programs in Keras that have a trap, for the lines that mend it; they run eagerly, since nothing is timed."""

from __future__ import annotations

from tests.mends.trip import ADAM, CLIP, DECAY, MOMENTUM, MSE, RMSPROP, STEP_BY_STEP, Trip

PROGRAM = """
import math
import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops
units, outputs, classes, weights = 8, @outputs@, @outputs@, np.array((1.0, 2.0, 3.0))
schedule = keras.optimizers.schedules.ExponentialDecay(np.float64(0.1), 1, np.float64(0.9))
@first@

class Scaled(layers.Layer):
    def call(self, x, training=False):
        return x * 0.75 if training else x

def candidate():
    model = keras.Sequential([keras.Input((4,)), @hidden@, @norm@, @activation@, @drop@, @out@])
    @setup@
    optimizer = @optimizer@
    exactly(optimizer)
    @after@
    model.compile(optimizer, @loss@, run_eagerly=@eager@)

    def step(model, x, y):
        @before@
        y = np.asarray(y)
        with tf.GradientTape() as tape:
            loss = ops.mean(model.loss(y, @pass@))
        gradients = @gradients@
        @apply@
        return loss

    def fitted(model, x, y):
        x, y = np.asarray(x), np.asarray(y)
        @train@
        return loss

    def predict(model, x):
        z = @evaluation@
        @label@
        return np.asarray(label)

    return {"model": model, "step": @step@, "predict": predict, "config": CONFIG}
"""
PARTS = {
    "outputs": "3",
    "eager": "True",
    "first": "",
    "hidden": "layers.Dense(units)",
    "norm": "layers.Identity()",
    "activation": "layers.Activation('tanh')",
    "drop": "layers.Identity()",
    "out": "layers.Dense(outputs)",
    "setup": "pass",
    "optimizer": "keras.optimizers.SGD(0.1)",
    "after": "pass",
    "loss": "keras.losses.SparseCategoricalCrossentropy(from_logits=True)",
    "step": "None",
    "before": "pass",
    "pass": "model(x, training=True)",
    "gradients": "tape.gradient(loss, model.trainable_variables)",
    "apply": "optimizer.apply(gradients, model.trainable_variables)",
    "train": "loss = model.train_on_batch(x, y)",
    "evaluation": "model(x, training=False)",
    "label": "label = ops.argmax(z, axis=1) if outputs > 1 else z[:, 0]",
}
SPARSE, OPTIMIZERS = "keras.losses.SparseCategoricalCrossentropy", "keras.optimizers."
OF_IDS = "keras.ops.sparse_categorical_crossentropy(y, z, from_logits=True)"
ONE, TAPE, FITTED = {"outputs": "1"}, {"step": "step"}, {"step": "fitted"}
OF_VALUES = ONE | {"loss": "keras.losses.MeanSquaredError()"}
BINARY = {"loss": "binary_cross_entropy"}
OF_LABELS = ONE | {"loss": "keras.losses.BinaryCrossentropy(from_logits=True)", "label": "label = z > 0"}
DROPPED, DROP = {"dropout": 0.25}, {"drop": "layers.Dropout(0.25)"}
NORMED, NORM = {"batch_norm": True}, {"norm": "layers.BatchNormalization(momentum=0.9, epsilon=1e-5)"}
BIASED, PENALTY = (("norm-running-biased", ""),), (("penalty-in-loss", "and its gradient in the gradient"),)
ADAMW, ADAGRAD = ADAM | {"optimizer": "adamw", "weight_decay": 0.125}, {"optimizer": "adagrad", "learning_rate": 0.01}
EXACT = "np.float64(0.9), np.float64(0.999), 1e-8"
L2 = "layers.Dense({}, kernel_regularizer=keras.regularizers.L2({}))"
WEIGHTED = {"class_weights": (1.0, 2.0, 3.0)}
BY_SAMPLES = FITTED | {"loss": f"{SPARSE}(from_logits=True, reduction='mean_with_sample_weight')",
                       "train": "loss = model.train_on_batch(x, y, sample_weight=weights[y])"}  # fmt: skip


def by_hand(trap: str, wrong: str, config: dict | None = None, others: dict | None = None) -> Trip:
    """A step whose gradients are written out, wrongly."""
    return Trip(trap, "gradients", f"by_hand(model, x, y, '{wrong}')", config or {}, TAPE | (others or {}))


def regularised(trap: str, bad: str) -> Trip:
    """Decay that becomes a regularizer of the hidden layer, where the last one has it already."""
    return Trip(trap, "hidden", bad, DECAY, {"out": L2.format("outputs", "0.125")}, left=PENALTY)


IN_KERAS = [
    Trip("leaky-slope", "activation", "layers.LeakyReLU()", {"activation": "leaky_relu"}),
    Trip("gelu-tanh", "activation", "layers.Activation(lambda z: keras.activations.gelu(z, approximate=True))",
         {"activation": "gelu"}, around="layers.Activation(lambda z: {})", left=(("gelu-float32-constant", ""),)),
    Trip("gelu-float32-constant", "activation", "layers.Activation('gelu')", {"activation": "gelu"},
         around="layers.Activation(lambda z: {})"),
    Trip("softplus-threshold", "activation", "layers.Activation(lambda z: ops.where(z > 0.5, z, ops.softplus(z)))",
         {"activation": "softplus"}, around="layers.Activation({})"),
    Trip("no-biases", "hidden", "layers.Dense(units, use_bias=False)"),
    Trip("other-activation", "hidden", "layers.Dense(units, activation='relu')", {},
         {"activation": "layers.Identity()"}),
    Trip("activation-of-layer", "hidden", "layers.Dense(8, 'tanh'), layers.Dense(8)", {"hidden": (8, 8)},
         {"activation": "layers.Identity()"}, around="layers.Dense(8, 'tanh'), {}"),
    Trip("activated-outputs", "out", "layers.Dense(outputs, activation='tanh')"),
    Trip("frozen", "setup", "model.layers[0].trainable = False", around="for layer in model.layers: {}"),
    Trip("not-in-optimizer", "apply", "optimizer.apply(gradients[2:], model.trainable_variables[2:])", {}, TAPE),
    Trip("scales-not-trained", "norm", "layers.BatchNormalization(momentum=0.9, epsilon=1e-5, scale=False)", NORMED,
         around="(lambda layer: setattr(layer, 'momentum', 0.9) or setattr(layer, 'epsilon', 1e-5) or layer)({})",
         left=BIASED),
    Trip("dropout-unscaled", "drop", "layers.Dropout(0.25), Scaled()", DROPPED),
    Trip("dropout-scaled-by-dropped-share", "drop", "layers.Dropout(0.75)", DROPPED),
    Trip("dropout-inverted", "drop", "layers.Dropout(0.75)", DROPPED),
    Trip("dropout-rate", "drop", "layers.Dropout(0.5)", DROPPED),
    Trip("dropout-forgotten", "pass", "model(x)", DROPPED, DROP | TAPE),
    Trip("dropout-in-evaluation", "evaluation", "model(x, training=True)", DROPPED | MSE, DROP | OF_VALUES),
    Trip("norm-epsilon", "norm", "layers.BatchNormalization(momentum=0.9)", NORMED, left=BIASED,
         around="(lambda layer: setattr(layer, 'momentum', 0.9) or layer)({})"),
    Trip("norm-momentum", "norm", "layers.BatchNormalization(epsilon=1e-5)", NORMED, left=BIASED,
         around="(lambda layer: setattr(layer, 'epsilon', 1e-5) or layer)({})"),
    Trip("norm-batch-in-evaluation", "evaluation", "model(x, training=True)", NORMED | MSE, NORM | OF_VALUES,
         left=BIASED),
    Trip("norm-running-in-training", "setup", "model.layers[1].trainable = False", NORMED, NORM, left=BIASED,
         around="for layer in model.layers: {}"),
    Trip("loss-reduction", "loss", f"{SPARSE}(from_logits=True, reduction='sum')"),
    Trip("loss-factor", "loss", "lambda y, z: ops.mean((z[:, 0] - y) ** 2) / 2", MSE, ONE),
    Trip("loss-over-outputs", "loss", f"lambda y, z: ops.mean({OF_IDS}) / 3"),
    Trip("other-loss", "loss", "keras.losses.MeanAbsoluteError()", {"loss": "huber"}, ONE),
    Trip("shapes-broadcast", "loss", "lambda y, z: ops.mean((z - ops.reshape(y, (-1,))) ** 2)", MSE, ONE),
    Trip("activated-twice", "out", "layers.Dense(3), layers.Softmax(), layers.Lambda(lambda p: p * 1.0)"),
    Trip("logits-as-probabilities", "loss", f"{SPARSE}()"),
    Trip("probabilities-clipped", "loss",
         "lambda y, z: -ops.mean(ops.log(ops.clip(ops.sum(ops.one_hot(y, 3) * ops.softmax(z), 1), 0.3, 0.6)))"),
    Trip("softmax-over-samples", "loss",
         "lambda y, z: -ops.mean(ops.sum(ops.one_hot(y, 3) * ops.log(ops.softmax(z, axis=0)), 1))"),
    Trip("class-ids-shifted", "loss", f"lambda y, z: ops.mean({OF_IDS.replace('(y', '((y + 1) % 3')})"),
    Trip("labels-exchanged", "loss",
         "lambda y, z: ops.mean(ops.binary_crossentropy(1 - ops.reshape(y, ops.shape(z)), z, from_logits=True))",
         BINARY, OF_LABELS),
    Trip("targets-changed", "loss", "lambda y, z: ops.mean((z - ops.floor(ops.reshape(y, (-1, 1)))) ** 2)", MSE, ONE),
    Trip("smoothing-form", "loss", "keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.15)",
         {"label_smoothing": 0.1}),
    Trip("smoothing-forgotten", "loss", f"{SPARSE}(from_logits=True)", {"label_smoothing": 0.1}),
    Trip("class-weights-by-count", "loss", f"{SPARSE}(from_logits=True)", WEIGHTED, BY_SAMPLES),
    Trip("class-weights-forgotten", "train", "loss = model.train_on_batch(x, y)", WEIGHTED, BY_SAMPLES, "loss = {}"),
    Trip("class-weights-in-target", "train", "loss = model.train_on_batch(x, y)", WEIGHTED, BY_SAMPLES, "loss = {}"),
    Trip("loss-after-update", "train", "model.train_on_batch(x, y); loss = model.test_on_batch(x, y)", {}, FITTED),
    Trip("loss-in-evaluation", "train", "loss = model.test_on_batch(x, y); model.train_on_batch(x, y)", DROPPED,
         DROP | FITTED, "model.reset_metrics(); {}"),
    Trip("partial-batch-weighed", "loss", f"lambda y, z: ops.sum({OF_IDS}) / 32"),
    by_hand("bias-gradient-over-units", "units"),
    by_hand("bias-gradient-averaged", "averaged"),
    by_hand("gradient-not-averaged", "summed"),
    by_hand("derivative-of-activation", "derivative"),
    by_hand("activation-of-gradient", "activated"),
    Trip("weights-not-turned-in-way-back", "gradients", "by_hand(model, x, y, 'unturned')", {"hidden": 3},
         TAPE | {"hidden": "layers.Dense(3)"}),
    by_hand("derivative-of-output", "output"),
    by_hand("dropout-not-in-way-back", "masks", DROPPED, DROP),
    Trip("gradient-through-updated-weights", "apply",
         "optimizer.apply(by_hand(model, x, y, 'updated'), model.trainable_variables)", {}, TAPE,
         "variables = model.trainable_variables; tape.gradient = lambda *_: gradients; {}"),
    Trip("betas-float32-in-correction", "optimizer", f"{OPTIMIZERS}Adam(0.01, 0.9, 0.999, 1e-8)", ADAM),
    Trip("no-bias-correction", "optimizer", f"{OPTIMIZERS}Adam(0.01, np.float64(0.5), np.float64(0.9), 1e-8)", ADAM),
    Trip("amsgrad", "optimizer", f"{OPTIMIZERS}Adam(0.01, {EXACT}, amsgrad=True)", ADAM),
    Trip("nadam", "optimizer", f"{OPTIMIZERS}Nadam(0.01, {EXACT})", ADAM),
    Trip("adam-betas", "optimizer", f"{OPTIMIZERS}Adam(0.01, np.float64(0.5), np.float64(0.9), 1e-8)", ADAM),
    Trip("epsilon-value", "optimizer", f"{OPTIMIZERS}RMSprop(0.01, rho=np.float64(0.99), epsilon=1e-3)", RMSPROP),
    Trip("rmsprop-decay", "optimizer", f"{OPTIMIZERS}RMSprop(0.01, rho=np.float64(0.9), epsilon=1e-8)", RMSPROP),
    Trip("rmsprop-centred", "optimizer", f"{OPTIMIZERS}RMSprop(0.01, rho=np.float64(0.95), centered=True)", RMSPROP),
    Trip("rmsprop-momentum", "optimizer", f"{OPTIMIZERS}RMSprop(0.01, rho=np.float64(0.95), momentum=0.9)", RMSPROP),
    Trip("adagrad-initial-accumulator", "optimizer", f"{OPTIMIZERS}Adagrad(0.01, 0.1, 1e-8)", ADAGRAD),
    Trip("momentum-value", "optimizer", f"{OPTIMIZERS}SGD(0.1, momentum=0.5)", MOMENTUM),
    Trip("momentum-dampened", "optimizer", f"{OPTIMIZERS}SGD(0.1 * (1 - 0.9), momentum=np.float64(0.9))", MOMENTUM),
    Trip("hyperparameters-float32", "optimizer", f"{OPTIMIZERS}SGD(0.1, momentum=0.9)", MOMENTUM),
    Trip("nesterov-flag", "optimizer", f"{OPTIMIZERS}SGD(0.1, momentum=0.9, nesterov=True)", MOMENTUM),
    Trip("nesterov-lookahead", "optimizer", f"{OPTIMIZERS}SGD(0.1, momentum=np.float64(0.9))",
         MOMENTUM | {"optimizer": "nesterov"}),
    Trip("learning-rate", "optimizer", f"{OPTIMIZERS}SGD(0.2)"),
    Trip("learning-rate-float32", "first", "keras.config.set_floatx('float32')"),
    regularised("decay-decoupled", "layers.Dense(units)"),
    regularised("decay-forgotten", "layers.Dense(units)"),
    regularised("decay-factor", L2.format("units", "0.25")),
    regularised("decay-over-samples", L2.format("units", "0.125 / 32")),
    Trip("decay-coupled", "optimizer", f"{OPTIMIZERS}Adam(0.01, {EXACT})", ADAMW),
    Trip("decay-by-default", "optimizer", f"{OPTIMIZERS}AdamW(0.01, np.float64(0.004), {EXACT})", ADAMW),
    Trip("decay-without-rate", "optimizer", f"{OPTIMIZERS}AdamW(0.01, np.float64(0.125 / 0.01), {EXACT})", ADAMW),
    Trip("decay-float32", "optimizer", f"{OPTIMIZERS}AdamW(0.01, 0.1, {EXACT})", ADAMW | {"weight_decay": 0.1}),
    Trip("decay-on-biases", "after", "pass", DECAY, {"optimizer": f"{OPTIMIZERS}SGD(0.1, weight_decay=0.25)"}),
    Trip("clip-per-tensor", "optimizer", f"{OPTIMIZERS}SGD(0.1, clipnorm=0.05)", CLIP,
         around=f"{OPTIMIZERS}SGD(0.1, {{}})"),
    Trip("clip-epsilon", "optimizer", f"{OPTIMIZERS}SGD(0.1, global_clipnorm=0.05 * (1 - 1e-6))", CLIP,
         around=f"{OPTIMIZERS}SGD(0.1, {{}})"),
    Trip("clip-kind", "optimizer", f"{OPTIMIZERS}SGD(0.1, clipvalue=0.05)", CLIP, around=f"{OPTIMIZERS}SGD(0.1, {{}})"),
    Trip("clip-forgotten", "optimizer", f"{OPTIMIZERS}SGD(0.1)", CLIP, around=f"{OPTIMIZERS}SGD(0.1, {{}})"),
    Trip("gradients-accumulated", "optimizer", f"{OPTIMIZERS}SGD(0.1, gradient_accumulation_steps=2)", {},
         {"eager": "False"},
         around=f"{OPTIMIZERS}SGD(0.1, {{}})"),
    Trip("schedule-shifted", "before", "optimizer.learning_rate = schedule(optimizer.iterations + 1)", STEP_BY_STEP,
         TAPE),
    Trip("schedule-by-epoch", "optimizer", f"{OPTIMIZERS}SGD(0.1)", STEP_BY_STEP),
    Trip("two-updates", "train", "loss = model.train_on_batch(x, y); model.train_on_batch(x, y)", {}, FITTED,
         "loss = {}"),
    Trip("weights-constrained", "hidden", "layers.Dense(units, kernel_constraint=keras.constraints.MaxNorm(0.1))"),
    Trip("schedule-forgotten", "optimizer", f"{OPTIMIZERS}SGD(0.1)", STEP_BY_STEP),
    Trip("inputs-changed", "before", "x = x / ops.norm(x, axis=1, keepdims=True)", {}, TAPE),
    Trip("float32-inside", "first", "keras.config.set_dtype_policy('float32')"),
    Trip("threshold-on-logits", "label", "label = z > 0.5", BINARY, OF_LABELS),
    Trip("least-likely-class", "label", "label = ops.argmin(z, axis=1)", around="label = {}"),
    Trip("values-for-classes", "label", "label = ops.max(z, axis=1)", around="label = {}"),
]  # fmt: skip
