"""A training script, as it stands, against the reference."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from compare.check import main
from compare.watch.files import is_script

SCRIPTS = Path(__file__).parents[1] / "scripts"


def asked(name: str, folder: Path) -> dict:
    answer = folder / "answer.json"
    status = main([str(SCRIPTS / name), "--steps", "6", "--json", str(answer)])
    found = json.loads(answer.read_text())
    assert found["exit"] == status
    return found


def test_a_correct_script_is_equal_in_float64(tmp_path: Path) -> None:
    found = asked("iris_torch.py", tmp_path)
    assert (found["verdict"], found["dtype"], found["exit"]) == ("equal", "float64", 0)
    assert found["scenario"]["config"]["layer_sizes"] == [4, 32, 16, 3]


def test_a_mistake_is_named_with_the_line_of_the_script(tmp_path: Path) -> None:
    found = asked("regression_torch_flat.py", tmp_path)
    assert (found["diagnosis"]["cause"], found["exit"]) == ("shapes-broadcast", 1)
    assert "regression_torch_flat.py, line 19" in found["text"]


@pytest.mark.parametrize(("name", "said"), [("cnn_torch.py", "conv"), ("lstm_torch.py", "lstm")])
def test_what_the_reference_has_not_is_one_line(name: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(SCRIPTS / name), "--steps", "3"]) == 2
    error = capsys.readouterr().err
    assert said.lower().replace("_", "") in error.lower().replace("_", "")
    assert "check.py original.py port.py" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("xor_numpy.py", {"activation": "sigmoid", "loss": "binary_cross_entropy", "optimizer": "sgd"}),
        ("regression_numpy.py", {"activation": "tanh", "loss": "mse", "optimizer": "momentum", "momentum": 0.9}),
        ("alone_numpy_dict.py", {"activation": "relu", "loss": "softmax_cross_entropy", "optimizer": "adam"}),
    ],
)
def test_a_network_from_scratch_is_told_by_its_updates(name: str, config: dict, tmp_path: Path) -> None:
    answer = tmp_path / "answer.json"
    assert main([str(SCRIPTS / name), "--steps", "20", "--json", str(answer)]) == 0
    found = json.loads(answer.read_text())
    assert (found["verdict"], found["dtype"]) == ("equal", "float64")
    assert found["scenario"]["config"].items() >= config.items()


MIXED = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(120, 5))
t = X[:, :1] - 2 * X[:, 1:2] ** 2
W1, b1 = rng.normal(0, 0.5, (5, 8)), np.zeros(8)
W2, b2 = rng.normal(0, 0.5, (8, 6)), np.zeros(6)
W3, b3 = rng.normal(0, 0.5, (6, 1)), np.zeros(1)
for i in range(20):
    rows = rng.integers(0, 120, 30)
    x, y = X[rows], t[rows]
    h = np.tanh(x @ W1 + b1)
    g = np.maximum(h @ W2 + b2, 0)
    d3 = np.sign(g @ W3 + b3 - y) / len(x)
    d2 = d3 @ W3.T * (g > 0)
    d1 = d2 @ W2.T * (1 - h * h)
    W3 -= 0.05 * g.T @ d3
    b3 -= 0.05 * d3.sum(0)
    W2 -= 0.05 * h.T @ d2
    b2 -= 0.05 * d2.sum(0)
    W1 -= 0.05 * x.T @ d1
    b1 -= 0.05 * d1.sum(0)
"""
BY_LAYER = """
import torch
from torch import nn
torch.manual_seed(0)
X = torch.randn(200, 6)
t = X[:, :1].abs()
net = nn.Sequential(nn.Linear(6, 9), nn.Tanh(), nn.Linear(9, 7), nn.SiLU(), nn.Linear(7, 1))
opt = torch.optim.Adam(net.parameters(), lr=0.01)
for x, y in zip(X.split(20), t.split(20)):
    opt.zero_grad()
    nn.functional.l1_loss(net(x), y).backward()
    opt.step()
"""


