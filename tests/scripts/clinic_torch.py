# original
"""A clinic's cells, in one batch, with a plain loop."""
import torch, torch.nn as nn
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler
torch.manual_seed(42)
data = load_breast_cancer()
X = StandardScaler().fit_transform(data.data).astype("float32")
y = data.target.astype("float32")
X_t, y_t = torch.from_numpy(X), torch.from_numpy(y).unsqueeze(1)
model = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 1), nn.Sigmoid())
opt = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
bce = nn.BCELoss()
for epoch in range(60):
    pred = model(X_t)
    loss = bce(pred, y_t)
    opt.zero_grad(); loss.backward(); opt.step()
    if epoch % 10 == 0:
        acc = ((pred.detach().numpy() > 0.5) == y_t.numpy()).mean()
        print(epoch, loss.item(), acc)
