"""What a run of the benchmark was asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.bench.roofline import Machine
from tests.bench.timing import Table

OUT = Path(__file__).with_name("out")
"""Where results are written; not committed."""


@dataclass(frozen=True)
class Settings:
    """Settings of one run.

    Attributes
    ----------
    machine : Machine
        Peaks, measured at its start.
    quick : bool
        Small grids and few turns: shows in about a minute that everything works; its ratios say little.
    turns : int
        Counted calls of each contestant.
    pypsa_python, pgm_python : str
        Interpreters of the environments of PyPSA and power-grid-model; "" leaves them out.
    """

    machine: Machine
    quick: bool
    turns: int
    pypsa_python: str = ""
    pgm_python: str = ""


@dataclass(frozen=True)
class Row:
    """One row: its title, which ``--only`` looks into, and what makes its table."""

    title: str
    run: Callable[[Settings], Table]
