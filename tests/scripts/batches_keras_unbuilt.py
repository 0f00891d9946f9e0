# port of batches_torch_dicts.py; expect: initialisation, last-batch, norm-epsilon, norm-momentum, optimizer-epsilon
import tensorflow as tf
from sklearn.datasets import load_wine

wine = load_wine(as_frame=True)
df = wine.data
X = ((df - df.mean()) / df.std()).to_numpy()
ds = tf.data.Dataset.from_tensor_slices((X, wine.target.to_numpy())).shuffle(178).batch(32).prefetch(tf.data.AUTOTUNE)
model = tf.keras.Sequential([
    tf.keras.layers.Dense(24),
    tf.keras.layers.BatchNormalization(),
    tf.keras.layers.ELU(),
    tf.keras.layers.Dense(3),
])
model.compile("adam", tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
model.optimizer.learning_rate = 5e-3
model.fit(ds, epochs=10, verbose=0)
