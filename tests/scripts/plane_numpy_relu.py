# port of plane_numpy.py; expect: activation, learning-rate
"""The same in plain variables."""
import numpy as np
np.random.seed(0)
X = np.random.randn(128, 3); y = (X @ np.array([[1.0], [-2.0], [0.5]]) + 0.3 > 0).astype(float)
W1 = np.random.randn(3, 6) * 0.5; b1 = np.zeros(6)
W2 = np.random.randn(6, 1) * 0.5; b2 = np.zeros(1)
lr = 0.2
for i in range(40):
    h = np.maximum(0, X.dot(W1) + b1)
    p = 1 / (1 + np.exp(-(h.dot(W2) + b2)))
    dz = (p - y) / X.shape[0]
    dW2, db2 = h.T.dot(dz), dz.sum(axis=0)
    dh = dz.dot(W2.T); dh[h <= 0] = 0
    dW1, db1 = X.T.dot(dh), dh.sum(axis=0)
    W1 -= lr * dW1; b1 -= lr * db1; W2 -= lr * dW2; b2 -= lr * db2
