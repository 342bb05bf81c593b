"""Compiled cases and injection sets for the tests of batches."""

from __future__ import annotations

from functools import cache

import numpy as np

import gridhub as gh
from gridhub.case.case import Case
from gridhub.case.compile import compile_case
from gridhub.model.network import Network
from gridhub.solvers.islands import choose_references
from gridhub.solvers.scenario import Injections


def compile_network(net: Network) -> Case:
    """First state of a network, its references chosen."""
    return choose_references(compile_case(net, None))[0]


@cache
def load_case(name: str) -> Case:
    """A network by name, compiled once."""
    return compile_network(gh.load_network(name))


def make_hours(case: Case, count: int, seed: int = 0, turn: bool = True) -> Injections:
    """Sets of loads, schedules and HVDC set-points around the case's own; half of the links turned around."""
    rng = np.random.default_rng(seed)

    def around(values: np.ndarray, low: float, high: float) -> np.ndarray:
        return values * rng.uniform(low, high, (count, 1)) * rng.uniform(0.9, 1.1, (count, len(values)))

    turned = rng.choice([-1.0 if turn else 1.0, 1.0], (count, len(case.hvdc_p)))
    return Injections(
        load_p=around(case.load_p, 0.6, 1.0),
        generator_p=around(case.generator_p, 0.6, 1.0),
        storage_p=around(case.storage_p, 0.5, 1.0),
        hvdc_p=turned * around(case.hvdc_p, 0.2, 0.9),
    )
