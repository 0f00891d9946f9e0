# expect: loss-reduction
import keras, tensorflow as tf
opt = keras.optimizers.SGD(0.001953125)
scce = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")
def step(model, x, y):
    with tf.GradientTape() as t:
        l = scce(y, model(x, training=True))
    opt.apply_gradients(zip(t.gradient(l, model.trainable_weights), model.trainable_weights))
    return l
def candidate():
    m = keras.Sequential([keras.Input((13,)), keras.layers.Dense(16, activation="relu"), keras.layers.Dense(3)])
    return {"model": m, "step": step, "loss": scce, "optimizer": opt}
