# expect: optimizer-made-anew
import torch
from torch import nn
def candidate():
    net = nn.Sequential(nn.Linear(13, 16), nn.ReLU(), nn.Linear(16, 3))
    def step(net, crit, opt, x, y):
        opt = torch.optim.Adam(net.parameters(), lr=0.01)
        opt.zero_grad()
        loss = crit(net(x), y)
        loss.backward()
        opt.step()
        return loss
    return {"model": net, "loss": nn.CrossEntropyLoss(), "optimizer": torch.optim.Adam(net.parameters(), lr=0.01), "step": step}
