# expect: targets-changed
import torch
from torch import nn
def candidate():
    net = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 1))
    opt = torch.optim.Adam(net.parameters(), lr=0.01)
    crit = nn.MSELoss()
    def step(net, crit, opt, x, y):
        y = y.long()
        opt.zero_grad()
        loss = crit(net(x).squeeze(1), y.to(x.dtype))
        loss.backward()
        opt.step()
        return loss
    return {"model": net, "loss": crit, "optimizer": opt, "step": step}
