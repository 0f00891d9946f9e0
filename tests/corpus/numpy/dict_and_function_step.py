# expect: equal
import numpy as np


class Params:
    pass


def forward(m, X):
    m.h = np.maximum(0, X @ m.W1 + m.b1)
    return m.h @ m.W2 + m.b2


def step(m, X, y):
    out = forward(m, X)
    diff = out - y.reshape(out.shape)
    loss = (diff**2).mean()
    g = 2 * diff / diff.size
    gh = (g @ m.W2.T) * (m.h > 0)
    m.W2, m.b2 = m.W2 - 0.05 * m.h.T @ g, m.b2 - 0.05 * g.sum(0)
    m.W1, m.b1 = m.W1 - 0.05 * X.T @ gh, m.b1 - 0.05 * gh.sum(0)
    return loss


def candidate():
    m = Params()
    m.W1, m.b1 = np.random.randn(10, 12), np.zeros(12)
    m.W2, m.b2 = np.random.randn(12, 1), np.zeros(1)
    m.forward = lambda X: forward(m, X)
    return {"model": m, "step": step, "config": {"learning_rate": 0.05}}
