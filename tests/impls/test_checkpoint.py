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
    assert len(str(caught.value)) < 200 + len(str(path))


def signed(template, path, tensors: dict, metadata: dict) -> None:
    """Write a file whose SHA-256 is right, as a program would that means to deceive."""
    metadata = {name: value for name, value in metadata.items() if name != "sha256"}
    save_file(tensors, path, metadata | {"sha256": template.digest(metadata, tensors)})


@pytest.mark.parametrize("keep", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_file(template, checkpoint, keep):
    path, *_ = checkpoint
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole))])
    refused(template, path, "is no sound checkpoint: ")


def test_something_else(template, checkpoint):
    path, tensors, metadata = checkpoint
    path.write_bytes(b"PK" + bytes(500))
    refused(template, path, "is no sound checkpoint: ")
    save_file(tensors, path)
    refused(template, path, "its format is None, expected 'mlp-rosetta checkpoint 2'")
    save_file(tensors, path, metadata | {"format": "mlp-rosetta checkpoint 3"})
    refused(template, path, "its format is 'mlp-rosetta checkpoint 3', expected 'mlp-rosetta checkpoint 2'")
    refused(template, path.parent, "it is a folder")


def test_a_foreign_file_of_a_type_that_numpy_lacks(template, checkpoint):
    """Half of the safetensors files about hold bfloat16: the format is what must be named, and then the tensor."""
    path, _, metadata = checkpoint
    for given, pattern in (({}, "its format is None"), (metadata, "'params.0.0' is 'missing', expected .'F32', 3, 2.")):
        header = {"w": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}, "__metadata__": given}
        text = json.dumps(header).encode()
        path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(4))
        refused(template, path, pattern)


@pytest.mark.parametrize("name", ["params.0.0", "params.1.1", "velocity.0.1"])
def test_a_missing_a_misshapen_and_a_spoilt_tensor(template, checkpoint, name):
    path, tensors, metadata = checkpoint
    group, layer, _ = name.split(".")
    group = {"params": "parameters"}.get(group, group)
    signed(template, path, {key: a for key, a in tensors.items() if key != name}, metadata)
    refused(template, path, f"'{re.escape(name)}' is 'missing', expected .'F32', ")
    signed(template, path, tensors | {name: np.ones((7, 7), np.float32)}, metadata)
    refused(template, path, f"'{re.escape(name)}' is .'F32', 7, 7., expected ")
    signed(template, path, tensors | {name: tensors[name].astype(np.float64)}, metadata)
    refused(template, path, f"'{re.escape(name)}' is .'F64', .* expected .'F32'")
    signed(template, path, tensors | {f"{name}.more": tensors[name]}, metadata)
    refused(template, path, f"'{re.escape(name)}.more' is .'F32'.*, expected 'missing'")
    signed(template, path, tensors | {name: np.full_like(tensors[name], np.nan)}, metadata)
    refused(template, path, f"{group} of layer {layer} holds NaN")


def test_what_differs_from_what_was_written_is_refused_by_its_hash(template, checkpoint):
    """Each of these is a sound file of another model."""
    path, tensors, metadata = checkpoint
    config = json.loads(metadata["config"])
    for others in (
        {"step": "7"},
        {"config": json.dumps(config | {"learning_rate": 0.02})},
        {"config": json.dumps(config | {"optimizer": "nesterov"})},
        {"sha256": "0" * 64},
    ):
        save_file(tensors, path, metadata | others)
        refused(template, path, "its SHA-256 is not that of what it holds")
    moved = tensors | {"params.0.0": tensors["velocity.0.0"], "velocity.0.0": tensors["params.0.0"]}
    bent = tensors | {"params.1.0": tensors["params.1.0"] * np.float32(1 + 2e-7)}
    for changed in (moved, bent):
        save_file(changed, path, metadata)
        refused(template, path, "its SHA-256 is not that of what it holds")
    save_file(tensors, path, metadata)
    template.MLP.load(path)


