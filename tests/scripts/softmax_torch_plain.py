# port of softmax_numpy.py; expect: initialisation, momentum
"""The digits classifier in PyTorch, with PyTorch's own weights and no momentum."""
import torch
from sklearn.datasets import load_digits

X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X / 16, dtype=torch.float32), torch.tensor(y)
torch.manual_seed(2)
model = torch.nn.Sequential(torch.nn.Linear(64, 24), torch.nn.ReLU(), torch.nn.Linear(24, 10))
for layer in (model[0], model[2]):
    torch.nn.init.zeros_(layer.bias)
sgd = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(3):
    for xb, yb in zip(X.split(100), y.split(100)):
        sgd.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(xb), yb)
        loss.backward()
        sgd.step()
    print(epoch, loss.item())
