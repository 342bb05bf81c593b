"""Load and generation that outages take away, and how much of it the criteria allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gridhub.analysis.flow.power_flow import LIMIT_TOLERANCE
from gridhub.case.case import Bools, Floats, Ints, Outage
from gridhub.case.positions import find_members, list_lost
from gridhub.criteria import Criteria
from gridhub.solvers.solution import Solution

LOSS_NAMES = ("load cut off", "load lost", "generation lost")
"""Elements of violations of kind lost_load: cut off behind other elements, lost itself, lost in all."""


@dataclass(frozen=True, slots=True, eq=False)
class Losses:
    """Power each outage takes away.

    Attributes
    ----------
    load_mw : (k,) float
        Load lost itself or cut off.
    generation_mw : (k,) float
        Generators and storage.
    consequential_mw : (k,) float
        Load cut off, without what is lost itself.
    """

    load_mw: Floats
    generation_mw: Floats
    consequential_mw: Floats


@dataclass(frozen=True, slots=True, eq=False)
class LossFindings:
    """Losses above what is allowed, in the order outage, name.

    Attributes
    ----------
    outage : (m,) int
    name : (m,) int
        Position in `LOSS_NAMES`.
    limit, value : (m,) float
        [MW].
    """

    outage: Ints
    name: Ints
    limit: Floats
    value: Floats


def count_losses(base: Solution, outages: Sequence[Outage], dead: tuple[Ints, Ints]) -> Losses:
    """Count the load and generation that outages take away.

    Parameters
    ----------
    base : Solution
        State before the outages: what is dead there is not lost again.
    outages : sequence of Outage
    dead : two (m,) int
        Outage, and bus that is dead after it and was not before.

    Returns
    -------
    Losses
    """
    case, count = base.case, len(outages)

    def find_served(bus: Ints, on: Bools) -> Bools:
        node = case.bus_node[bus]
        return np.asarray(on & np.where(node >= 0, base.islands.live[node], False))

    def find_keys(kind: str, bus: Ints) -> tuple[Ints, Ints]:
        # one number for each pair of outage and element, so that no element counts twice
        outage, element = list_lost(outages, kind)
        request, at_dead = find_members(bus, dead[1])
        itself = np.unique(outage * len(bus) + element)
        return itself, np.setdiff1d(dead[0][request] * len(bus) + at_dead, itself)

    def sum_mw(keys: Ints, power: Floats) -> Floats:
        outage, element = np.divmod(keys, max(1, len(power)))
        return np.asarray(np.bincount(outage, power[element], count) * case.base_mva, dtype=float)

    load = np.where(find_served(case.load_bus, case.load_on), case.load_p, 0.0)
    stored = np.where(find_served(case.storage_bus, case.storage_on), np.maximum(case.storage_p, 0.0), 0.0)
    load_itself, load_cut = find_keys("load", case.load_bus)
    units = np.concatenate(find_keys("generator", case.generator_bus))
    stores = np.concatenate(find_keys("storage", case.storage_bus))
    consequential = sum_mw(load_cut, load)
    return Losses(
        load_mw=consequential + sum_mw(load_itself, load),
        generation_mw=sum_mw(units, base.generator_p) + sum_mw(stores, stored),
        consequential_mw=consequential,
    )


def judge_losses(
    criteria: Criteria | None, kinds: Sequence[str], answered: Bools, losses: Losses
) -> LossFindings:
    """Compare lost load and generation with what the criteria allow.

    Parameters
    ----------
    criteria : Criteria or None
        None: no load may be cut off.
    kinds : (k,) sequence of str
        Kinds of the contingencies: what each may take away (`Criteria.loss_limits`).
    answered : (k,) bool
        Outages whose state is known; the others are not judged.
    losses : Losses
    """
    values = [losses.consequential_mw]
    limit = np.zeros((len(kinds), 1))
    if criteria is not None:
        known = {kind: number for number, kind in enumerate(dict.fromkeys(kinds))}
        number = np.fromiter(map(known.__getitem__, kinds), dtype=np.int64, count=len(kinds))
        limit = np.array([criteria.loss_limits(kind) for kind in known], dtype=float)[number]
        values += [losses.load_mw - losses.consequential_mw, losses.generation_mw]
    value = np.stack(values, axis=1)
    outage, name = np.nonzero((value > limit + LIMIT_TOLERANCE) & answered[:, None])
    return LossFindings(outage, name, limit[outage, name], value[outage, name])
