"""What feeds a fault: machines behind their reactance, converters with their limited current."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gridhub.errors import InputError, Issue, OptionError
from gridhub.model.network import Network
from gridhub.model.snapshot import apply_snapshot

CONVERTER_FUELS = ("solar", "wind")
"""Fuels of units that stand behind a converter; every other one turns a synchronous machine."""

STEP_UP_MIN_KV = 60.0
"""No machine is built for this voltage: one at such a bus stands behind a step-up transformer, not
modelled."""

COLUMNS = ("bus", "kind", "mva", "r_pu", "x_pu", "current_pu", "basis")


@dataclass(frozen=True, slots=True)
class FaultAssumptions:
    """What the tables of a network do not say of the sources of fault current; every value is assumed.

    Attributes
    ----------
    x_machine_pu : float
        Subtransient reactance x''d of a machine, per unit of its rating.
    x_step_up_pu : float
        Reactance of the step-up transformer of a machine that is connected at 60 kV or above, per unit of
        its rating: the network has none of its own there.
    r_per_x : float
        Resistance of both, per unit of the reactance.
    power_factor : float
        Rating of a machine [MVA] = largest active power / power factor.
    converter_current_pu : float
        Current of a converter during a fault, per unit of its rated current; its rating is its largest active
        power.
    """

    x_machine_pu: float = 0.2
    x_step_up_pu: float = 0.12
    r_per_x: float = 0.05
    power_factor: float = 0.9
    converter_current_pu: float = 1.1

    def __post_init__(self) -> None:
        """Check every value; all that are out of range are named.

        Raises
        ------
        OptionError
        """
        at_least_zero = ("x_step_up_pu", "r_per_x", "converter_current_pu")
        bad = [name for name in at_least_zero if not 0.0 <= getattr(self, name) < math.inf]
        bad += [name for name in ("x_machine_pu",) if not 0.0 < getattr(self, name) < math.inf]
        bad += [name for name in ("power_factor",) if not 0.0 < self.power_factor <= 1.0]
        if bad:
            shown = ", ".join(f"{name} = {getattr(self, name)}" for name in bad)
            raise OptionError(f"assumptions on fault sources out of range: {shown}")

    def describe(self) -> tuple[str, ...]:
        """Say every assumption as a sentence, for reports."""
        return (
            f"machines: x''d = {self.x_machine_pu:g} p.u. of a rating of the largest active power / "
            f"{self.power_factor:g} (assumed)",
            f"step-up transformers of machines at {STEP_UP_MIN_KV:g} kV or above: {self.x_step_up_pu:g} p.u. "
            "(assumed: the network does not model them)",
            f"resistance of both: {self.r_per_x:g} of the reactance (assumed)",
            f"converters (solar, wind, batteries, VSC links): {self.converter_current_pu:g} p.u. of rated "
            "current, lagging the voltage by 90 degrees (assumed); LCC links give none",
            "what is in service in the state counts; loads and motors feed nothing",
        )


def list_fault_sources(
    net: Network,
    snapshot: str | None = None,
    assumptions: FaultAssumptions | Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """List what feeds a fault in one state of a network.

    Parameters
    ----------
    net : Network
    snapshot : str, optional
    assumptions : FaultAssumptions or mapping, optional

    Returns
    -------
    DataFrame
        Index id; columns bus, kind ("machine" | "converter" | "unknown"), mva (rating), r_pu and x_pu (of the
        rating; NaN for converters), current_pu (of the rated current; NaN for machines), basis. "unknown": no
        largest power is known, so nothing is counted. The table may be changed and handed to
        `compute_fault_levels`.

    Raises
    ------
    KeyError
        If the snapshot does not exist.
    OptionError
        If an assumption is unknown or out of range.
    """
    given = read_assumptions(assumptions)
    state = apply_snapshot(net, snapshot)
    generator, storage, hvdc = state.generator, state.storage, state.hvdc
    converter = generator["fuel"].isin(CONVERTER_FUELS)
    kind = storage["kind"] if "kind" in storage else pd.Series("", index=storage.index)
    vsc = hvdc[(hvdc["technology"] == "vsc").to_numpy(dtype=bool)]
    parts = [
        _rate(state, generator["bus"], generator["p_max_mw"], converter, generator["in_service"], given),
        _rate(
            state, storage["bus"], storage["p_max_mw"], kind != "pumped_storage", storage["in_service"], given
        ),
    ]
    for end in ("from_bus", "to_bus"):
        every = pd.Series(True, index=vsc.index)
        part = _rate(state, vsc[end], vsc["p_max_mw"], every, vsc["in_service"], given)
        parts.append(part.set_axis([f"{name}:{end.removesuffix('_bus')}" for name in part.index]))
    return pd.concat(parts)[list(COLUMNS)]


def read_assumptions(given: FaultAssumptions | Mapping[str, Any] | None) -> FaultAssumptions:
    """Complete assumptions given as a mapping, an object or nothing; OptionError for an unknown one."""
    if given is None or isinstance(given, FaultAssumptions):
        return given or FaultAssumptions()
    known = FaultAssumptions.__dataclass_fields__
    unknown = [str(key) for key in given if key not in known]
    if unknown:
        raise OptionError(f"unknown assumption {', '.join(unknown)}; assumptions: {', '.join(known)}")
    return FaultAssumptions(**dict(given))


def _rate(
    net: Network,
    bus: pd.Series[str],
    p_max_mw: pd.Series[float],
    converter: pd.Series[bool],
    in_service: pd.Series[bool],
    given: FaultAssumptions,
) -> pd.DataFrame:
    """Give rating and impedance, or current, of the units in service."""
    size = p_max_mw.to_numpy(dtype=float)
    is_converter = converter.to_numpy(dtype=bool)
    known = np.isfinite(size)
    kv = net.bus["vn_kv"].reindex(bus).to_numpy(dtype=float)
    x = given.x_machine_pu + np.where(kv >= STEP_UP_MIN_KV, given.x_step_up_pu, 0.0)
    mva = np.where(is_converter, size, size / given.power_factor)
    table = pd.DataFrame(
        {
            "bus": bus.to_numpy(),
            "kind": np.where(~known, "unknown", np.where(is_converter, "converter", "machine")),
            "mva": np.where(known, np.maximum(mva, 0.0), np.nan),
            "r_pu": np.where(is_converter, np.nan, given.r_per_x * x),
            "x_pu": np.where(is_converter, np.nan, x),
            "current_pu": np.where(is_converter, given.converter_current_pu, np.nan),
            "basis": "assumed",
        },
        index=bus.index,
    )
    return table[in_service.to_numpy(dtype=bool)]


def check_fault_sources(net: Network, sources: pd.DataFrame) -> pd.DataFrame:
    """Check a table of sources handed in; every fault is reported.

    Raises
    ------
    InputError
        If a column is missing, a bus or kind unknown, or a number a source needs is missing or out of range.
    """
    missing = [column for column in COLUMNS[:-1] if column not in sources]
    issues = [Issue("error", "E-KEY", "sources", "", column, "", "column is missing") for column in missing]
    if not missing:
        for name, row in sources.iterrows():
            issues += _check_source(net, str(name), row)
    if issues:
        raise InputError(issues, "sources of fault current")
    return sources


def _check_source(net: Network, name: str, row: pd.Series[Any]) -> list[Issue]:
    wanted = {"machine": ("mva", "r_pu", "x_pu"), "converter": ("mva", "current_pu"), "unknown": ()}
    issues = []
    if row["bus"] not in net.bus.index:
        issues.append(Issue("error", "E-REF", "sources", name, "bus", str(row["bus"]), "no such bus"))
    if row["kind"] not in wanted:
        text = f"is one of {', '.join(wanted)}"
        issues.append(Issue("error", "E-TYPE", "sources", name, "kind", str(row["kind"]), text))
    for column in wanted.get(row["kind"], ()):
        lowest = 0.0 if column != "x_pu" else 1e-9
        if not lowest <= float(row[column]) < math.inf:
            text = "wants a finite number, not negative" + (", above 0" if lowest else "")
            issues.append(Issue("error", "E-RANGE", "sources", name, column, str(row[column]), text))
    return issues
