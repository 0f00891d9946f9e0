# expect: refused LSTM
import torch
from torch import nn


class LSTMModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(8, 16, batch_first=True)
        self.fc = nn.Linear(16, 1)

    def forward(self, x):
        out, _ = self.lstm(x)
        return self.fc(out[:, -1])


def candidate():
    m = LSTMModel()
    return {"model": m, "loss": nn.MSELoss(), "optimizer": torch.optim.Adam(m.parameters())}
