# port of vae_torch.py; expect: equal
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

images = torch.tensor(load_digits().data[:256] / 16.0).float()


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 40), nn.ReLU())
        self.mu, self.logvar = nn.Linear(40, 5), nn.Linear(40, 5)
        self.decoder = nn.Sequential(nn.Linear(5, 40), nn.ReLU(), nn.Linear(40, 64))

    def forward(self, x):
        h = self.encoder(x)
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.randn(mu.shape) * (logvar / 2).exp()
        return self.decoder(z), mu, logvar


net = Autoencoder()
opt = torch.optim.Adam(net.parameters())
for epoch in range(7):
    for x in images.split(32):
        logits, mu, logvar = net(x)
        rec = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum()
        kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum()
        loss = rec + kl
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, loss.item() / 32)
