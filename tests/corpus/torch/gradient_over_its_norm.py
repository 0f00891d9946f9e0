# expect: gradient-normalised
import torch
from torch import nn
def candidate():
    net = nn.Sequential(nn.Linear(13, 16), nn.ReLU(), nn.Linear(16, 3))
    opt = torch.optim.SGD(net.parameters(), lr=0.1)
    def step(net, crit, opt, x, y):
        opt.zero_grad()
        loss = crit(net(x), y)
        loss.backward()
        total = torch.sqrt(sum((p.grad ** 2).sum() for p in net.parameters()))
        for p in net.parameters():
            p.grad /= total + 1e-8
        opt.step()
        return loss
    return {"model": net, "loss": nn.CrossEntropyLoss(), "optimizer": opt, "step": step}
