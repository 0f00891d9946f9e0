# original
"""Residual blocks with layer normalisation on a table of diabetes patients."""
import torch
from sklearn.datasets import load_diabetes
from torch import nn


class Block(nn.Module):
    def __init__(self, width, dropout=0.1):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, 2 * width)
        self.down = nn.Linear(2 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        return x + self.dropout(self.down(nn.functional.gelu(self.up(self.norm(x)))))


class ResNet(nn.Module):
    def __init__(self, inputs, width=16, depth=2):
        super().__init__()
        self.stem = nn.Linear(inputs, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(depth))
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 1))

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.head(x)


def main():
    torch.manual_seed(3)
    X, y = load_diabetes(return_X_y=True)
    X = torch.as_tensor(X, dtype=torch.float32) * 20
    y = torch.as_tensor((y - y.mean()) / y.std(), dtype=torch.float32).unsqueeze(1)
    model = ResNet(X.shape[1])
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.05)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=40)
    loss_fn = nn.SmoothL1Loss()
    for epoch in range(8):
        model.train()
        for i in range(0, 442, 64):
            loss = loss_fn(model(X[i : i + 64]), y[i : i + 64])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
        model.eval()
        with torch.no_grad():
            print(epoch, loss_fn(model(X), y).item())


if __name__ == "__main__":
    main()
