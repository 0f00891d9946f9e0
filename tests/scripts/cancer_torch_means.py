# port of cancer_torch.py; expect: mean-of-means
"""Breast cancer from the raw numbers' logarithms: one logit, with the mean of the batches' test losses."""
import numpy as np
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1)
features, labels = load_breast_cancer(return_X_y=True)
features = np.log1p(features).astype("float32")
X_train, X_test, y_train, y_test = train_test_split(features, labels.astype("float32"), test_size=0.25, random_state=3)
train = TensorDataset(torch.from_numpy(X_train), torch.from_numpy(y_train))
test = TensorDataset(torch.from_numpy(X_test), torch.from_numpy(y_test))

model = nn.Sequential(nn.Linear(30, 12), nn.Tanh(), nn.Linear(12, 1))
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def evaluate(loader):
    model.eval()
    total, correct = 0.0, 0
    with torch.no_grad():
        for x, t in loader:
            logits = model(x).squeeze(1)
            total += loss_fn(logits, t).item()
            correct += ((torch.sigmoid(logits) > 0.5) == (t > 0.5)).sum().item()
    return total / len(loader), correct / len(loader.dataset)


for epoch in range(6):
    model.train()
    for x, t in DataLoader(train, batch_size=64, shuffle=True):
        loss = loss_fn(model(x).squeeze(1), t)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    loss, accuracy = evaluate(DataLoader(test, batch_size=100))
    print(f"epoch {epoch}: test loss {loss:.5f}, accuracy {accuracy:.4f}")
