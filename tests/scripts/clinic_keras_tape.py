# port of clinic_torch.py; expect: initialisation
"""The same around a GradientTape, the loss written out."""
import numpy as np, tensorflow as tf
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler
tf.random.set_seed(1)
b = load_breast_cancer()
x = StandardScaler().fit_transform(b.data).astype(np.float32)
t = b.target.astype(np.float32)[:, None]
net = tf.keras.Sequential([tf.keras.layers.Input(shape=(30,)), tf.keras.layers.Dense(16, activation="relu"), tf.keras.layers.Dense(1, activation="sigmoid")])
opt = tf.keras.optimizers.SGD(learning_rate=0.05, momentum=0.9)
for step in range(60):
    with tf.GradientTape() as tape:
        p = net(x, training=True)
        loss = -tf.reduce_mean(t * tf.math.log(p + 1e-7) + (1 - t) * tf.math.log(1 - p + 1e-7))
    g = tape.gradient(loss, net.trainable_variables)
    opt.apply_gradients(zip(g, net.trainable_variables))
    if step % 10 == 0:
        print(step, float(loss), np.mean((p.numpy() > 0.5) == t))