@pytest.mark.parametrize(("source", "wanted"), [(MIXED, ["tanh", "relu"]), (BY_LAYER, ["tanh", "silu"])], ids="nt")
def test_layers_that_are_not_alike_under_the_absolute_error(source: str, wanted: list, tmp_path: Path) -> None:
    script, answer = tmp_path / "by_layer.py", tmp_path / "answer.json"
    script.write_text(source)
    assert main([str(script), "--steps", "9", "--json", str(answer)]) == 0
    found = json.loads(answer.read_text())
    assert (found["verdict"], found["dtype"]) == ("equal", "float64")
    config = found["scenario"]["config"]
    assert (config["activation"], config["loss"]) == (wanted, "mae")


def test_a_wrong_derivative_is_no_network_of_the_reference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, right = (SCRIPTS / "xor_numpy.py").read_text(), " * self.hidden * (1 - self.hidden)"
    assert right in source
    script = tmp_path / "wrong.py"
    script.write_text(source.replace(right, ""))
    assert main([str(script), "--steps", "20"]) == 2
    error = capsys.readouterr().err
    assert "its gradients are not those of its loss" in error
    assert error.count("\n") == 1


BY_HAND = """
import torch
from sklearn.datasets import load_wine
torch.manual_seed(1)
x, t = (torch.as_tensor(a) for a in load_wine(return_X_y=True))
x = ((x - x.mean(0)) / x.std(0)).float()
W = [torch.nn.init.xavier_uniform_(torch.empty(*shape)) for shape in ((13, 8), (8, 3))]
theta = [p.requires_grad_() for p in (*W, torch.zeros(8), torch.zeros(3))]
for step in range(30):
    rows = torch.randperm(len(x))[:32]
    scores = torch.tanh(x[rows] @ theta[0] + theta[2]).mm(theta[1]) + theta[3]
    gradients = torch.autograd.grad(torch.nn.functional.cross_entropy(scores, t[rows]), theta)
    with torch.no_grad():
        for p, g in zip(theta, gradients):
            p.sub_(0.05 * g)
"""


def test_tensors_of_its_own_that_a_script_updates_itself_are_a_network_too(tmp_path: Path) -> None:
    script, answer = tmp_path / "by_hand.py", tmp_path / "answer.json"
    script.write_text(BY_HAND)
    assert main([str(script), "--steps", "12", "--json", str(answer)]) == 0
    found = json.loads(answer.read_text())
    assert (found["verdict"], found["dtype"]) == ("equal", "float64")
    wanted = {"activation": "tanh", "loss": "softmax_cross_entropy", "optimizer": "sgd", "learning_rate": 0.05}
    assert found["scenario"]["config"].items() >= wanted.items()


def test_weights_kept_by_units_are_turned(tmp_path: Path) -> None:
    script = tmp_path / "by_units.py"
    turned = BY_HAND.replace("((13, 8), (8, 3))", "((8, 13), (3, 8))")
    script.write_text(turned.replace("@ theta[0] +", "@ theta[0].T +").replace(".mm(theta[1])", ".mm(theta[1].T)"))
    assert main([str(script), "--steps", "12"]) == 0


def test_two_mistakes_in_such_a_script_are_both_named(tmp_path: Path) -> None:
    script, answer = tmp_path / "by_hand.py", tmp_path / "answer.json"
    twice = BY_HAND.replace("cross_entropy(scores", "cross_entropy(scores.softmax(1)")
    script.write_text(twice.replace("p.sub_(", "p.mul_(1 - 0.05 * 0.01).sub_("))
    assert main([str(script), "--steps", "12", "--json", str(answer)]) == 1
    found = json.loads(answer.read_text())
    assert set(found["diagnosis"]["cause"].split(" + ")) == {"activated-twice", "decay-on-biases"}


def test_updates_by_no_rule_that_is_known_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = tmp_path / "by_hand.py"
    script.write_text(BY_HAND.replace("0.05 * g", "0.05 * g * torch.rand(1)"))
    assert main([str(script), "--steps", "12"]) == 2
    error = capsys.readouterr().err
    assert "it updates its weights itself, by no rule that is known" in error
    assert error.count("\n") == 1