def test_format_1_is_still_read_and_nothing_is_taken_for_it(template, checkpoint, same):
    path, tensors, metadata = checkpoint
    expected = template.MLP.load(path)
    old = metadata | {"format": "mlp-rosetta checkpoint 1"}
    save_file(tensors, path, old)
    refused(template, path, "its SHA-256 is not that of what it holds")
    del old["sha256"]
    save_file(tensors, path, old)
    loaded = template.MLP.load(path)
    assert same((loaded.params, loaded.state), (expected.params, expected.state))
    save_file(tensors, path, old | {"format": metadata["format"]})
    refused(template, path, "its SHA-256 is not that of what it holds")
    config = json.loads(metadata["config"])
    save_file(tensors, path, old | {"config": json.dumps({k: v for k, v in config.items() if k != "batch_norm"})})
    refused(template, path, "its config has not the fields of Config")


DEEP = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize(
    ("change", "pattern"),
    [
        ({"activation": "magic"}, "activation 'magic' is unknown"),
        ({"activation": "magic" * 1000}, "activation 'magicma.*' is unknown"),
        ({"learning_rate": "fast"}, "learning_rate 'fast' must be"),
        ({"learning_rate": True}, "learning_rate True must be"),
        ({"layer_sizes": [3, -2, 1]}, "layer_sizes"),
        ({"layer_sizes": None}, "layer_sizes"),
        ({"layer_sizes": [[[[3]]], 2, 1]}, "layer_sizes"),
        ({"layer_sizes": list(range(3, 5000))}, "'params.0.0' is .'F32', 3, 2., expected .'F32', 3, 4."),
        ({"layer_sizes": [3, 10**12, 1]}, "'params.0.0' is .'F32', 3, 2., expected .'F32', 3, 1000000000000."),
        ({"depth": 3}, "its config has not the fields of Config"),
        ({"layer_sizes": [3, 4, 1]}, "'params.0.0' is .'F32', 3, 2., expected .'F32', 3, 4."),
        ({"optimizer": "adam"}, "'first_moment.0.0' is 'missing'"),
        ({"optimizer": "sgd"}, "'velocity.0.0' is .*, expected 'missing'"),
        ({"batch_norm": True}, "'params.0.2' is 'missing'"),
        ({"dtype": "float64"}, "'params.0.0' is .'F32', 3, 2., expected .'F64', 3, 2."),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_config_edited_by_hand(template, checkpoint, change, pattern):
    path, tensors, metadata = checkpoint
    config = json.loads(metadata["config"]) | change
    signed(template, path, tensors, metadata | {"config": json.dumps(config)})
    refused(template, path, f"is no sound checkpoint: {pattern}")


@pytest.mark.parametrize(
    "metadata",
    [
        *({"config": text} for text in ("{", "[]", "3", DEEP, '{"seed": ' + DEEP + "}")),
        *({"step": text} for text in ("soon", "1.5", "-1", "true", "1e3", DEEP, "9" * 5000)),
        {"config": None},
        {"step": None},
        {"sha256": None},
    ],
    ids=lambda value: str(value)[:40],
)
def test_broken_metadata(template, checkpoint, metadata):
    path, tensors, sound = checkpoint
    broken = {name: value for name, value in (sound | metadata).items() if value is not None}
    save_file(tensors, path, broken)
    refused(template, path, "is no sound checkpoint")


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
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*missing: make it first"):
        model.save(tmp_path / "missing" / "model.safetensors")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match="folder is a folder: give the name of a file"):
        model.save(tmp_path / "folder")
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]


def test_a_path_may_be_a_string(template, tmp_path):
    path = str(tmp_path / "model.safetensors")
    template.MLP(template.Config((3, 2, 1))).save(path)
    assert template.MLP.load(path).config == template.Config((3, 2, 1))
