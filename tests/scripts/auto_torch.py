# port of auto_keras.py; expect: initialisation, norm-epsilon, norm-momentum, optimizer-epsilon, padding
"""The autoencoder in PyTorch, with padding on both sides."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

torch.manual_seed(1)
images = torch.tensor(load_digits().images[:600] / 16, dtype=torch.float32).unsqueeze(1)


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 6, kernel_size=3, stride=2, padding=1)
        self.bn = nn.BatchNorm2d(6)
        self.encode = nn.Linear(6 * 4 * 4, 12)
        self.decode = nn.Linear(12, 64)

    def forward(self, x):
        x = self.bn(F.relu(self.conv(x)))
        code = torch.tanh(self.encode(x.flatten(1)))
        return torch.sigmoid(self.decode(code))


net = Autoencoder()
optimizer = torch.optim.Adam(net.parameters(), lr=0.002)
for epoch in range(2):
    net.train()
    for i in range(0, 600, 40):
        batch = images[i : i + 40]
        loss = F.binary_cross_entropy(net(batch), batch.flatten(1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
net.eval()
with torch.no_grad():
    print(F.binary_cross_entropy(net(images), images.flatten(1)).item())
