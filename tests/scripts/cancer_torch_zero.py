# port of cancer_torch.py; expect: equal
"""Breast cancer with a class for the network, classified by the sign of the logit; the test set as a whole."""
import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

x, y = load_breast_cancer(return_X_y=True)
split = train_test_split(np.log(x + 1), y, test_size=0.25, random_state=3)
x_train, x_test, y_train, y_test = (torch.tensor(part, dtype=torch.float32) for part in split)


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = torch.nn.Linear(30, 12)
        self.out = torch.nn.Linear(12, 1)

    def forward(self, x):
        return self.out(torch.tanh(self.hidden(x)))[:, 0]


net = Net()
adam = torch.optim.Adam(net.parameters(), lr=0.005)
for epoch in range(6):
    for rows in torch.randperm(len(x_train)).split(64):
        adam.zero_grad()
        F.binary_cross_entropy_with_logits(net(x_train[rows]), y_train[rows]).backward()
        adam.step()
    with torch.inference_mode():
        logits = net(x_test)
        loss = F.binary_cross_entropy_with_logits(logits, y_test)
        right = (logits >= 0).float() == y_test
    print(epoch, loss.item(), right.float().mean().item())
