"""What check.py does with two scripts."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from compare.candidates.process import Stopped
from compare.pairs.hold import hold
from compare.pairs.page import page
from compare.pairs.text import told


def run(args: argparse.Namespace) -> int:
    """Hold args.port against args.file, say what differs, and give the exit status."""
    try:
        verdict = hold(args.file, args.port, args.steps, args.limit, accept=args.accept, given=args.given)
    except Stopped as error:
        print(f"check.py: {error}", file=sys.stderr)
        if args.json:
            _write(args.json, {"verdict": "no answer", "exit": error.status, "error": str(error)})
        return error.status
    text = told(verdict)
    print(text)
    answer = verdict.as_json()
    if args.html:
        _whole(args.html, page(verdict, args.file, args.port))
    if args.json:
        _write(args.json, answer | {"text": text})
    return int(answer["exit"])


def _write(path: Path, answer: dict) -> None:
    _whole(path, json.dumps(answer, indent=1, default=str))


def _whole(path: Path, text: str) -> None:
    """Whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
