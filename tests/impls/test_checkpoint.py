"""A checkpoint continues in any template where another stopped, and an unsound file is refused."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

NAMES = ("numpy", "torch", "keras")
PAIRS = [
    # From one template into the next: every ordered pair once, and every optimizer with slots of its own.
    ("numpy", "torch", "adam"),
    ("torch", "keras", "adamw"),
    ("keras", "numpy", "momentum"),
    ("numpy", "keras", "rmsprop"),
    ("torch", "numpy", "adagrad"),
    ("keras", "torch", "nesterov"),
]


def options(optimizer: str, **others) -> dict:
    return {
        "layer_sizes": (3, 5, 3),
        "loss": "softmax_cross_entropy",
        "optimizer": optimizer,
        "class_weights": (1.0, 2.0, 0.5),
        "weight_decay": 0.01,
        "schedule": "cosine",
        "schedule_steps": 12,
        "batch_norm": True,
        "dtype": "float64",
        **others,
    }


def train(model, x, y, steps: range) -> list[float]:
    return [model.train_step(x[8 * step : 8 * step + 8], y[8 * step : 8 * step + 8]) for step in steps]


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_round_trip_is_exact(template, make_data, same, tmp_path, optimizer, dtype):
    config = template.Config(**options(optimizer, dtype=dtype))
    x, y = make_data(config, 24)
    model = template.MLP(config)
    train(model, x, y, range(2))
    path = tmp_path / "model.safetensors"
    model.save(path)
    loaded = template.MLP.load(path)
    assert type(loaded) is template.MLP
    assert loaded.config == config
    assert hash(loaded.config) == hash(config)
    assert same((loaded.params, loaded.state), (model.params, model.state))
    assert np.array_equal(loaded.predict(x), model.predict(x))
    assert train(loaded, x, y, range(2, 3)) == train(model, x, y, range(2, 3))
    assert same((loaded.params, loaded.state), (model.params, model.state))
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.safetensors"]


def test_every_ordered_pair_is_here():
    assert {pair[:2] for pair in PAIRS} == {(a, b) for a in NAMES for b in NAMES if a != b}


@pytest.mark.parametrize(("first", "second", "optimizer"), PAIRS)
def test_training_continues_in_another_template(
    first, second, optimizer, templates, make_data, assert_close, same, tmp_path
):
    fields = options(optimizer)
    whole = templates["numpy"].MLP(templates["numpy"].Config(**fields))
    x, y = make_data(whole.config, 48)
    expected = train(whole, x, y, range(6))

    path = tmp_path / "half.safetensors"
    started = templates[first].MLP(templates[first].Config(**fields))
    losses = train(started, x, y, range(3))
    started.save(path)
    resumed = templates[second].MLP.load(path)
    assert same((resumed.params, resumed.state), (started.params, started.state))
    losses += train(resumed, x, y, range(3, 6))

    assert resumed.state["step"] == 6
    assert_close(losses, expected, "losses")
    assert_close(resumed.params, whole.params, "params")
    assert_close(resumed.state, whole.state, "state")


def test_a_relay_of_all_three(templates, make_data, assert_close, tmp_path):
    """Each template takes over from the one before."""
    fields = options("sgd", batch_norm=False)
    whole = templates["numpy"].MLP(templates["numpy"].Config(**fields))
    x, y = make_data(whole.config, 48)
    train(whole, x, y, range(6))
    path = tmp_path / "baton.safetensors"
    templates["torch"].MLP(templates["torch"].Config(**fields)).save(path)
    for turn, name in enumerate(("torch", "keras", "numpy")):
        model = templates[name].MLP.load(path)
        train(model, x, y, range(2 * turn, 2 * turn + 2))
        model.save(path)
    last = templates["keras"].MLP.load(path)
    assert_close(last.params, whole.params, "params")
    assert_close(last.state, whole.state, "state")


def test_the_three_write_the_same_file(templates, same, tmp_path):
    files = {}
    for name, template in templates.items():
        template.MLP(template.Config(**options("adam"))).save(tmp_path / name)
        with safe_open(tmp_path / name, framework="numpy") as file:
            files[name] = file.metadata(), {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    assert files["numpy"][0]["step"] == "0"
    assert {"params.0.0", "params.0.2", "first_moment.1.1", "running.0.1"} <= files["numpy"][1].keys()
    for name in ("torch", "keras"):
        assert files[name][0] == files["numpy"][0]
        assert same(files[name][1], files["numpy"][1])


# Unsound files ------------------------------------------------------------------------------------------------------


@pytest.fixture
def checkpoint(template, tmp_path):
    """The path of a sound file, its tensors and its metadata."""
    path = tmp_path / "model.safetensors"
    template.MLP(template.Config((3, 2, 1), optimizer="momentum")).save(path)
    with safe_open(path, framework="numpy") as file:
        return path, {key: file.get_tensor(key) for key in file.keys()}, file.metadata()  # noqa: SIM118


def refused(template, path, pattern: str) -> None:
    with pytest.raises(ValueError, match=pattern) as caught:
        template.MLP.load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("keep", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_file(template, checkpoint, keep):
    path, *_ = checkpoint
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole))])
    refused(template, path, "is not a whole safetensors file")


def test_something_else(template, checkpoint):
    path, tensors, metadata = checkpoint
    path.write_bytes(b"PK" + bytes(500))
    refused(template, path, "is not a whole safetensors file")
    save_file(tensors, path)
    refused(template, path, "has format None: expected 'mlp-rosetta checkpoint 1'")
    save_file(tensors, path, metadata | {"format": "mlp-rosetta checkpoint 2"})
    refused(template, path, "has format 'mlp-rosetta checkpoint 2': expected 'mlp-rosetta checkpoint 1'")


def test_a_foreign_file_of_a_type_that_numpy_lacks(template, tmp_path):
    """Half of the safetensors files about hold bfloat16: the format is what must be named."""
    header = json.dumps({"w": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}).encode()
    path = tmp_path / "foreign.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    refused(template, path, "has format None")


@pytest.mark.parametrize("name", ["params.0.0", "params.1.1", "velocity.0.1"])
def test_a_missing_a_misshapen_and_a_spoilt_tensor(template, checkpoint, name):
    path, tensors, metadata = checkpoint
    group, layer, _ = name.split(".")
    group = {"params": "parameters"}.get(group, group)
    save_file({key: a for key, a in tensors.items() if key != name}, path, metadata)
    refused(template, path, f"lacks the tensors {re.escape(name)}")
    save_file(tensors | {name: np.ones((7, 7), np.float32)}, path, metadata)
    refused(template, path, f"{group} of layer {layer} has shapes")
    save_file(tensors | {name: np.full_like(tensors[name], np.nan)}, path, metadata)
    refused(template, path, f"{group} of layer {layer} holds NaN")


@pytest.mark.parametrize(
    ("change", "pattern"),
    [
        ({"activation": "magic"}, "no sound config and step: activation 'magic' is unknown"),
        ({"learning_rate": "fast"}, "no sound config and step: learning_rate 'fast'"),
        ({"layer_sizes": [3, -2, 1]}, "no sound config and step: layer_sizes"),
        ({"layer_sizes": None}, "no sound config and step: layer_sizes"),
        ({"depth": 3}, "no sound config and step: .*depth"),
        ({"layer_sizes": [3, 4, 1]}, "parameters of layer 0 has shapes .* expected"),
        ({"optimizer": "adam"}, "lacks the tensors first_moment.0.0"),
        ({"batch_norm": True}, "lacks the tensors params.0.2"),
    ],
    ids=str,
)
def test_a_config_edited_by_hand(template, checkpoint, change, pattern):
    path, tensors, metadata = checkpoint
    config = json.loads(metadata["config"]) | change
    save_file(tensors, path, metadata | {"config": json.dumps(config)})
    refused(template, path, pattern)


@pytest.mark.parametrize(
    "metadata",
    [{"config": "{"}, {"config": "[]"}, {"config": "3"}, {"step": "soon"}, {"step": "1.5"}, {"config": None}],
    ids=str,
)
def test_broken_metadata(template, checkpoint, metadata):
    path, tensors, sound = checkpoint
    broken = {name: value for name, value in (sound | metadata).items() if value is not None}
    save_file(tensors, path, broken)
    refused(template, path, "holds no sound config and step")


def test_a_negative_step(template, checkpoint):
    path, tensors, metadata = checkpoint
    save_file(tensors, path, metadata | {"step": "-1"})
    refused(template, path, "step -1 must be a whole number from 0 on")


def test_a_file_that_is_not_there(template, tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing"):
        template.MLP.load(tmp_path / "nothing.safetensors")


# Writing whole or not at all ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("fails", ["write_bytes", "replace"])
def test_a_failed_save_leaves_the_earlier_file_and_nothing_beside_it(template, checkpoint, monkeypatch, fails):
    path, *_ = checkpoint
    earlier = path.read_bytes()
    model = template.MLP(template.Config((3, 2, 1), optimizer="adam", seed=5))

    def write_half(self, data) -> None:
        with open(self, "wb") as file:
            file.write(data[: len(data) // 2])
        raise OSError("no space left")

    def refuse(self, target) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(template.Path, fails, write_half if fails == "write_bytes" else refuse)
    with pytest.raises(OSError, match="no space left"):
        model.save(path)
    assert path.read_bytes() == earlier
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_saving_where_a_file_cannot_be(template, tmp_path):
    model = template.MLP(template.Config((3, 2, 1)))
    with pytest.raises(FileNotFoundError):
        model.save(tmp_path / "missing" / "model.safetensors")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        model.save(tmp_path / "folder")
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]


def test_a_path_may_be_a_string(template, tmp_path):
    path = str(tmp_path / "model.safetensors")
    template.MLP(template.Config((3, 2, 1))).save(path)
    assert template.MLP.load(path).config == template.Config((3, 2, 1))
