# alone; expect: 2 parameters
"""Linear regression with a closure."""
import torch

x = torch.linspace(-1, 1, 40).unsqueeze(1)
t = 3 * x + 0.5
line = torch.nn.Linear(1, 1)
optimizer = torch.optim.SGD(line.parameters(), lr=0.1)


def closure():
    optimizer.zero_grad()
    loss = ((line(x) - t) ** 2).mean()
    loss.backward()
    return loss


for step in range(60):
    optimizer.step(closure)
print(line.weight.item(), line.bias.item())
