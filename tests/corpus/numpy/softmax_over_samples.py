# expect: softmax-over-samples
import numpy as np
class Net:
    def __init__(self, lr=0.5):
        self.lr = lr
        self.W1 = np.random.randn(4, 12) * .3; self.b1 = np.zeros(12)
        self.W2 = np.random.randn(12, 3) * .3; self.b2 = np.zeros(3)
    def softmax(self, z):
        e = np.exp(z - np.max(z))
        return e / np.sum(e, axis=0)
    def forward(self, x):
        self.h = np.tanh(x @ self.W1 + self.b1)
        return self.softmax(self.h @ self.W2 + self.b2)
    def train_step(self, x, y):
        p = self.forward(x)
        n = len(y)
        t = np.eye(3)[y]
        loss = -np.sum(t * np.log(p)) / n
        d = (p - t) / n
        dW2, db2 = self.h.T @ d, d.sum(0)
        dh = d @ self.W2.T * (1 - self.h ** 2)
        dW1, db1 = x.T @ dh, dh.sum(0)
        self.W1 -= self.lr * dW1; self.b1 -= self.lr * db1
        self.W2 -= self.lr * dW2; self.b2 -= self.lr * db2
        return loss
def candidate():
    return {"model": Net(), "config": {"learning_rate": 0.5, "loss": "softmax_cross_entropy", "activation": "tanh"}}
