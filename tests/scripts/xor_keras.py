# port of xor_numpy.py; expect: equal
"""XOR in Keras."""
import keras
import numpy as np

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
y = np.array([[0], [1], [1], [0]])
normal = keras.initializers.RandomNormal(stddev=1.0)
model = keras.Sequential(
    [
        keras.Input((2,)),
        keras.layers.Dense(4, activation="sigmoid", kernel_initializer=normal),
        keras.layers.Dense(1, activation="sigmoid", kernel_initializer=normal),
    ]
)
model.compile(optimizer=keras.optimizers.SGD(1.0), loss="binary_crossentropy")
model.fit(X.astype("float32"), y, batch_size=4, epochs=60, shuffle=False, verbose=0)
print(model.predict(X.astype("float32"), verbose=0).round(2))
