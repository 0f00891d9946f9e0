# expect: penalty-unnamed
import torch
from torch import nn
def candidate():
    net = nn.Sequential(nn.Linear(64, 20), nn.ReLU(), nn.Linear(20, 10))
    opt = torch.optim.Adam(net.parameters(), lr=0.002)
    def step(net, crit, opt, x, y):
        opt.zero_grad()
        loss = crit(net(x), y)
        l1 = 5e-4 * net[0].weight.abs().sum()
        (loss + l1).backward()
        opt.step()
        return loss.item()
    return {"model": net, "loss": nn.CrossEntropyLoss(), "optimizer": opt, "step": step}
