"""What the kernels of a batch are given: the state before, the scenarios, and what is watched.

Nodes are in elimination order. *Reach* is the offset of a node's lanes in an array of two numbers per node
and lane: 2 * width * node.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gridhub.kernels.elimination import Ints
from gridhub.kernels.factor import Flags, Floats

Shorts = NDArray[np.int32]
Singles = NDArray[np.float32]

DEAD, FREE, HELD = range(3)
"""Kinds of nodes: without reference, voltage unknown, voltage held."""

NOT_REGULATED = 2
"""State of a node that has lost its last regulating unit; 0: held, 1 and -1: at its upper, lower limit."""


class Grid(NamedTuple):
    """Admittances.

    Attributes
    ----------
    y_start, y_reach, y_off : (n + 1,), (k,), (2 k,)
        Admittance off the diagonal by rows: where rows begin, reach of the column, real and imaginary part.
    y_own : (2 n,) float
        Its diagonal.
    shunt_g : (n,) float
        What shunts contribute to its conductance [p.u.].
    branch_from, branch_to, branch_y : (n_branch,), (n_branch,), (8 n_branch,)
        Ends; real and imaginary parts of y_ff, y_ft, y_tf, y_tt.
    """

    y_start: Shorts
    y_reach: Shorts
    y_off: Floats
    y_own: Floats
    shunt_g: Floats
    branch_from: Ints
    branch_to: Ints
    branch_y: Floats


class Factor(NamedTuple):
    """Factor of the base's Jacobian; rows of held voltages are stiff.

    Attributes
    ----------
    start, diagonal, column, mirror, parent : int
        See `gridhub.kernels.elimination.Elimination`.
    reach : (m,) int32
        Reach of the column of each place.
    blocks, border : (4 m,), (2 n,) float
        Blocks and column of the imbalance, see `gridhub.kernels.factor.factorize`.
    blocks32, border32 : float32
        The same in single precision, negated but for the pivots.
    bordered : bool
        Whether units away from the reference share the imbalance, so that the border has entries above it.
    """

    start: Ints
    diagonal: Ints
    column: Ints
    mirror: Ints
    parent: Ints
    reach: Shorts
    blocks: Floats
    border: Floats
    blocks32: Singles
    border32: Singles
    bordered: bool


class State(NamedTuple):
    """Solved state of the base and what is injected in it.

    Attributes
    ----------
    e, f : (n,) float
        Voltage [p.u.].
    p, q : (n,) float
        Injection with the units' power, and with the reactive power of units at their limit [p.u.].
    q_calculated : (n,) float
        Reactive power flowing out of each node [p.u.].
    slope : (n,) float
        Change of the generation by the imbalance of the island.
    kind : (n,) int8
        DEAD, FREE or HELD.
    angle_held : (n,) bool
        Angle given, other than at the root of an island.
    island, root : (n,) int
        Island of each node and position of its reference; -1 in dead islands.
    """

    e: Floats
    f: Floats
    p: Floats
    q: Floats
    q_calculated: Floats
    slope: Floats
    kind: NDArray[np.int8]
    angle_held: Flags
    island: Ints
    root: Ints


class Units(NamedTuple):
    """Units that share the imbalance; what others generate does not change.

    Attributes
    ----------
    node, island : (n_unit,) int
    scheduled, share, low, high, generated : (n_unit,) float
        See `gridhub.kernels.newton.Equations`; generated is the power in this state [p.u.].
    free : (n_unit,) float
        The share of units that are between their limits; 0 of others.
    imbalance, steady_low, steady_high : (n_island,) float
        Imbalance of each island, and the range around it in which no unit meets or leaves a limit [p.u.].
    """

    node: Ints
    island: Ints
    scheduled: Floats
    share: Floats
    low: Floats
    high: Floats
    generated: Floats
    free: Floats
    imbalance: Floats
    steady_low: Floats
    steady_high: Floats


class Control(NamedTuple):
    """Voltage regulation.

    Attributes
    ----------
    stiffness : (n,) float
        Added to the diagonal of the reactive row where the voltage is held; 0 where no unit regulates.
    target : (n,) float
        0.5 / |V|^2 of the voltage to hold.
    low, high : (n,) float
        Reactive range of the node's units together [p.u.].
    at_limit : (n,) int8
        1, -1 where the units are held at their upper, lower limit.
    """

    stiffness: Floats
    target: Floats
    low: Floats
    high: Floats
    at_limit: NDArray[np.int8]


class Base(NamedTuple):
    """Solved state that scenarios start from, its factor, and the equations that hold in it."""

    grid: Grid
    factor: Factor
    state: State
    units: Units
    control: Control


class Scenarios(NamedTuple):
    """Differences of each scenario from the base; row k of a list runs from ``start[k]`` to ``start[k + 1]``.

    Attributes
    ----------
    branch_start, branch : int
        Branches out of service.
    shunt_start, shunt_node, shunt_y : int, int, (2 k,) float
        Shunt admittance taken out: g and b [p.u.].
    delta_start, delta_node, delta_s : int, int, (2 k,) float
        Change of the injection that is no unit's: active, reactive [p.u.].
    unit_start, unit : int
        Units out of service, of those that share the imbalance.
    dead_start, dead : int
        Nodes cut off from every reference.
    bound_start, bound_node, bound : int, int, (3 k,) float
        Nodes whose regulation changes: reactive range [p.u.] and target; target 0: none is left.
    injection : (k,) int
        Injection set; -1 = the base's own.
    set_p, set_q : (n_set, n) float
        Change of the injection that is no unit's in each set [p.u.].
    set_scheduled : (n_set, n_unit) float
        Schedule of the units in a set [p.u.].
    unit_low, unit_high : (n_unit,) float
        Their limits, which a schedule beyond them widens [p.u.].
    """

    branch_start: Ints
    branch: Ints
    shunt_start: Ints
    shunt_node: Ints
    shunt_y: Floats
    delta_start: Ints
    delta_node: Ints
    delta_s: Floats
    unit_start: Ints
    unit: Ints
    dead_start: Ints
    dead: Ints
    bound_start: Ints
    bound_node: Ints
    bound: Floats
    injection: Ints
    set_p: Floats
    set_q: Floats
    set_scheduled: Floats
    unit_low: Floats
    unit_high: Floats


class Watched(NamedTuple):
    """What every final state is held against.

    Attributes
    ----------
    branch : (m,) int
        Rated branches in service.
    by_rate : (m,) float
        1 / rate^2 [1/p.u.^2].
    at_start, at_branch : (n + 1,), int
        Positions in `branch` of those that end at each node.
    overload : float
        Squared loading above which a branch is overloaded.
    low, high : (n,) float
        Squared voltage limits [p.u.^2], infinite or negative where nothing is watched.
    change_low, change_high : (n,) float
        Squared voltages that a change of the largest allowed size leads to [p.u.^2].
    real_low, real_high : float
        Squared voltages of a realistic state [p.u.^2].
    """

    branch: Ints
    by_rate: Floats
    at_start: Ints
    at_branch: Ints
    overload: float
    low: Floats
    high: Floats
    change_low: Floats
    change_high: Floats
    real_low: float
    real_high: float


class Settings(NamedTuple):
    """How the iteration runs.

    Attributes
    ----------
    width : int
        Lanes.
    tolerance : float
        Largest mismatch [p.u.].
    max_iterations : int
        Per set of roles; what is left then goes to the full Newton.
    reactive_limits : bool
    largest_returns : int
        Times a node may take up its voltage again.
    margin : float
        How far past its set-point a voltage has to be before a node takes it up again [p.u.].
    few : int
        A batch ends when no more lanes than this still run and others wait.
    keep_states : bool
    sum_losses : bool
        Whether the branches' losses are added up; only where no scenario has dead nodes.
    """

    width: int
    tolerance: float
    max_iterations: int
    reactive_limits: bool
    largest_returns: int
    margin: float
    few: int
    keep_states: bool
    sum_losses: bool
