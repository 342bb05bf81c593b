"""Ranking of outages: performance indices, worst loading and voltage, what is lost."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridhub.analysis.flow.losses import Losses, LossFindings
from gridhub.analysis.security.judging import Limits
from gridhub.analysis.security.outages import SEVERITY_EXPONENT, Outcomes, Setting
from gridhub.analysis.security.screening import Screen
from gridhub.analysis.security.tables import count_outages, take_names
from gridhub.case.case import Floats, Ints
from gridhub.solvers.batch_result import THERMAL, VOLTAGE_HIGH, VOLTAGE_LOW, Findings


def _weigh_voltages(limits: Limits, found: Findings, count: int) -> Floats:
    """Sum up, for each outage, how far the voltages outside their limits are from the middle of them.

    Each counts ((v - middle) / half the range)^4, so that a voltage at its limit would count 1.
    """
    at = np.flatnonzero((found.kind == VOLTAGE_LOW) | (found.kind == VOLTAGE_HIGH))
    low, high = limits.vm_low[found.position[at]], limits.vm_high[found.position[at]]
    share = (found.value[at] - 0.5 * (low + high)) / (0.5 * (high - low))
    return np.asarray(np.bincount(found.scenario[at], share**SEVERITY_EXPONENT, count), dtype=float)


def _find_worst_voltage(limits: Limits, found: Findings, count: int) -> tuple[Ints, Floats, Floats]:
    """Find the voltage furthest beyond its limits after each outage: bus (-1: none), voltage, by how much."""
    at = np.flatnonzero((found.kind == VOLTAGE_LOW) | (found.kind == VOLTAGE_HIGH))
    outage, bus, value = found.scenario[at], found.position[at], found.value[at]
    beyond = np.fmax(limits.vm_low[bus] - value, value - limits.vm_high[bus])
    order = np.lexsort((-bus, beyond))
    worst, vm, by = np.full(count, -1), np.full(count, np.nan), np.full(count, np.nan)
    # later rows win: the furthest, and of equal ones the first bus
    worst[outage[order]], vm[outage[order]], by[outage[order]] = bus[order], value[order], beyond[order]
    return worst, vm, by


def rank_outages(
    setting: Setting,
    screen: Screen,
    status: pd.DataFrame,
    outcomes: Outcomes,
    losses: Losses,
    lost: LossFindings,
) -> pd.DataFrame:
    """Make ``Security.ranking``: unsolved first, then what breaks a limit, then by loading and lost load."""
    columns = ["status", "worst_element", "worst_loading_percent", "lost_load_mw", "lost_generation_mw"]
    limits, found, count = setting.limits, outcomes.findings, len(status)
    thermal = count_outages(found.scenario[found.kind == THERMAL], count)
    violations = count_outages(np.concatenate([found.scenario, lost.outage]), count)
    order = np.lexsort(
        (
            -outcomes.severity,
            -losses.load_mw,
            -np.nan_to_num(outcomes.worst_loading, nan=-1.0),
            violations == 0,
            outcomes.answered,
        )
    )
    bus, vm, beyond = _find_worst_voltage(limits, found, count)
    unseen = ~outcomes.by_ac & (screen.method == "dc")
    table = {name: status[name].to_numpy() for name in columns}
    table |= {
        "violations": violations,
        "performance_index": outcomes.severity,
        "performance_index_voltage": np.select(
            [unseen, outcomes.answered], [np.nan, _weigh_voltages(limits, found, count)], np.inf
        ),
        "worst_bus": take_names(setting.case.labels.bus, bus),
        "worst_vm_pu": vm,
        "worst_beyond_pu": beyond,
        "overloads": thermal,
        "voltage_violations": count_outages(found.scenario, count) - thermal,
        "islanding": screen.islanding,
    }
    ranked = {name: values[order] for name, values in table.items()}
    return pd.DataFrame(ranked, index=status.index[order])
