# expect: equal
import torch
import torch.nn as nn
import torch.nn.functional as F

class Classifier(nn.Module):
    def __init__(self, sizes=(4, 12, 3)):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(a, b) for a, b in zip(sizes[:-1], sizes[1:])])
    def forward(self, x):
        for i, layer in enumerate(self.layers):
            x = layer(x)
            if i < len(self.layers) - 1:
                x = F.elu(x)
        return x

def candidate():
    net = Classifier()
    opt = torch.optim.SGD(net.parameters(), lr=0.1)
    def loss_fn(logits, target):
        onehot = F.one_hot(target, 3).to(logits.dtype)
        return -(onehot * F.log_softmax(logits, dim=1)).sum(dim=1).mean()
    return {"model": net, "loss": loss_fn, "optimizer": opt}
