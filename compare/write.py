"""Write the shortest honest program for a network, shown equal to the reference before it is handed over.

    python compare/write.py                               # the networks it can start from, and the options
    python compare/write.py torch --scenario digits       # one program on standard output
    python compare/write.py --scenario wine --out wine/   # all of them, as files that run
    python compare/write.py keras --layers 30 16 1 --loss binary_cross_entropy --data my.csv --target y

Exit status: 0 written and shown, 1 it could not be shown, 2 bad usage or input.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __package__ in (None, ""):  # Run as a file.
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from compare.usage import Parser, UsageError
from impls.mlp_numpy import Config
from shared.names import unknown_name

if TYPE_CHECKING:
    from compare.programs.program import Program
    from compare.programs.proof import Proof, Watcher
    from compare.programs.spec import Spec

OWN = ("layer_sizes", "seed")  # fields of Config that have an option of another name here
BY_LAYER = ("activation", "dropout")  # those that may have a value for each hidden layer


def parser() -> argparse.ArgumentParser:
    """Every field of Config is an option."""
    found = Parser(prog="write.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("framework", nargs="*", help="numpy, torch, keras or jax; all of them with --out")
    found.add_argument("--equal", action="store_true", help="with the lines that make all give the same digits")
    found.add_argument("--scenario", metavar="NAME", help="the network of a scenario or a recipe to start from")
    found.add_argument("--recipe", metavar="NAME", help="the same")
    found.add_argument("--data", type=Path, metavar="FILE", help="your own CSV or Parquet file")
    found.add_argument("--target", metavar="COLUMN", help="the column of it to predict")
    found.add_argument("--task", help="regression, binary or multiclass, where it should not be inferred")
    found.add_argument("--impute", action="store_true", help="fill missing values")
    found.add_argument("--layers", type=int, nargs="+", metavar="N", help="inputs, hidden layers, outputs")
    found.add_argument("--initial", metavar="SCHEME", help="how NumPy draws the first weights")
    found.add_argument("--batch-size", type=int, metavar="N", help="samples in a step; 0 for all of them")
    found.add_argument("--epochs", type=int, metavar="N")
    found.add_argument("--seed", type=int, metavar="N")
    for each in fields(Config):
        if each.name not in OWN:
            name = "--" + each.name.replace("_", "-")
            help_ = "as in a template" + ("; one for each hidden layer, or for all" if each.name in BY_LAYER else "")
            found.add_argument(name, dest=f"option_{each.name}", metavar="VALUE", nargs="+", help=help_)
    found.add_argument("--out", type=Path, metavar="DIR", help="write files there")
    found.add_argument("--no-proof", action="store_true", help="write it without showing what it does")
    return found


def main(arguments: list[str] | None = None) -> int:
    """Write the programs; the exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        args = parser().parse_args(arguments)
        if not arguments:
            print(overview())
            return 0
        return write(args)
    except (UsageError, ValueError) as error:
        print(f"write.py: {error}", file=sys.stderr)
        return 2


def overview() -> str:
    """The networks to start from, and the options."""
    from shared.recipes import RECIPES
    from shared.scenarios import SCENARIOS

    networks = [f"  {name:22}{scenario.title}" for name, scenario in SCENARIOS.items()]
    networks += [f"  {name:22}{recipe.scenario.title}" for name, recipe in RECIPES.items() if name not in SCENARIOS]
    options = [
        f"  --{each.name.replace('_', '-'):20}{each.default!r}" for each in fields(Config) if each.name not in OWN
    ]
    return "\n".join(
        [
            "write.py numpy|torch|keras|jax --scenario NAME writes the program for one of these networks:",
            *networks,
            "or for your own: --data FILE --target COLUMN, --layers, --batch-size, --epochs, --seed, --initial and",
            *options,
        ]
    )


def write(args: argparse.Namespace) -> int:
    """Write and prove what the arguments ask for."""
    from compare.programs.program import FRAMEWORKS

    for name in args.framework:
        if name == "sklearn":
            raise UsageError("scikit-learn's MLPClassifier cannot express this network step by step; choose another")
        if name not in FRAMEWORKS:
            raise unknown_name("framework", name, FRAMEWORKS)
    frameworks = args.framework or list(FRAMEWORKS)
    if args.out is None and len(frameworks) > 1:
        raise UsageError("name one of " + ", ".join(FRAMEWORKS) + ", or --out DIR for files of several")
    spec = spec_of(args)
    spec.config  # noqa: B018  # Its check is wanted before anything is written.
    form = "equal" if args.equal else "native"
    faults = 0
    for framework in frameworks:
        program, proof = proven(framework, spec, form, args.no_proof)
        if args.out:
            path = args.out / file_name(framework, form)
            try:
                args.out.mkdir(parents=True, exist_ok=True)
                path.write_text(program.text, encoding="utf-8")
            except OSError as error:
                raise UsageError(f"{path} cannot be written ({error.strerror}): name a folder that can") from None
        else:
            print(program.text, end="")
        for line in proof.lines() if proof else ["Not proven, as asked."]:
            print(f"{framework}: {line}", file=sys.stderr)
        faults += bool(proof and proof.fault)
    return 1 if faults else 0


