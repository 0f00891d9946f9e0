# expect: no-bias-correction
import numpy as np
class Net:
    def __init__(self):
        r = np.random.default_rng(0)
        self.params = {"W1": r.normal(0, .3, (13, 16)), "b1": np.zeros(16), "W2": r.normal(0, .3, (16, 3)), "b2": np.zeros(3)}
        self.m = {k: np.zeros_like(v) for k, v in self.params.items()}
        self.v = {k: np.zeros_like(v) for k, v in self.params.items()}
    def forward(self, x):
        p = self.params
        self.h = np.maximum(0, x @ p["W1"] + p["b1"])
        return self.h @ p["W2"] + p["b2"]
    def train_step(self, x, y):
        z = self.forward(x)
        q = np.exp(z - z.max(1, keepdims=True)); q /= q.sum(1, keepdims=True)
        n = len(x)
        loss = -np.log(q[np.arange(n), y]).mean()
        q[np.arange(n), y] -= 1; q /= n
        dh = q @ self.params["W2"].T * (self.h > 0)
        g = {"W1": x.T @ dh, "b1": dh.sum(0), "W2": self.h.T @ q, "b2": q.sum(0)}
        for k in g:
            self.m[k] = .9 * self.m[k] + .1 * g[k]
            self.v[k] = .999 * self.v[k] + .001 * g[k] ** 2
            self.params[k] -= .01 * self.m[k] / (np.sqrt(self.v[k]) + 1e-8)
        return loss
def candidate():
    return {"model": Net(), "config": {"optimizer": "adam", "learning_rate": 0.01}}
