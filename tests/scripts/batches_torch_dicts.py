# original
import torch
from torch.utils.data import DataLoader, Dataset
from torch import nn
import numpy as np
import pandas as pd
from sklearn.datasets import load_wine

frame = load_wine(as_frame=True).frame


class WineData(Dataset):
    def __init__(self, df):
        self.features = ((df.drop(columns="target") - df.drop(columns="target").mean()) / df.drop(columns="target").std()).values.astype(np.float32)
        self.labels = df["target"].values

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return {"x": self.features[i], "y": self.labels[i]}


torch.manual_seed(1)
ds = WineData(frame)
loader = DataLoader(ds, batch_size=32, shuffle=True, drop_last=True, num_workers=0)
net = nn.Sequential(nn.Linear(13, 24), nn.BatchNorm1d(24), nn.ELU(), nn.Linear(24, 3))
optim = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(10):
    for batch in loader:
        loss = nn.functional.cross_entropy(net(batch["x"]), batch["y"])
        optim.zero_grad(); loss.backward(); optim.step()
    net.eval()
    acc = (net(torch.from_numpy(ds.features)).argmax(-1).numpy() == ds.labels).mean()
    net.train()
    print(f"{epoch=} {loss=:.3f} {acc=:.3f}")
