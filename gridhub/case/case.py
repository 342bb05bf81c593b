"""`Case`: one compiled network as read-only arrays, per unit on ``base_mva``, angles in radian.

Positions count from 0. ``labels`` leads back to the ids of the tables. A *node* is a bus, or several
buses joined by branches without impedance; solvers work on nodes, results are given per bus.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Complexes = NDArray[np.complex128]


@dataclass(frozen=True, slots=True)
class Labels:
    """Ids of the rows behind each position.

    Attributes
    ----------
    bus, branch, generator, load, storage, hvdc, shunt : tuple of str
        Position i of an array is the row with id ``labels.….[i]``.
    """

    bus: tuple[str, ...]
    branch: tuple[str, ...]
    generator: tuple[str, ...]
    load: tuple[str, ...]
    storage: tuple[str, ...]
    hvdc: tuple[str, ...]
    shunt: tuple[str, ...]


class Outage(NamedTuple):
    """Positions taken out of a case together.

    Attributes
    ----------
    branch, generator, load, storage, hvdc, shunt : tuple of int
        Positions in the arrays of the case.
    """

    branch: tuple[int, ...] = ()
    generator: tuple[int, ...] = ()
    load: tuple[int, ...] = ()
    storage: tuple[int, ...] = ()
    hvdc: tuple[int, ...] = ()
    shunt: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class TapChangers:
    """Transformers whose tap changer holds the voltage at one of their ends, if taps are controlled.

    Attributes
    ----------
    branch : (k,) int
        Position of each transformer among the branches.
    bus : (k,) int
        Bus whose voltage is held.
    at_from : (k,) bool
        Whether that is the from end, which carries the tap.
    target, deadband : (k,) float
        Voltage aimed at, and width of the band around it in which the tap stays [p.u.].
    low, high, step : (k,) float
        Range of the tap ratio and its step.
    """

    branch: Ints
    bus: Ints
    at_from: Bools
    target: Floats
    deadband: Floats
    low: Floats
    high: Floats
    step: Floats


@dataclass(frozen=True, eq=False)
class Case:
    """Arrays of one compiled network.

    Attributes
    ----------
    base_mva : float
        Power base [MVA].
    labels : Labels
        Position -> id.
    bus_node : (n_bus,) int
        Node of each bus; -1 if the bus is out of service.
    n_node : int
        Number of nodes.
    reference : (n_node,) bool
        Nodes that may be the reference of their island.
    va_reference : (n_node,) float
        Angle a reference node keeps [rad].
    vm_start, va_start : (n_node,) float
        Stored state [p.u., rad]; NaN where none is stored.
    branch_from, branch_to : (n_branch,) int
        End nodes; -1 at a bus that is out of service.
    branch_from_bus, branch_to_bus : (n_branch,) int
        End buses.
    branch_on : (n_branch,) bool
        In service, both ends in service, and with impedance.
    branch_joins : (n_branch,) bool
        In service without impedance: the branch joins its ends into one node.
    r, x, tap, shift : (n_branch,) float
        Series impedance [p.u.], off-nominal ratio, phase shift [rad] at the from end.
    y_ff, y_ft, y_tf, y_tt : (n_branch,) complex
        Two-port admittances [p.u.], whether in service or not; of a branch without impedance only the
        charging at either end is left.
    rate, rate_b, rate_c : (n_branch,) float
        Ratings [p.u.]; NaN = unrated.
    load_bus, load_p, load_q, load_on
        Loads [p.u.], consumption positive.
    storage_bus, storage_p, storage_q, storage_on
        Storage [p.u.], discharge positive.
    shunt_bus, shunt_g, shunt_b, shunt_on
        Shunts: power consumed, reactive power produced at 1 p.u. [p.u.].
    generator_bus, generator_p, generator_q, generator_on
        Generators [p.u.], generation positive.
    generator_p_min, generator_p_max, generator_q_min, generator_q_max : float
        Limits [p.u.], infinite where unknown.
    generator_vm, generator_regulating, generator_participation
        Voltage set-point [p.u.], whether it is held, share in an imbalance (NaN = by p_max).
    hvdc_from_bus, hvdc_to_bus, hvdc_p, hvdc_loss, hvdc_loss_share, hvdc_on
        Links: power taken at the from end, constant loss [p.u.], loss in proportion to |p|.
    hvdc_q, hvdc_regulating, hvdc_vm, hvdc_q_min, hvdc_q_max : (2, n_hvdc)
        From end and to end: reactive injection, whether it holds hvdc_vm, limits [p.u.].
    tap_changers : TapChangers
        Transformers that can hold a voltage.
    """

    base_mva: float
    labels: Labels
    n_node: int
    bus_node: Ints
    reference: Bools
    va_reference: Floats
    vm_start: Floats
    va_start: Floats
    branch_from: Ints
    branch_to: Ints
    branch_from_bus: Ints
    branch_to_bus: Ints
    branch_on: Bools
    branch_joins: Bools
    r: Floats
    x: Floats
    tap: Floats
    shift: Floats
    y_ff: Complexes
    y_ft: Complexes
    y_tf: Complexes
    y_tt: Complexes
    rate: Floats
    rate_b: Floats
    rate_c: Floats
    load_bus: Ints
    load_p: Floats
    load_q: Floats
    load_on: Bools
    storage_bus: Ints
    storage_p: Floats
    storage_q: Floats
    storage_on: Bools
    shunt_bus: Ints
    shunt_g: Floats
    shunt_b: Floats
    shunt_on: Bools
    generator_bus: Ints
    generator_p: Floats
    generator_q: Floats
    generator_on: Bools
    generator_p_min: Floats
    generator_p_max: Floats
    generator_q_min: Floats
    generator_q_max: Floats
    generator_vm: Floats
    generator_regulating: Bools
    generator_participation: Floats
    hvdc_from_bus: Ints
    hvdc_to_bus: Ints
    hvdc_p: Floats
    hvdc_loss: Floats
    hvdc_loss_share: Floats
    hvdc_on: Bools
    hvdc_q: Floats
    hvdc_regulating: Bools
    hvdc_vm: Floats
    hvdc_q_min: Floats
    hvdc_q_max: Floats
    tap_changers: TapChangers

    def __post_init__(self) -> None:
        """Make every array read-only."""
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, np.ndarray):
                value.flags.writeable = False

    @property
    def n_branch(self) -> int:
        """Number of branches, in service or not."""
        return len(self.branch_from)

    def hvdc_p_to(self) -> Floats:
        """Power each link delivers at its to end [p.u.]: p - loss - loss_share |p|; 0 if out of service."""
        arriving = self.hvdc_p - self.hvdc_loss - self.hvdc_loss_share * np.abs(self.hvdc_p)
        return np.where(self.hvdc_on, arriving, 0.0)

    def take_out(self, outage: Outage) -> Case:
        """Return the case with the elements of `outage` out of service.

        Raises
        ------
        ValueError
            If a branch without impedance is among them: its end buses are one node here, so the network
            has to be compiled again without it.
        """
        joining = [i for i in outage.branch if self.branch_joins[i]]
        if joining:
            ids = ", ".join(self.labels.branch[i] for i in joining[:5])
            raise ValueError(f"branches without impedance cannot be taken out of a compiled case: {ids}")
        changes: dict[str, Bools] = {}
        for kind in ("branch", "generator", "load", "storage", "hvdc", "shunt"):
            positions = getattr(outage, kind)
            if positions:
                on = getattr(self, f"{kind}_on").copy()
                on[list(positions)] = False
                changes[f"{kind}_on"] = on
        return replace(self, **changes) if changes else self  # type: ignore[arg-type]

    def set_taps(self, branch: Ints, tap: Floats) -> Case:
        """Return the case with other ratios at the from end of some branches.

        Parameters
        ----------
        branch : (k,) int
            Positions, none without impedance.
        tap : (k,) float
            New off-nominal ratios.
        """
        if not len(branch) or (self.tap[branch] == tap).all():
            return self
        factor = np.ones(self.n_branch)
        factor[branch] = self.tap[branch] / tap
        ratio = self.tap.copy()
        ratio[branch] = tap
        return replace(
            self, tap=ratio, y_ff=self.y_ff * factor**2, y_ft=self.y_ft * factor, y_tf=self.y_tf * factor
        )
