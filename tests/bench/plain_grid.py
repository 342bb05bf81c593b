"""A solved case as plain arrays, one model for every peer: same branches, set-points and reference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridhub.case.case import Complexes, Floats, Ints
from gridhub.case.matrices import compute_shunts
from gridhub.solvers.solution import Solution


@dataclass(frozen=True, eq=False)
class PlainGrid:
    """The largest island of a solved case; what stands outside it (the far ends of HVDC links) is left out.

    Attributes
    ----------
    base_mva : float
    node : (n,) int
        Node of the case behind each position here.
    reference : int
        Position of the reference.
    vm, va : (n,) float
        Solved state [p.u., rad].
    shunt : (n,) complex
        Shunt admittance [p.u.].
    branch : (m,) int
        Branch of the case behind each branch here; all are in service.
    end : (2, m) int
        Positions of the from and to ends.
    series, charging : (m,), (2, m) complex
        Series impedance; charging admittance at the two ends, behind the ratio [p.u.].
    tap, shift : (m,) float
        [1, rad].
    unit, unit_at, unit_p : (u,) int, int, float
        Generator of the case, position, scheduled power [MW]; these hold ``vm`` at their node.
    load_at, load_p, load_q : (d,) int, float, float
        Everything else that injects power: loads, storage, units without voltage control, ends of HVDC
        links; consumption positive [MW, Mvar]. The loads of the case come first, then storage, then units.
    load, storage, passive_unit : int
        Load, storage and generator of the case behind each of the first ones.
    """

    base_mva: float
    node: Ints
    reference: int
    vm: Floats
    va: Floats
    shunt: Complexes
    branch: Ints
    end: Ints
    series: Complexes
    charging: Complexes
    tap: Floats
    shift: Floats
    unit: Ints
    unit_at: Ints
    unit_p: Floats
    load_at: Ints
    load_p: Floats
    load_q: Floats
    load: Ints
    storage: Ints
    passive_unit: Ints


def lay_out(solution: Solution) -> PlainGrid:
    """Lay out the largest island of a solved case for the peers."""
    case, base = solution.case, solution.case.base_mva
    node = np.flatnonzero((solution.islands.island == 0) & solution.islands.live)
    place = np.full(case.n_node + 1, -1)
    place[node] = np.arange(len(node))

    def at_bus(bus: Ints) -> Ints:
        return place[np.where(case.bus_node[bus] >= 0, case.bus_node[bus], case.n_node)]

    branch = np.flatnonzero(case.branch_on)
    end = place[np.stack([case.branch_from[branch], case.branch_to[branch]])]
    inside = (end >= 0).all(axis=0)
    branch, end = branch[inside], end[:, inside]
    series = case.r[branch] + 1j * case.x[branch]
    tap = case.tap[branch]
    charging = np.stack([case.y_ff[branch] * tap**2, case.y_tt[branch]]) - 1 / series
    same = np.abs(charging[0] - charging[1]) < 1e-9 * np.maximum(1.0, np.abs(1 / series))
    charging[0, same] = charging[1, same]  # what is left of the subtraction is rounding
    holds = case.generator_on & case.generator_regulating
    unit = np.flatnonzero(holds & (at_bus(case.generator_bus) >= 0))
    parts = [
        (case.load_bus, case.load_p + 1j * case.load_q, case.load_on),
        (case.storage_bus, -(case.storage_p + 1j * case.storage_q), case.storage_on),
        (case.generator_bus, -(case.generator_p + 1j * case.generator_q), case.generator_on & ~holds),
        (case.hvdc_from_bus, case.hvdc_p - 1j * case.hvdc_q[0], case.hvdc_on),
        (case.hvdc_to_bus, -case.hvdc_p_to() - 1j * case.hvdc_q[1], case.hvdc_on),
    ]
    if (case.hvdc_regulating & case.hvdc_on).any():
        raise RuntimeError("an HVDC link holds a voltage: no plain load can stand for it")
    positions = [np.flatnonzero(on & (at_bus(bus) >= 0)) for bus, _, on in parts]
    load_at = np.concatenate([at_bus(bus)[p] for (bus, _, _), p in zip(parts, positions, strict=True)])
    power = np.concatenate([s[p] for (_, s, _), p in zip(parts, positions, strict=True)]) * base
    return PlainGrid(
        base_mva=base,
        node=node,
        reference=int(place[solution.islands.reference[0]]),
        vm=solution.vm[node],
        va=solution.va[node],
        shunt=compute_shunts(case)[node],
        branch=branch,
        end=end,
        series=series,
        charging=charging,
        tap=tap,
        shift=case.shift[branch],
        unit=unit,
        unit_at=at_bus(case.generator_bus)[unit],
        unit_p=case.generator_p[unit] * base,
        load_at=load_at,
        load_p=power.real,
        load_q=power.imag,
        load=positions[0],
        storage=positions[1],
        passive_unit=positions[2],
    )


def make_matpower(plain: PlainGrid, kv: float = 100.0) -> dict[str, object]:
    """Write the grid as MATPOWER's matrices, every node at one nominal voltage.

    Notes
    -----
    MATPOWER has one charging susceptance per branch: what is uneven or conductive goes to the node as a
    shunt, exactly for the intact grid, but it stays when the branch trips; `count_uneven` counts
    such branches.
    """
    n, m, base = len(plain.node), len(plain.branch), plain.base_mva
    even = plain.charging.imag.min(axis=0)
    shunt = plain.shunt.copy()
    scale = np.stack([1 / plain.tap**2, np.ones(m)])
    np.add.at(shunt, plain.end, (plain.charging - 1j * even) * scale)
    bus = np.zeros((n, 13))
    bus[:, 0], bus[:, 1] = np.arange(1, n + 1), 1
    np.add.at(bus[:, 2], plain.load_at, plain.load_p)
    np.add.at(bus[:, 3], plain.load_at, plain.load_q)
    bus[plain.unit_at, 1], bus[plain.reference, 1] = 2, 3
    bus[:, 4], bus[:, 5] = shunt.real * base, shunt.imag * base
    bus[:, 6], bus[:, 7], bus[:, 8] = 1, plain.vm, np.degrees(plain.va)
    bus[:, 9], bus[:, 10], bus[:, 11], bus[:, 12] = kv, 1, 2.0, 0.1
    gen = np.zeros((len(plain.unit), 21))
    gen[:, 0], gen[:, 1] = plain.unit_at + 1, plain.unit_p
    gen[:, 3], gen[:, 4] = 1e5, -1e5
    gen[:, 5], gen[:, 6], gen[:, 7] = plain.vm[plain.unit_at], base, 1
    gen[:, 8], gen[:, 9] = np.maximum(plain.unit_p, 0) * 2 + 1e4, np.minimum(plain.unit_p, 0) * 2 - 1e4
    branch = np.zeros((m, 13))
    branch[:, 0:2] = plain.end.T + 1
    branch[:, 2], branch[:, 3], branch[:, 4] = plain.series.real, plain.series.imag, 2 * even
    plain_line = (plain.tap == 1) & (plain.shift == 0)
    branch[:, 8] = np.where(plain_line, 0.0, plain.tap)
    branch[:, 9] = np.degrees(plain.shift)
    branch[:, 10], branch[:, 11], branch[:, 12] = 1, -360, 360
    return {"version": "2", "baseMVA": base, "bus": bus, "gen": gen, "branch": branch}


def count_uneven(plain: PlainGrid) -> int:
    """Branches whose charging MATPOWER cannot hold: conductive, or different at the two ends."""
    uneven = np.abs(plain.charging[0] - plain.charging[1]) > 1e-12
    return int((uneven | (np.abs(plain.charging.real) > 1e-12).any(axis=0)).sum())
