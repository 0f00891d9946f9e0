# port of penalty_torch.py; expect: initialisation, penalty
from sklearn.datasets import load_diabetes
import keras
from keras import layers, regularizers

X, y = load_diabetes(return_X_y=True)
X, y = X[:200] * 20, (y[:200] - 150) / 80
model = keras.Sequential([
    layers.Dense(12, activation="relu", kernel_regularizer=regularizers.l2(0.01)),
    layers.Dense(1, kernel_regularizer=regularizers.l2(0.01)),
])
model.compile(optimizer=keras.optimizers.SGD(0.02), loss="mean_squared_error")
for i in range(60):
    model.train_on_batch(X.astype("float32"), y.astype("float32"))
