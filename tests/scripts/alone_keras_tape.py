# alone; expect: 4 parameters
"""A training loop of one's own around a GradientTape."""
import keras
import numpy as np
import tensorflow as tf

x = np.random.default_rng(0).normal(size=(90, 4)).astype("float32")
y = (x.sum(axis=1) > 0).astype("int32")
dataset = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(90).batch(18)
model = keras.Sequential([keras.layers.Dense(8, activation="relu"), keras.layers.Dense(2)])
loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
optimizer = keras.optimizers.Adam()


@tf.function
def train_step(inputs, targets):
    with tf.GradientTape() as tape:
        logits = model(inputs, training=True)
        loss = loss_fn(targets, logits)
    grads = tape.gradient(loss, model.trainable_weights)
    optimizer.apply_gradients(zip(grads, model.trainable_weights))
    return loss


for epoch in range(12):
    for xb, yb in dataset:
        loss = train_step(xb, yb)
    print(epoch, float(loss))
