# original
import torch
from torch import nn
torch.manual_seed(0)
X = torch.randn(64, 7, 8); y = (X.mean((1, 2)) > 0).long()
enc = nn.TransformerEncoderLayer(d_model=8, nhead=2, dim_feedforward=16, dropout=0.0, batch_first=True)
head = nn.Linear(8, 2)
opt = torch.optim.Adam(list(enc.parameters()) + list(head.parameters()), lr=1e-3)
for e in range(55):
    out = head(enc(X).mean(1))
    loss = nn.CrossEntropyLoss()(out, y)
    opt.zero_grad(); loss.backward(); opt.step()
