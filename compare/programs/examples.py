"""The committed programs: `python -m compare.programs.examples` writes them anew, each with its proof."""

from __future__ import annotations

from pathlib import Path

from compare.programs.program import FORMS, FRAMEWORKS
from compare.programs.proof import watcher
from compare.programs.spec import named
from compare.write import file_name, proven

FOLDER = Path(__file__).resolve().parents[2] / "impls" / "programs"
NETWORKS = ("xor", "digits", "breast-cancer", "diabetes")


def path_of(network: str, framework: str, form: str) -> Path:
    return FOLDER / network / file_name(framework, form)


def write_all() -> None:
    """Write every committed program; SystemExit where one cannot be shown."""
    for framework in FRAMEWORKS:
        with watcher(framework) as by:
            for network in NETWORKS:
                for form in FORMS:
                    program, proof = proven(framework, named(network), form, by=by)
                    assert proof
                    if proof.fault:
                        raise SystemExit(f"{framework}, {network}, {form}: {proof.fault}")
                    path = path_of(network, framework, form)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(program.text, encoding="utf-8")


if __name__ == "__main__":
    write_all()
