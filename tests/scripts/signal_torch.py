# original
"""1-D convolutions over a signal."""
import torch
import torch.nn as nn
import numpy as np

rng = np.random.RandomState(4)
t = np.linspace(0, 1, 40)
X = np.stack([np.sin(2 * np.pi * f * t + p) for f, p in zip(rng.uniform(1, 6, 160), rng.uniform(0, 6, 160))])
freq = (np.abs(np.fft.rfft(X)).argmax(1) > 3).astype(np.float32)
signals = torch.tensor(X[:, None, :], dtype=torch.float32)
target = torch.tensor(freq)


class ConvNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv1d(1, 8, kernel_size=5, padding=2), nn.ReLU(), nn.MaxPool1d(2),
            nn.Conv1d(8, 8, kernel_size=3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool1d(1))
        self.classifier = nn.Linear(8, 1)

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1)).squeeze()


model = ConvNet()
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)
for epoch in range(20):
    model.train()
    for i in range(0, 160, 40):
        optimizer.zero_grad()
        loss = criterion(model(signals[i:i+40]), target[i:i+40])
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        acc = ((torch.sigmoid(model(signals)) > 0.5) == target).float().mean()
    print(f"epoch {epoch} acc {acc:.3f}")
