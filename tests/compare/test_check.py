"""The command for somebody's own model, from the file to the exit status, with the candidate in its own process."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from compare import check

START = check.STARTS / "my_numpy_model.py"
STEP = "        (W1, b1), (W2, b2) = self.layers\n        a = np.tanh"
AT_7 = "        self.count = getattr(self, 'count', 0) + 1\n        if self.count == 7:\n            "
LINE = START.read_text().splitlines().index("    def train_step(self, x, y):") + 5  # of what stands under `if`, from 1


def numpy_model(folder: Path, in_step: str, top: str = "") -> Path:
    """The NumPy file to start from, with a line put into its training step."""
    source = START.read_text()
    assert source.count(STEP) == 1
    path = folder / "mine.py"
    path.write_text(
        source.replace("import numpy as np\n", f"import numpy as np{top}\n").replace(STEP, in_step + "\n" + STEP)
    )
    return path


def run(capsys: pytest.CaptureFixture, *arguments: object) -> tuple[int, str]:
    status = check.main([str(a) for a in arguments])
    captured = capsys.readouterr()
    assert not (captured.out and captured.err)
    return status, captured.out + captured.err


@pytest.mark.parametrize("framework", check.FRAMEWORKS)
def test_the_files_to_start_from_are_equal(framework: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    status, text = run(capsys, "--template", framework)
    path = tmp_path / "start.py"
    path.write_text(text)
    assert status == 0
    status, text = run(capsys, path, "--steps", 8, "--json", tmp_path / "answer.json")
    assert status == 0, text
    assert "Equal: 8 steps, in step and on its own." in text
    answer = json.loads((tmp_path / "answer.json").read_text())
    assert (answer["verdict"], answer["exit"], answer["first"]) == ("equal", 0, None)
    assert answer["scenario"]["data"] == "iris (112 samples)"
    assert set(answer["modes"]) == {"in step", "on its own"}


def test_a_difference_is_placed_named_and_written(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = tmp_path / "mine.py"
    start = (check.STARTS / "my_torch_model.py").read_text()
    path.write_text(start.replace("    optimizer.zero_grad()\n", "    print('training')\n"))
    status, text = run(capsys, path, "--steps", 8, "--json", tmp_path / "answer.json")
    assert status == 1
    assert "gradient of layer 1 W" in text
    assert "at step 2 of 8" in text
    assert "The cause: gradients-not-zeroed" in text
    assert "In PyTorch: optimizer.zero_grad()" in text
    assert "In Keras" not in text
    answer = json.loads((tmp_path / "answer.json").read_text())
    assert answer["verdict"] == "differs"
    assert (answer["first"]["phase"], answer["first"]["step"], answer["first"]["mode"]) == ("gradient", 2, "in step")
    assert answer["diagnosis"]["cause"] == "gradients-not-zeroed"
    assert answer["diagnosis"]["explanations"][0]["difference"] < 1e-12


def test_an_edited_copy_of_a_template_is_tried_on_every_option(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    source = (check.ROOT / "impls" / "mlp_numpy.py").read_text()
    path = tmp_path / "copy.py"
    path.write_text(source)
    status, text = run(capsys, path, "--steps", 3)
    assert status == 0, text
    assert "Equal on all" in text
    line = "(1 - c.label_smoothing) + c.label_smoothing / 2"
    assert source.count(line) == 1
    path.write_text(source.replace(line, line.replace("/ 2", "/ 3")))
    status, text = run(capsys, path, "--steps", 3)
    assert status == 1
    assert "What differs first: loss at step 1" in text
    assert "scenario trap-binary-weights" in text


def test_a_named_scenario(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = tmp_path / "mine.py"
    start = (check.STARTS / "my_torch_model.py").read_text()
    path.write_text(start.replace("(4, 16)", "(64, 32)").replace("(16, 3)", "(32, 10)"))
    status, text = run(capsys, path, "--steps", 4, "--scenario", "digits")
    assert status == 0, text
    assert "scenario digits" in text
    status, text = run(capsys, path, "--steps", 4, "--scenario", "trap-sgd")
    assert (status, text.count("\n")) == (2, 1)
    assert "layers 64-32-10 is not that of scenario trap-sgd, 2-8-1" in text
    status, text = run(capsys, path, "--steps", 4, "--scenario", "iris")
    assert (status, text.count("\n")) == (2, 1)
    assert "layers 64-32-10 is not that of scenario iris, 4-10-3" in text


def test_a_scenario_that_a_diagnosis_recommends(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = tmp_path / "mine.py"
    start = (check.STARTS / "my_torch_model.py").read_text()
    path.write_text(start.replace("(4, 16), nn.ReLU(), nn.Linear(16, 3)", "(4, 8), nn.LeakyReLU(), nn.Linear(8, 3)"))
    status, text = run(capsys, path, "--steps", 4, "--scenario", "trap-adagrad")
    assert status == 1, text
    assert "scenario trap-adagrad in float64" in text


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import numpy\ndef candidate(:\n", "mine.py, line 2: does not import: SyntaxError"),
        (
            "\nimport no_such_thing\n",
            "mine.py, line 2: does not import: ModuleNotFoundError: No module named 'no_such_thing'",
        ),
        ("import sys\n\nsys.exit('enough')\n", "mine.py, line 3: does not import: it calls sys.exit(enough)"),
        ("candidat = 1\n", "mine.py: defines no function `candidate`"),
        ("\ndef candidate():\n    return [1]\n", "mine.py, line 2: candidate() returned a list: expected a dict"),
        ("def candidate():\n    pass\n", "mine.py, line 1: candidate() returned nothing"),
        ("def candidate():\n    return 1 / 0\n", "mine.py, line 2: candidate() does not finish: ZeroDivisionError"),
    ],
)
def test_a_file_that_gives_no_model(source: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = tmp_path / "mine.py"
    path.write_text(source)
    status, text = run(capsys, path)
    assert (status, text.count("\n")) == (2, 1)
    assert text.startswith(f"check.py: {said}")


def test_a_file_that_is_not_in_its_encoding_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = tmp_path / "mine.py"
    path.write_bytes(START.read_bytes() + "# café\n".encode("latin-1"))
    status, text = run(capsys, path)
    assert (status, text.count("\n")) == (2, 1)
    assert text.startswith("check.py: mine.py: cannot be read as utf-8: save it as UTF-8")


@pytest.mark.parametrize(
    ("line", "top", "said"),
    [
        (
            "raise KeyError('seven')",
            "",
            f"mine.py, line {LINE}: at step 7 of 50, in step (x (32, 4), y (32,)): KeyError: 'seven'",
        ),
        (
            "raise SystemExit(0)",
            "",
            f"mine.py, line {LINE}: at step 7 of 50, in step (x (32, 4), y (32,)): it calls sys.exit(0)",
        ),
        (
            "print('bye'); os._exit(5)",
            ", os",
            "its process ended at step 7 of 50, in step: it exited with status 5; the last line printed: bye",
        ),
        ("os.kill(os.getpid(), 11)", ", os", "its process ended at step 7 of 50, in step: killed by SIGSEGV"),
        ("time.sleep(60)", ", time", "no answer within 4 s (at step 7 of 50, in step): it hangs"),
        (
            "return x",
            "",
            "at step 7 of 50, in step (x (32, 4), y (32,)): train_step returned an array of shape (32, 4)",
        ),
    ],
)
def test_a_training_that_does_not_finish(
    line: str, top: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    start = time.monotonic()
    status, text = run(capsys, numpy_model(tmp_path, AT_7 + line, top), "--limit", 4)
    assert (status, text.count("\n")) == (3, 1)
    assert said in text
    assert time.monotonic() - start < 30


def test_nan_is_a_difference(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = numpy_model(tmp_path, AT_7 + "return float('nan')")
    status, text = run(capsys, path, "--steps", 8, "--json", tmp_path / "answer.json")
    assert status == 1
    assert "What differs first: loss at step 7 of 8" in text
    answer = json.loads((tmp_path / "answer.json").read_text(), parse_constant=lambda name: pytest.fail(name))
    assert answer["first"]["candidate"] == "nan"


def test_printing_reading_and_seeding_disturb_nothing(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = numpy_model(
        tmp_path, "        print('x' * 200_000); np.random.seed(0); np.seterr(all='raise'); sys.stdin.read()", ", sys"
    )
    status, text = run(capsys, path, "--steps", 8)
    assert status == 0, text
    assert "xxx" not in text


def test_a_global_dtype_is_left_out_and_said(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = tmp_path / "mine.py"
    start = (check.STARTS / "my_torch_model.py").read_text()
    path.write_text(
        start.replace("def candidate():\n", "def candidate():\n    torch.set_default_dtype(torch.float16)\n")
    )
    line = path.read_text().splitlines().index("    torch.set_default_dtype(torch.float16)") + 1
    status, text = run(capsys, path, "--steps", 4)
    assert status == 0, text
    assert f"mine.py, line {line}: torch.set_default_dtype(torch.float16) is left out" in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no FILE is given"),
        (["nowhere.py"], "nowhere.py does not exist"),
        ([START, "--scenario", "digts"], "unknown scenario 'digts'; the nearest is 'digits'"),
        ([START, "--scenario", "trap-adams"], "unknown scenario 'trap-adams'; the nearest is 'trap-adam'"),
        ([START, "--dtype", "float16"], "unknown dtype 'float16'"),
        ([START, "--steps", "0"], "--steps 0 must be 2 or more"),
        ([START, "--steps", "x"], "--steps: invalid whole number value"),
        ([START, "--limit", "0"], "--limit 0 must be above 0"),
        ([START, "--limit", "nan"], "--limit nan must be above 0"),
        ([START, "--limit", "inf"], "--limit inf must be above 0"),
        ([START, "--steps", "100000"], "--steps 100000 must be 2 or more, and at most"),
        ([START, "--json", check.ROOT], "since it is no file"),
        ([START, "--json", "/dev/stdout"], "since it is no file"),
        ([START, "--json", START], "is the file that is asked about"),
        ([START, "--scenario", "mnist"], "scenario mnist cannot be run: mnist: "),
        (["x" * 5000], "does not exist or is no file"),
        ([""], "found an empty one"),
        ([START, "--json", "/nowhere/a.json"], "--json /nowhere/a.json cannot be written"),
        (["--template", "pytorch"], "unknown template 'pytorch'; the nearest is 'torch'"),
        ([START, "--sceanrio", "x"], "unrecognized arguments"),
    ],
)
def test_bad_usage(arguments: list, said: str, capsys: pytest.CaptureFixture) -> None:
    status, text = run(capsys, *arguments)
    assert (status, text.count("\n")) == (2, 1)
    assert said in text
