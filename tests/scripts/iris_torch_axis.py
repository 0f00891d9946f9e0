# port of iris_torch.py; expect: prediction-axis
"""Classify iris flowers , whose accuracy takes the largest along the wrong axis."""
import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.datasets import load_iris
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(42)

iris = load_iris()
X = torch.tensor(iris.data, dtype=torch.float32)
y = torch.tensor(iris.target, dtype=torch.long)
train_loader = DataLoader(TensorDataset(X, y), batch_size=16, shuffle=True)


class IrisNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(4, 32)
        self.fc2 = nn.Linear(32, 16)
        self.fc3 = nn.Linear(16, 3)

    def forward(self, x):
        x = torch.relu(self.fc1(x))
        x = torch.relu(self.fc2(x))
        return self.fc3(x)


model = IrisNet()
criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters(), lr=0.01)

for epoch in range(20):
    model.train()
    running_loss = 0.0
    for inputs, labels in train_loader:
        optimizer.zero_grad()
        outputs = model(inputs)
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
    print(f"Epoch {epoch + 1}: loss {running_loss / len(train_loader):.4f}")

model.eval()
with torch.no_grad():
    accuracy = (model(X).argmax(dim=0) == nn.functional.one_hot(y).argmax(dim=0)).float().mean()
print(f"Accuracy: {accuracy:.3f}")
