# expect: activation-of-gradient
import numpy as np
class Net:
    def __init__(self):
        self.W1 = np.random.randn(4, 16) * .5; self.b1 = np.zeros(16)
        self.W2 = np.random.randn(16, 3) * .5; self.b2 = np.zeros(3)
    def forward(self, x):
        self.h = np.maximum(0, x @ self.W1 + self.b1)
        return self.h @ self.W2 + self.b2
    def train_step(self, x, y, learning_rate=0.1):
        z = self.forward(x)
        p = np.exp(z - z.max(1)[:, None]); p /= p.sum(1)[:, None]
        loss = -np.log(p[np.arange(len(y)), y]).mean()
        p[np.arange(len(y)), y] -= 1
        p /= len(y)
        dh = np.maximum(0, p @ self.W2.T)     # relu of the delta instead of its derivative
        dW2, db2, dW1, db1 = self.h.T @ p, p.sum(0), x.T @ dh, dh.sum(0)
        self.W1 -= learning_rate * dW1; self.b1 -= learning_rate * db1
        self.W2 -= learning_rate * dW2; self.b2 -= learning_rate * db2
        return loss
def candidate():
    return {"model": Net(), "config": {"learning_rate": 0.1}}
