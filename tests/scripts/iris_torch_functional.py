# port of iris_torch.py; expect: equal
"""The same in another style: Sequential, slices of a permutation, the loss written out."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_iris

torch.manual_seed(1)
data, target = load_iris(return_X_y=True)
data = torch.from_numpy(data).float()
target = torch.from_numpy(target)

net = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 3))
opt = torch.optim.Adam(net.parameters(), lr=1e-2, betas=(0.9, 0.999))


def train_epoch(batch_size=16):
    perm = torch.randperm(data.shape[0])
    for start in range(0, data.shape[0], batch_size):
        idx = perm[start : start + batch_size]
        log_probs = F.log_softmax(net(data[idx]), dim=-1)
        loss = F.nll_loss(log_probs, target[idx])
        for p in net.parameters():
            p.grad = None
        loss.backward()
        opt.step()


if __name__ == "__main__":
    for epoch in range(20):
        train_epoch()
    with torch.no_grad():
        print("train accuracy", (net(data).argmax(-1) == target).double().mean().item())
