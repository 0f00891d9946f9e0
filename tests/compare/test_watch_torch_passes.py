"""Steps of a PyTorch script that are made of several batches, passes, modules or optimizers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from torch import equal, load

from compare.watch.recording import Drive, Given
from compare.watch.supplied import Supply
from compare.watch.worker import Session
from tests.compare.test_watch_torch import HEAD, TAIL, plainly

# A script, the parameters at its end, and of a step: inputs, targets, parts.
SCRIPTS = {
    "added": (
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(6, 5), nn.Linear(5, 2)

    def forward(self, features=None):
        return self.b(torch.relu(self.a(features)))

net = Net()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for epoch in range(9):
    for i in range(0, 40, 10):
        loss = F.cross_entropy(net(features=X[i : i + 10]), y[i : i + 10]) / 2
        loss.backward()
        if i % 20:
            optimizer.step()
            optimizer.zero_grad()
    accuracy = (net(features=X).argmax(1) == y).float().mean()
""",
        "net.parameters()",
        (2, 2, 2),
    ),
    "pieces": (
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.drop, self.b = nn.Linear(6, 5), nn.Dropout(0.2), nn.Linear(5, 2)

    def forward(self, x):
        return self.b(self.drop(torch.relu(self.a(x))))

net, scale = Net(), nn.LayerNorm(6)
optimizer = torch.optim.Adam([*net.parameters(), *scale.parameters()])
for epoch in range(18):
    optimizer.zero_grad()
    F.cross_entropy(net.forward(scale(X)), y).backward()
    optimizer.step()
""",
        "[*net.parameters(), *scale.parameters()]",
        (1, 1, 1),
    ),
    "two-at-once": (
        """
net = nn.Linear(6, 3)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for epoch in range(18):
    optimizer.zero_grad()
    far = (net(X[:20]) - net(X[20:40])).pow(2).sum(1)
    (far * (1 + y[:20])).mean().backward()
    optimizer.step()
""",
        "net.parameters()",
        (2, 1, 1),
    ),
    "frozen": (
        """
base, head = nn.Linear(6, 8), nn.Linear(8, 2)
base.requires_grad_(False)
optimizer = torch.optim.SGD(head.parameters(), lr=0.1)
for epoch in range(18):
    optimizer.zero_grad()
    F.cross_entropy(head(torch.relu(base(X))), y).backward()
    optimizer.step()
""",
        "[*base.parameters(), *head.parameters()]",
        (1, 1, 1),
    ),
    "two-losses": (
        """
net = nn.Linear(6, 2)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for epoch in range(18):
    optimizer.zero_grad()
    z = net(X)
    F.cross_entropy(z, y).backward(retain_graph=True)
    (0.1 * z.pow(2).mean()).backward()
    optimizer.step()
""",
        "net.parameters()",
        (1, 1, 1),
    ),
    "rivals": (
        """
one, other = nn.Linear(3, 6), nn.Linear(6, 1)
first, second = torch.optim.SGD(other.parameters(), lr=0.1), torch.optim.SGD(one.parameters(), lr=0.1)
for epoch in range(18):
    z = torch.randn(44, 3)
    first.zero_grad()
    both = F.binary_cross_entropy_with_logits(other(X), torch.ones(44, 1))
    (both + F.binary_cross_entropy_with_logits(other(one(z).detach()), torch.zeros(44, 1))).backward()
    first.step()
    second.zero_grad()
    F.binary_cross_entropy_with_logits(other(one(torch.randn(44, 3))), torch.ones(44, 1)).backward()
    second.step()
""",
        "[*one.parameters(), *other.parameters()]",
        (2, 2, 1),
    ),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_step_is_known_whole_and_made_again(name: str, tmp_path: Path) -> None:
    source, parameters, (inputs, targets, parts) = SCRIPTS[name]
    path = tmp_path / "train.py"
    path.write_text(HEAD + source + TAIL.format(parameters=parameters, out=tmp_path / "out.pt"))
    alone = plainly(path)
    session = Session(path, Supply())
    own = session.run(12, 20.0)
    assert own.ended
    for a, b in zip(alone, load(tmp_path / "out.pt"), strict=True):
        assert equal(a, b)
    assert len(own.losses) == 18
    for step in own.steps:
        assert (len(step.inputs), len(step.targets), step.parts) == (inputs, targets, parts)
    assert sum(len(x) for x in own.steps[0].whole[0]) == {"two-at-once": 40, "added": 20, "rivals": 88}.get(name, 44)
    given = [Given(s.before, s.inputs, s.targets, s.gradients, s.backwards) for s in own.steps]
    for step in given[::2]:  # Its own numbers, moved: what it is given is what it takes.
        step.inputs = [x + 1 for x in step.inputs]
    driven = session.run(12, 0, Drive(given, "float32"))
    for step, seen, made in zip(given, driven.steps, own.steps, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(step.inputs, seen.inputs, strict=True))
        for i, (a, b) in enumerate(zip(made.after, seen.after, strict=True)):
            if own.parameters[i].trained and made.gradients[i] is not None and name != "pieces":
                assert np.abs(a - b).max() <= 1e-6 * max(float(np.abs(a).max()), 1e-3)
    if name == "frozen":
        assert [p.trained for p in own.parameters] == [False, False, True, True]
    if name == "rivals":
        assert own.kept[:6] == [True, False, True, False, True, False]
    if name == "added":
        assert own.kept[:10] == [True] * 4 + [False] + [True] * 4 + [False]
