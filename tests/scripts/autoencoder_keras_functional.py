# port of autoencoder_keras.py; expect: equal
import keras
from keras import layers
from sklearn.datasets import load_digits

x = (load_digits().images[:320] / 16.0).astype("float32")[..., None]
inp = keras.Input((8, 8, 1))
h = layers.Conv2D(8, 3, strides=(2, 2), padding="same", activation="relu")(inp)
h = layers.Conv2D(4, 3, strides=(2, 2), padding="same", activation="relu")(h)
h = layers.Conv2DTranspose(4, 3, strides=2, padding="same")(h)
h = layers.ReLU()(h)
h = layers.Conv2DTranspose(8, 3, strides=2, padding="same")(h)
h = layers.Activation("relu")(h)
out = layers.Conv2D(1, 3, padding="same", activation="sigmoid")(h)
model = keras.Model(inp, out)
model.compile(optimizer=keras.optimizers.Adam(), loss=keras.losses.MeanSquaredError())
model.fit(x, x, epochs=5, batch_size=32, verbose=2)
