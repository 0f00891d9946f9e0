"""Kinds of bad usage and input: command lines, what they say, and the exit status that is documented for them.

`prepare` writes the files that they name into a folder in which they are run.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = {
    "run_all": ["compare/run_all.py"],
    "check": ["compare/check.py"],
    "report": ["-m", "compare.report"],
    "traps": ["-m", "compare.traps"],
    "idx": ["-m", "shared.idx"],
}


@dataclass(frozen=True)
class Kind:
    """One kind of bad usage."""

    command: str  # of COMMANDS
    arguments: tuple[str, ...]
    status: int = 2
    environment: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return " ".join(
            [self.command, *(a if a.isprintable() and len(a) < 60 else repr(a[:30]) for a in self.arguments)]
        )


def kinds() -> Iterator[Kind]:
    """All of them."""
    yield from (Kind("run_all", tuple(words.split())) for words in _RUN_ALL.strip().splitlines())
    yield from (Kind("run_all", words) for words in _RUN_ALL_EXACTLY)
    yield Kind("run_all", (), environment=(("KERAS_BACKEND", "theano"),))
    yield Kind("run_all", ("--scenario", "mnist"), environment=(("MLP_ROSETTA_DATA", "torn"),))
    yield from (Kind("run_all", ("--baseline", f"{name}/results.json", "--only", "speed")) for name in BASELINES)
    yield from (Kind("report", (name,)) for name in BASELINES if name not in _SHOWN)
    yield from (Kind("run_all", ("--data", name, "--target", "y")) for name in TABLES)
    yield from (Kind("check", tuple(words.split())) for words in _CHECK.strip().splitlines())
    yield from (Kind("check", words) for words in _CHECK_EXACTLY)
    yield from (
        Kind("check", (name, "--limit", "6", "--steps", "6"), status) for name, (_, status) in CANDIDATES.items()
    )
    yield from (Kind("report", words) for words in ((), ("nowhere",), ("a-file",), ("a-folder",), ("",), ("x" * 300,)))
    yield from (Kind("report", words) for words in (("whole", "twice"), ("--colour", "whole")))
    yield from (Kind("traps", words) for words in ((), ("nowhere/traps.md",), ("a-folder",), ("one", "two")))
    yield from (Kind("idx", words) for words in ((), ("mnits",), ("--force", "mnist"), ("",)))


_RUN_ALL = """
--colour
--scenario
--scenario digit
--scenario xor digit
--scenario XOR
--scenario mnist
--recipe
--recipe xor
--recipe xor-he-bce no-such
--impl numpy
--impl numpy numpy
--impl numpy tourch
--impl tensorflow torch
--dtype float16
--dtype 64
--dtype float32 --only speed
--dtype float32 --recipe xor-he-bce
--dtype float64 --self-test 3
--limit 0
--limit -1
--limit soon
--limit nan
--limit inf
--limit -inf
--limit 1e400
--limit 1e9
--limit 1_0
--limit ١٢
--threads 0 --only speed
--threads -1 --only speed
--threads 1.5 --only speed
--threads ١ --only speed
--threads ² --only speed
--threads 1_0 --only speed
--threads 99999999999999999999 --only speed
--threads two --only speed
--threads --only speed
--threads 1 --scenario xor
--threads 1 --only relay
--speed-sizes digit --only speed
--speed-sizes tiny --only recipes
--speed-sizes tiny --recipe xor-he-bce
--speed-full --scenario xor
--speed-full --quick
--speed-full --self-test
--baseline nowhere/results.json
--baseline a-file
--baseline a-folder
--baseline whole
--baseline whole/results.json --scenario xor
--self-test -1
--self-test many
--self-test 1.5
--self-test 1000000000000000000000000000000
--self-test ٣
--self-test 3 --only ledger
--self-test 3 --scenario xor
--self-test --quick
--only
--only speeed
--only ledger nothing
--only self-test
--only recipes --scenario xor
--only speed --scenario xor
--only ledger --recipe xor-he-bce
--only relay --full
--only relay --quick
--only speed --data table.csv --target y
--quick --full
--quick --scenario xor
--full --recipe xor-he-bce
--scenario xor --recipe xor-he-bce
--data table.csv
--data table.csv --target z
--data table.csv --target y --task ranking
--data table.csv --target y --quick
--data nowhere.csv --target y
--data a-folder --target y
--target y
--task binary
--impute
--target y --scenario xor
--out a-file
--out a-file/inside
--out /proc/no/such
--out foreign --scenario xor
--out foreign-results --scenario xor
--out index-folder --scenario xor
--out loop --scenario xor
--list now
"""
_RUN_ALL_EXACTLY: list[tuple[str, ...]] = [
    ("--out", ""),
    ("--out", " "),
    ("--out", "x" * 300, "--scenario", "xor"),
    ("--scenario", ""),
    ("--scenario", "xor\nxor"),
    ("--scenario", "x" * 5000),
    ("--scenario", "\udce9"),
    ("--scenario", "☃"),
    ("--impl", ""),
    ("--impl", "numpy", ""),
    ("--dtype", ""),
    ("--only", ""),
    ("--limit", ""),
    ("--limit", " "),
    ("--threads", "", "--only", "speed"),
    ("--speed-sizes", "", "--only", "speed"),
    ("--baseline", "", "--only", "speed"),
    ("--data", "", "--target", "y"),
    ("--data", "x" * 300, "--target", "y"),
    ("--data", "table.csv", "--target", ""),
    ("--recipe", ""),
    ("two\nlines",),
]
_CHECK = """
nowhere.py
a-folder
/dev/null
table.csv
fine.py fine.py
fine.py --colour
fine.py --scenario digts
fine.py --scenario mnist
fine.py --scenario xor
fine.py --dtype float16
fine.py --steps 0
fine.py --steps 1
fine.py --steps -3
fine.py --steps x
fine.py --steps 1.5
fine.py --steps ٣
fine.py --steps 99999999999999999999999
fine.py --limit 0
fine.py --limit nan
fine.py --limit inf
fine.py --limit 1e400
fine.py --limit soon
fine.py --json a-folder
fine.py --json nowhere/a.json
fine.py --json fine.py
fine.py --json /dev/full
fine.py --json a-file/a.json
--template
--template pytorch
--template numpy torch
"""
_CHECK_EXACTLY: list[tuple[str, ...]] = [
    (),
    ("",),
    ("x" * 300,),
    ("fine.py", "--scenario", ""),
    ("fine.py", "--json", ""),
]
_CHECK_EXACTLY += [("fine.py", "--limit", ""), ("fine.py", "--template", "")]

# Candidates -----------------------------------------------------------------------------------------------------------
START = ROOT / "compare" / "candidates" / "starts" / "my_numpy_model.py"
STEP = "        (W1, b1), (W2, b2) = self.layers\n        a = np.tanh"
_DAEMON = """
import subprocess, sys
subprocess.Popen([sys.executable, "-c", '''
import os, time
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
time.sleep(600)
'''], close_fds=False).wait()
"""
# Name: what stands at the top of a file that is right otherwise, or in its training step; and the exit status.
_TOPS = {
    "closes-descriptors": ("import os; os.closerange(3, 5000)", 3),
    "exits": ("import os; os._exit(0)", 3),
    "exits-1": ("import os; os._exit(1)", 3),
    "leaves": ("import sys; sys.exit()", 2),
    "raises": ("1 / 0", 2),
    "raises-base": ("raise BaseException('enough')", 2),
    "interrupts": ("raise KeyboardInterrupt", 2),
    "recurses": ("def f(): f()\nf()", 2),
    "no-syntax": ("def candidate(:", 2),
    "indented": ("  x = 1\n x = 2", 2),
    "imports-nothing": ("import a_module_that_is_not_there", 2),
    "dies": ("import os; os.kill(os.getpid(), 9)", 3),
    "faults": ("import os; os.kill(os.getpid(), 11)", 3),
    "ends-its-supervisor": ("import os; os.kill(os.getppid(), 9)", 3),
    "ends-its-group": ("import os; os.killpg(0, 15)", 3),
    "sleeps": ("import time; time.sleep(600)", 3),
    "computes": ("while True: pass", 3),
    "waits-for-a-thread": ("import threading; threading.Event().wait()", 3),
    "unprintable-error": ("class E(Exception):\n    def __str__(self): return 1\nraise E", 2),
    "long-error": ("raise ValueError('x' * 100_000)", 2),
    "many-lines": ("raise ValueError('x\\n' * 100)", 2),
    "nul": ("x = '\0'", 2),
}
_STEPS = {
    "step-raises": ("raise KeyError('seven')", 3),
    "step-exits": ("import os; os._exit(5)", 3),
    "step-leaves": ("raise SystemExit(0)", 3),
    "step-sleeps": ("import time; time.sleep(600)", 3),
    "step-memory": ("raise MemoryError", 3),
    "step-returns-text": ("return 'loss'", 3),
    "step-returns-array": ("return x", 3),
    "step-no-savez": ("np.savez = np.save = lambda *a, **k: None; np.load = None; np.array = None", 3),
    "step-closes-descriptors": ("import os; os.closerange(3, 5000)", 3),
}
_WHOLE = {
    "empty": ("", 2),
    "no-candidate": ("x = 1\n", 2),
    "candidate-is-a-number": ("candidate = 3\n", 2),
    "returns-nothing": ("def candidate(): pass\n", 2),
    "returns-itself": ("def candidate(): return candidate\n", 2),
    "asks-for-one": ("def candidate(config): return 1\n", 2),
    "asks-for-four": ("def candidate(a, b, c, d): return 1\n", 2),
    "generates": ("def candidate(): yield 1\n", 2),
    "waits": ("async def candidate(): return 1\n", 2),
    "an-empty-dict": ("import torch\ndef candidate(): return {}\n", 2),
    "a-module-alone": ("import torch\ndef candidate(): return torch.nn.Linear(2, 2)\n", 2),
}
# Files that disturb and are equal all the same.
HARMLESS = {
    "writes-to-descriptors": (
        "import os\nfor fd in range(3, 2000):\n    try: os.write(fd, b'garbage\\n{}')\n    except OSError: pass"
    ),
    "forks": "import os; os.fork()",
    "replaces-json": "import json; json.dumps = json.loads = json.JSONEncoder = None",
    "replaces-savez": "np.savez = np.savez_compressed = None",
    "replaces-os": "import os; os._exit = os.write = os.getpid = os.close = None",
    "no-output": "import sys; sys.stdout = sys.stderr = sys.__stdout__ = None",
    "reads": "import sys; sys.stdin.read()",
    "prints": "print('x' * 1_000_000)",
    "a-daemon": _DAEMON,
    "a-child": "import subprocess; subprocess.Popen(['sleep', '600'])",
    "a-thread": "import threading, time; threading.Thread(target=time.sleep, args=(600,)).start()",
    "at-exit": "import atexit, time; atexit.register(time.sleep, 600)",
    "moves": "import os; os.chdir('/')",
    "ignores-signals": "import signal\nfor n in (1, 2, 15): signal.signal(n, signal.SIG_IGN)",
    "a-session": "import os\ntry: os.setsid()\nexcept OSError: pass",
    "asks-nobody": "import warnings, random; warnings.simplefilter('error'); random.seed(1)",
}
CANDIDATES: dict[str, tuple[str, int]] = {
    **{f"{name}.py": value for name, value in {**_TOPS, **_STEPS, **_WHOLE}.items()},
    "latin.py": ("\udce9", 2),
    "latin-said.py": ("", 2),
}


def _candidate(name: str) -> bytes:
    stem, source = name.removesuffix(".py"), START.read_text(encoding="utf-8")
    if stem in _WHOLE:
        return _WHOLE[stem][0].encode()
    if stem == "latin":
        return source.encode() + "\n# caf\xe9\n".encode("latin-1")
    if stem == "latin-said":
        return b"# -*- coding: no-such-coding -*-\n" + source.encode()
    if stem in _STEPS:
        at_4 = "        self.count = getattr(self, 'count', 0) + 1\n        if self.count == 4:\n            "
        return source.replace(STEP, at_4 + _STEPS[stem][0] + "\n" + STEP).encode()
    top = HARMLESS[stem] if stem in HARMLESS else _TOPS[stem][0]
    return source.replace("import numpy as np\n", f"import numpy as np\n{top}\n").encode()


# Earlier runs' results, damaged ---------------------------------------------------------------------------------------
def _with(**changes: Any) -> Any:
    return lambda summary: summary | changes


def _deep(levels: int) -> str:
    return "[" * levels + "]" * levels


BASELINES: dict[str, Any] = {
    "no-json": "{",
    "empty-json": "",
    "binary": "\0\1\2",
    "a-list": "[1, 2]",
    "a-number": "3",
    "null": "null",
    "deep": _deep(100_000),
    "deep-inside": '{"format": "mlp-rosetta results 1", "verdict": ' + _deep(50_000) + "}",
    "other-format": _with(format="other 9"),
    "format-list": _with(format=["mlp-rosetta results 1"]),
    "format-null": _with(format=None),
    **{f"no-{key}": (lambda summary, key=key: {k: v for k, v in summary.items() if k != key})
       for key in ("verdict", "run", "environment", "gates", "implementations", "scenarios", "divergences")},
    **{f"{key}-{word}": _with(**{key: value})
       for key in ("verdict", "run", "environment", "implementations", "scenarios", "divergences")
       for word, value in (("null", None), ("number", 5), ("text", "x"))},
    "environment-list": _with(environment=[["packages", 1]]),
    "packages-list": _with(environment={"packages": ["numpy"]}),
    "packages-numbers": _with(environment={"packages": {"numpy": 2}}),
    "packages-null": _with(environment={"packages": None}),
    "implementations-numbers": _with(implementations=[1, 2]),
    "implementations-object": _with(implementations={"name": "numpy"}),
    "name-list": _with(implementations=[{"name": ["numpy"], "status": "ok", "seconds": 1}]),
    "seconds-text": _with(implementations=[{"name": "numpy", "status": "ok", "seconds": "long"}]),
    "scenarios-nested": _with(scenarios=[[]]),
    "verdict-status": _with(verdict={"status": [], "exit_code": 0, "sentence": ""}),
    "run-seconds": _with(run={"started": 1, "seconds": "x", "command": [], "selection": {}}),
    "divergence-list": _with(divergences=[[1]]),
    "no-timings": _with(),
    "speed-folder": _with(),
    "speed-binary": _with(),
    "speed-no-column": _with(),
    "speed-text": _with(),
    "speed-empty-cells": _with(),
    "speed-infinite": _with(),
    "speed-no-rows": _with(),
    "speed-ragged": _with(),
}  # fmt: skip
_SHOWN = (
    "no-timings",
    "speed-no-rows",
    "speed-empty-cells",
    "speed-infinite",
    "speed-ragged",
)  # A page needs no timings.


def _damage_speed(folder: Path) -> None:
    speed, name = folder / "data" / "speed.csv", folder.name
    lines = speed.read_text(encoding="utf-8").splitlines()
    if name == "no-timings":
        speed.unlink()
    elif name == "speed-folder":
        speed.unlink()
        speed.mkdir()
    elif name == "speed-binary":
        speed.write_bytes(b"\xff\xfe\0" * 100)
    elif name == "speed-no-column":
        speed.write_text("\n".join(line.partition(",")[2] for line in lines))
    elif name == "speed-no-rows":
        speed.write_text(lines[0] + "\n")
    elif name in ("speed-text", "speed-empty-cells", "speed-infinite"):
        word = {"speed-text": "fast", "speed-empty-cells": "", "speed-infinite": "inf"}[name]
        place = lines[0].split(",").index("batch_size")
        cells = [line.split(",") for line in lines]
        for row in cells[1:]:
            row[place] = word
        speed.write_text("\n".join(",".join(row) for row in cells))
    elif name == "speed-ragged":
        speed.write_text("\n".join([lines[0], *(line + ",1,2,3" for line in lines[1:])]))


# Tables ---------------------------------------------------------------------------------------------------------------
_ROWS = "\n".join(f"{i % 7},{(i * i) % 11},{i % 2}" for i in range(40))
TABLES: dict[str, bytes] = {
    "empty.csv": b"",
    "header.csv": b"a,b,y\n",
    "one-row.csv": b"a,b,y\n1,2,0\n",
    "binary.csv": bytes(range(256)) * 20,
    "ragged.csv": b"a,b,y\n1,2,0\n1,2,3,4,5\n",
    "no-target.csv": f"a,b,z\n{_ROWS}\n".encode(),
    "only-target.csv": ("y\n" + "0\n1\n" * 20).encode(),
    "one-class.csv": ("a,b,y\n" + "1,2,0\n" * 40).encode(),
    "target-missing.csv": ("a,b,y\n" + "1,2,\n" * 40).encode(),
    "holes.csv": ("a,b,y\n" + "1,,0\n2,1,1\n" * 20).encode(),
    "infinite.csv": ("a,b,y\n" + "inf,1,0\n2,1,1\n" * 20).encode(),
    "no-suffix": f"a,b,y\n{_ROWS}\n".encode(),
    "text.txt": f"a,b,y\n{_ROWS}\n".encode(),
    "not.parquet": b"PAR1 not really PAR1",
    "empty.parquet": b"",
}


def prepare(folder: Path) -> None:
    """Write all files that the kinds name."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "a-file").write_text("mine")
    (folder / "a-folder").mkdir()
    (folder / "table.csv").write_text(f"a,b,y\n{_ROWS}\n")
    (folder / "fine.py").write_bytes(START.read_bytes())
    for name in (*CANDIDATES, *(f"{stem}.py" for stem in HARMLESS)):
        (folder / name).write_bytes(_candidate(name))
    for name, content in TABLES.items():
        (folder / name).write_bytes(content)
    for name, page in (("foreign", "index.html"), ("foreign-results", "results.json")):
        (folder / name).mkdir()
        (folder / name / page).write_text("mine")
    (folder / "index-folder" / "index.html").mkdir(parents=True)
    os.symlink("loop", folder / "loop")
    (folder / "torn" / "mnist").mkdir(parents=True)
    for file in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (folder / "torn" / "mnist" / f"{file}-ubyte").write_bytes(b"\0\0\x08\x03\0\0")
    example = ROOT / "reports" / "example"
    summary = json.loads((example / "results.json").read_text(encoding="utf-8"))
    shutil.copytree(example / "data", folder / "whole" / "data")
    (folder / "whole" / "results.json").write_text(json.dumps(summary))
    for name, change in BASELINES.items():
        (folder / name / "data").mkdir(parents=True)
        for table in ("speed.csv", "speed_ratios.csv"):
            shutil.copy(example / "data" / table, folder / name / "data" / table)
        text = change if isinstance(change, str) else json.dumps(change(dict(summary)))
        (folder / name / "results.json").write_text(text)
        _damage_speed(folder / name)