def file_name(framework: str, form: str) -> str:
    """xor/torch.py would hide the framework itself from the program."""
    return f"{framework}_{form}.py"


def proven(
    framework: str, spec: Spec, form: str, unproven: bool = False, by: Watcher | None = None
) -> tuple[Program, Proof | None]:
    """A program with its proof in its docstring."""
    from compare.programs.program import program
    from compare.programs.proof import prove, watcher

    plain = program(framework, spec, form)
    if unproven:
        return plain, None
    if by:
        proof = prove(plain, by.observe(plain))
    else:
        with watcher(framework) as found:
            proof = prove(plain, found.observe(plain))
    return program(framework, spec, form, proof.lines()), proof


def spec_of(args: argparse.Namespace) -> Spec:
    """The network that the arguments describe; UsageError or ValueError, in one line."""
    from compare.programs.spec import DRAWS, named, of_table

    name = args.scenario or args.recipe
    if args.data and name:
        raise UsageError("--data and --scenario exclude each other: your own data, or a scenario's")
    if bool(args.data) != bool(args.target):
        raise UsageError("--data FILE and --target COLUMN go together")
    if not args.data and not name:
        raise UsageError("name a network: --scenario NAME, or your own data with --data FILE --target COLUMN")
    if name and (args.task or args.impute):
        raise UsageError("--task and --impute go with --data FILE")
    spec = of_table(args.data, args.target, args.task, args.impute) if args.data else _named(name, named)
    options = {**spec.options, **given_options(args)}
    layers = spec.layer_sizes
    if args.layers:
        inputs, outputs = layers[0], len(spec.dataset.classes) if options["loss"] == "softmax_cross_entropy" else 1
        if args.layers[0] != inputs:
            raise UsageError(f"--layers begins with {args.layers[0]}, expected {inputs}, the columns of the data")
        if args.layers[-1] != outputs and spec.dataset.y_train.ndim == 1:
            raise UsageError(f"--layers ends with {args.layers[-1]}, expected {outputs} under {options['loss']}")
        layers = tuple(args.layers)
    elif options["loss"] != spec.options["loss"]:
        softmax = options["loss"] == "softmax_cross_entropy"
        layers = (*layers[:-1], max(len(spec.dataset.classes), 2) if softmax else 1)
    if args.initial and args.initial not in DRAWS:
        raise unknown_name("initial weights", args.initial, DRAWS)
    for option, least in (("batch_size", 0), ("epochs", 1), ("seed", 0)):
        value = getattr(args, option)
        if value is not None and value < least:
            raise UsageError(f"--{option.replace('_', '-')} {value} must be {least} or more")
    changed = replace(
        spec,
        layer_sizes=layers,
        options=options,
        draw=DRAWS[args.initial] if args.initial else spec.draw,
        batch_size=spec.batch_size if args.batch_size is None else args.batch_size or None,
        epochs=args.epochs or spec.epochs,
        seed=spec.seed if args.seed is None else args.seed,
    )
    check(changed)
    return changed


def _named(name: str, named: Any) -> Spec:
    from shared import recipes, scenarios

    if name not in recipes.RECIPES and name not in scenarios.SCENARIOS:
        raise unknown_name("network", name, [*scenarios.SCENARIOS, *recipes.RECIPES])
    return named(name)


def given_options(args: argparse.Namespace) -> dict[str, Any]:
    """The fields of Config that were given, as Python values."""
    found: dict[str, Any] = {}
    for each in fields(Config):
        said = getattr(args, f"option_{each.name}", None)
        if said is None:
            continue
        values = [_value(word) for word in said]
        if each.name == "class_weights" or (each.name in BY_LAYER and len(values) > 1):
            found[each.name] = tuple(values)
        elif len(values) > 1:
            raise UsageError(f"--{each.name.replace('_', '-')} takes one value, found {len(values)}")
        else:
            found[each.name] = values[0]
    return found


def _value(word: str) -> Any:
    try:
        return ast.literal_eval(word.capitalize() if word in ("true", "false", "none") else word)
    except (SyntaxError, ValueError):
        return word


def check(spec: Spec) -> None:
    """UsageError where the network and its data do not go together."""
    c, task = spec.config, spec.dataset.task
    if task == "regression" and c.loss not in ("mse", "mae", "huber"):
        raise UsageError(f"the target is a number, for which {c.loss} is no loss: choose mse, mae or huber")
    if task == "multiclass" and spec.dataset.y_train.ndim == 1 and c.loss != "softmax_cross_entropy":
        raise UsageError(f"the target has several classes, for which {c.loss} is no loss: choose softmax_cross_entropy")
    size = spec.batch_size or spec.samples
    if c.batch_norm and (min(size, spec.samples) == 1 or spec.samples % size == 1):
        raise UsageError("batch_norm cannot normalise a batch of one: change --batch-size")


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        sys.exit(main())
