"""A peer in an environment of its own: a process that keeps its model and works once per line it is sent."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.timing import Measured


class Session:
    """A running script and its last answer.

    Parameters
    ----------
    python : str
        Interpreter of the peer's environment.
    script : str
        File beside this module; it reads a .npz file and answers each line with a line of JSON that holds
        its own ``seconds``.
    arrays : mapping
        What the .npz file holds.
    arguments : sequence of str
    """

    def __init__(self, python: str, script: str, arrays: dict[str, Any], *arguments: str) -> None:
        with tempfile.NamedTemporaryFile(suffix=".npz", delete=False) as handle:
            np.savez(handle, **arrays)
        self.file = Path(handle.name)
        self.process = subprocess.Popen(
            [python, str(Path(__file__).with_name(script)), str(self.file), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.answer: dict[str, Any] = {}

    def work(self) -> Measured:
        """Let it work once; the seconds are those it measured inside."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args[1]} stopped with {self.process.wait()}")  # type: ignore[index]
        self.answer = json.loads(line)
        return Measured(self.answer["seconds"])

    def stop(self) -> None:
        """End the process and remove its input."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()
        self.file.unlink()
