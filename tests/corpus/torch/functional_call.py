# expect: equal
import torch
from torch import nn
from torch.func import functional_call, grad_and_value

def candidate():
    model = nn.Sequential(nn.Linear(13, 24), nn.SiLU(), nn.Linear(24, 3))
    loss = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

    def step(model, loss, optimizer, x, y):
        params = {k: v.detach() for k, v in model.named_parameters()}
        grads, value = grad_and_value(lambda p: loss(functional_call(model, p, (x,)), y))(params)
        for k, v in model.named_parameters():
            v.grad = grads[k]
        optimizer.step()
        return value
    return {"model": model, "loss": loss, "optimizer": optimizer, "step": step}
