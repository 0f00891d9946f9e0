# expect: dropout-in-evaluation
import torch
from torch import nn
def candidate():
    net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 10))
    opt = torch.optim.Adam(net.parameters(), lr=1e-3)
    crit = nn.CrossEntropyLoss()
    def predict(net, x):
        with torch.no_grad():
            _, predicted = torch.max(net(x), 1)
        return predicted
    def step(net, crit, opt, x, y):
        net.train()
        opt.zero_grad()
        loss = crit(net(x), y)
        loss.backward()
        opt.step()
        return loss
    return {"model": net, "loss": crit, "optimizer": opt, "step": step, "predict": predict}