def test_a_file_with_a_candidate_is_no_script(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("for _ in range(3):\n    pass\ndef candidate(): ...\n")
    assert not is_script(file)
    assert is_script(SCRIPTS / "iris_torch.py")


CLASSES, YES, NUMBERS = "t[rows]", "(t[rows] == 1).float()[:, None]", "t[rows].float()[:, None]"
SPELLED = {  # How a loss is written, its targets, the classes that there are, and what it is.
    "gather": ("-scores.log_softmax(1).gather(1, t[rows][:, None]).mean()", 3, "softmax_cross_entropy"),
    "picked": ("-torch.log_softmax(scores, 1)[range(32), t[rows]].mean()", 3, "softmax_cross_entropy"),
    "logsumexp": ("(scores.logsumexp(1) - scores[range(32), t[rows]]).mean()", 3, "softmax_cross_entropy"),
    "one-hot": ("-(torch.eye(3)[t[rows]] * scores.softmax(1).log()).sum(1).mean()", 3, "softmax_cross_entropy"),
    "yes-or-no": (
        f"-({YES} * scores.sigmoid().log() + (1 - {YES}) * (1 - scores.sigmoid()).log()).mean()",
        1, "binary_cross_entropy",
    ),
    "no-or-yes": (
        f"-((1 - {YES}) * torch.log(1 - torch.sigmoid(scores)) + {YES} * torch.log(torch.sigmoid(scores))).mean()",
        1, "binary_cross_entropy",
    ),
    "squares": (f"((scores - {NUMBERS}) ** 2).mean()", 1, "mse"),
    "absolute": (f"torch.mean(torch.abs({NUMBERS} - scores))", 1, "mae"),
    "squashed": (f"(scores.sigmoid() - {YES}).pow(2).mean()", 1, "sigmoid_mse"),
}  # fmt: skip
PRODUCTS = {
    "einsum": (
        "torch.einsum('bi,io->bo', x[rows], theta[0]) + theta[2]",
        "torch.einsum('nh,ho->no', scores, theta[1]) + theta[3]",
    ),
    "addmm": ("torch.addmm(theta[2], x[rows], theta[0])", "torch.addmm(theta[3], scores, theta[1])"),
    "linear": (
        "torch.nn.functional.linear(x[rows], theta[0].T, theta[2])",
        "torch.matmul(scores, theta[1]) + theta[3]",
    ),
}


def spelled(loss: str, units: int, products: tuple[str, str], factor: str = "") -> str:
    """BY_HAND with its loss and its products written in another way."""
    whole = BY_HAND.replace("(8, 3)", f"(8, {units})").replace("torch.zeros(3)", f"torch.zeros({units})")
    whole = whole.replace(
        "torch.tanh(x[rows] @ theta[0] + theta[2]).mm(theta[1]) + theta[3]",
        f"torch.tanh({products[0]})\n    scores = {products[1]}",
    )
    return whole.replace("torch.nn.functional.cross_entropy(scores, t[rows])", f"{factor}({loss})")


@pytest.mark.parametrize("name", SPELLED)
def test_a_loss_that_is_written_out_is_told_by_its_values(name: str, tmp_path: Path) -> None:
    script, answer = tmp_path / "by_hand.py", tmp_path / "answer.json"
    loss, units, wanted = SPELLED[name]
    script.write_text(spelled(loss, units, list(PRODUCTS.values())[len(name) % 3]))
    assert main([str(script), "--steps", "8", "--json", str(answer)]) == 0
    found = json.loads(answer.read_text())
    assert (found["verdict"], found["dtype"]) == ("equal", "float64")
    assert found["scenario"]["config"]["loss"] == wanted


def test_half_a_loss_that_is_written_out_is_a_difference(tmp_path: Path) -> None:
    script, answer = tmp_path / "by_hand.py", tmp_path / "answer.json"
    loss, units, _ = SPELLED["squares"]
    script.write_text(spelled(loss, units, PRODUCTS["einsum"], "0.5 * "))
    assert main([str(script), "--steps", "8", "--json", str(answer)]) == 1
    assert json.loads(answer.read_text())["diagnosis"]["cause"] == "loss-factor"
