# expect: schedule-unnamed
import torch
from torch import nn
def candidate():
    net = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
    opt = torch.optim.SGD(net.parameters(), lr=0.1)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=100)
    def step(net, crit, opt, x, y):
        opt.zero_grad()
        loss = crit(net(x), y)
        loss.backward()
        opt.step()
        sched.step()
        return loss
    return {"model": net, "loss": nn.CrossEntropyLoss(), "optimizer": opt, "step": step,
            "config": {"learning_rate": 0.1, "schedule": "cosine", "schedule_steps": 50}}
