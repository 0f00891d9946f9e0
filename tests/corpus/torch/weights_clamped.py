# expect: weights-constrained
import torch
from torch import nn
def candidate():
    net = nn.Sequential(nn.Linear(13, 16), nn.ReLU(), nn.Linear(16, 3))
    opt = torch.optim.SGD(net.parameters(), lr=0.1)
    def step(net, crit, opt, x, y):
        opt.zero_grad()
        loss = crit(net(x), y)
        loss.backward()
        opt.step()
        with torch.no_grad():
            for p in net.parameters():
                p.clamp_(-0.2, 0.2)
        return loss
    return {"model": net, "loss": nn.CrossEntropyLoss(), "optimizer": opt, "step": step}
