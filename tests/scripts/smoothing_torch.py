# port of smoothing_keras.py; expect: initialisation, dropout-rate, label-smoothing, optimizer-epsilon
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MinMaxScaler

iris = load_iris()
X = MinMaxScaler().fit_transform(iris.data)
y = iris.target
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0)
X_train, X_test = map(torch.Tensor, (X_train, X_test))
y_train, y_test = map(torch.LongTensor, (y_train, y_test))


class Model(nn.Module):
    def __init__(self, input_features=4, hidden=16, classes=3):
        super().__init__()
        self.fc1 = nn.Linear(input_features, hidden)
        self.dropout = nn.Dropout(0.5)
        self.out = nn.Linear(hidden, classes)

    def forward(self, x):
        return self.out(self.dropout(F.relu(self.fc1(x))))


model = Model()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X_train, y_train), 16, True)
losses = []
for i in range(10):
    model.train()
    for xb, yb in loader:
        y_pred = model.forward(xb)
        loss = criterion(y_pred, yb)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
model.eval()
with torch.no_grad():
    correct = 0
    for i, data in enumerate(X_test):
        y_val = model.forward(data)
        correct += int(y_val.argmax().item() == y_test[i])
print(f"{correct} of {len(X_test)}")
