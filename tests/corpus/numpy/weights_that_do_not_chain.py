# expect: refused do not fit one after the other
import numpy as np


class Net:
    def __init__(self):
        self.W1, self.W2 = np.ones((4, 7)), np.ones((9, 3))

    def forward(self, x):
        return x

    def train_step(self, x, y):
        return 0.0


def candidate():
    return Net()
