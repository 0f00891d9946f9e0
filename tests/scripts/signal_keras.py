# port of signal_torch.py; expect: initialisation, padding
import numpy as np
import keras
from keras.layers import Conv1D, Dense, GlobalAveragePooling1D, MaxPooling1D

rng = np.random.RandomState(4)
t = np.linspace(0, 1, 40)
X = np.stack([np.sin(2 * np.pi * f * t + p) for f, p in zip(rng.uniform(1, 6, 160), rng.uniform(0, 6, 160))])
y = (np.abs(np.fft.rfft(X)).argmax(1) > 3).astype(np.float32)
model = keras.models.Sequential()
model.add(keras.Input((40, 1)))
model.add(Conv1D(8, 5, padding="same", activation="relu"))
model.add(MaxPooling1D(2))
model.add(Conv1D(8, 3, activation="relu"))
model.add(GlobalAveragePooling1D())
model.add(Dense(1, activation="sigmoid"))
model.compile(loss="binary_crossentropy", optimizer=keras.optimizers.SGD(learning_rate=0.1, momentum=0.9, nesterov=True), metrics=["acc"])
model.fit(X[..., None], y, epochs=20, batch_size=40, shuffle=False, verbose=0)
