# expect: equal
# The manual update of the beginners' tutorial.
import torch
import torch.nn.functional as F

lr = 0.1


def candidate():
    W1 = torch.randn(4, 8, requires_grad=True)
    b1 = torch.zeros(8, requires_grad=True)
    W2 = torch.randn(8, 3, requires_grad=True)
    b2 = torch.zeros(3, requires_grad=True)

    def model(x):
        return torch.tanh(x @ W1 + b1) @ W2 + b2

    return {"model": model, "loss": F.cross_entropy, "optimizer": torch.optim.SGD([W1, b1, W2, b2], lr=lr)}
