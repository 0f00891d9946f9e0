# port of series_keras.py; expect: initialisation, optimizer-beta2
"""The forecaster in PyTorch with its own defaults."""
import numpy as np
import torch
from torch import nn

torch.manual_seed(0)
wave = np.sin(np.arange(400) * 0.3) + 0.1 * np.cos(np.arange(400) * 1.7)
x = torch.tensor(np.stack([wave[i : i + 12] for i in range(300)]), dtype=torch.float32).unsqueeze(-1)
y = torch.tensor(wave[12:312], dtype=torch.float32).unsqueeze(-1)


class Forecaster(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(1, 10, batch_first=True)
        self.head = nn.Linear(10, 1)

    def forward(self, x):
        _, h = self.gru(x)
        return self.head(h[-1])


model = Forecaster()
optimizer = torch.optim.RMSprop(model.parameters(), lr=0.005, eps=1e-7)
for epoch in range(6):
    for i in range(0, len(x), 50):
        optimizer.zero_grad()
        loss = ((model(x[i : i + 50]) - y[i : i + 50]) ** 2).mean()
        loss.backward()
        optimizer.step()
    print(epoch, loss.item())
