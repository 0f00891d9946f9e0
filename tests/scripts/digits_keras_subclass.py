# port of digits_torch_main.py; expect: equal
import keras
import numpy as np
from keras import layers, initializers
from sklearn.datasets import load_digits

keras.utils.set_random_seed(1)
digits = load_digits()
x_train = np.expand_dims(digits.images[:640].astype("float32") / 16, -1)
y_train = digits.target[:640]
x_test = np.expand_dims(digits.images[640:900].astype("float32") / 16, -1)
y_test = digits.target[640:900]


def torch_init(fan_in):
    bound = 1 / np.sqrt(fan_in)
    return dict(
        kernel_initializer=initializers.RandomUniform(-bound, bound),
        bias_initializer=initializers.RandomUniform(-bound, bound),
    )


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv1 = layers.Conv2D(10, 3, activation="relu", **torch_init(9))
        self.conv2 = layers.Conv2D(20, 3, **torch_init(90))
        self.pool = layers.MaxPooling2D()
        self.to_channels_first = layers.Permute((3, 1, 2))  # flatten as torch does
        self.flat = layers.Flatten()
        self.fc1 = layers.Dense(50, activation="relu", **torch_init(80))
        self.fc2 = layers.Dense(10, **torch_init(50))

    def call(self, x):
        x = self.conv1(x)
        x = keras.activations.relu(self.pool(self.conv2(x)))
        x = self.flat(self.to_channels_first(x))
        return self.fc2(self.fc1(x))


model = Net()
model.compile(
    optimizer=keras.optimizers.SGD(learning_rate=0.05, momentum=0.9),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
model.fit(x_train, y_train, batch_size=64, epochs=6, shuffle=False, validation_data=(x_test, y_test), verbose=2)
