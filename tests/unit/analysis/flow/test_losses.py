"""Lost MW against a count of who stands where, element by element."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import gridhub as gh
from gridhub.analysis.contingency.contingencies import find_outages
from gridhub.analysis.flow.losses import LOSS_NAMES, Losses, count_losses, judge_losses
from gridhub.analysis.flow.power_flow import run_power_flow
from gridhub.case.case import Outage
from gridhub.criteria import EXAMPLE, read_criteria
from gridhub.solvers.islands import find_islands
from gridhub.solvers.solution import Solution
from tests.small_networks import make_meshed, make_table


def make_tree() -> gh.Network:
    """A tree with storage, so that every outage of a branch cuts off a part."""
    net = make_meshed(5, n_bus=12, extra=0)
    buses = net.bus.index
    storage = make_table(
        id=["full", "empty"], bus=[buses[-1], buses[3]], p_mw=[7.0, -5.0], p_max_mw=20.0, e_mwh=40.0
    )
    loads = net.load
    loads.loc["load 2", "in_service"] = False
    return net.replace(storage=storage, load=loads)


def count_alone(net: gh.Network, base: Solution, outage: Outage) -> tuple[float, float, float]:
    """Load, generation and consequential load of one outage [MW], looking at each row in turn."""
    case, base_mva = base.case, base.case.base_mva
    alive = find_islands(case.take_out(outage)).live[case.bus_node]
    load = cut = generation = 0.0
    for i, (bus, on, p) in enumerate(zip(case.load_bus, case.load_on, case.load_p, strict=True)):
        if on and (i in outage.load or not alive[bus]):
            load += p
            cut += 0.0 if i in outage.load else p
    for i, (bus, p) in enumerate(zip(case.generator_bus, base.generator_p, strict=True)):
        generation += p if i in outage.generator or not alive[bus] else 0.0
    for i, (bus, p) in enumerate(zip(case.storage_bus, case.storage_p, strict=True)):
        generation += max(p, 0.0) if i in outage.storage or not alive[bus] else 0.0
    return load * base_mva, generation * base_mva, cut * base_mva


def test_losses_equal_a_count_row_by_row() -> None:
    net = make_tree()
    base = run_power_flow(net).solution
    elements = [(name,) for name in net.branches().index]
    unit = net.generator.index[-1]
    elements += [("line 0", "load 11", "load 11"), ("load 3", unit), ("full", "line 1"), ("load 2",)]
    cset = pd.DataFrame({"elements": elements}, index=[f"c{i}" for i in range(len(elements))])
    outages = find_outages(net, base.case, cset)
    live = base.islands.live[base.case.bus_node]
    pairs = [
        (k, bus)
        for k, outage in enumerate(outages)
        for bus in np.flatnonzero(live & ~find_islands(base.case.take_out(outage)).live[base.case.bus_node])
    ]
    dead = tuple(np.array(column, dtype=np.int64) for column in zip(*pairs, strict=True))
    losses = count_losses(base, outages, (dead[0], dead[1]))
    expected = np.array([count_alone(net, base, outage) for outage in outages])
    assert expected[:, 2].max() > 0.0
    assert losses.load_mw == pytest.approx(expected[:, 0], abs=1e-9)
    assert losses.generation_mw == pytest.approx(expected[:, 1], abs=1e-9)
    assert losses.consequential_mw == pytest.approx(expected[:, 2], abs=1e-9)


def test_limits_of_losses_differ_for_towers_and_skip_what_is_unknown() -> None:
    limits = {"max_consequential_load_mw": 50.0, "max_load_loss_mw": 30.0, "max_loss_mw": 100.0}
    source = 'source = "test"\nas_of = "2026-11"\nconfidence = "assumed"\n'
    rows = [f'[[limit]]\nkey = "{key}"\nvalue = {value}\n{source}' for key, value in limits.items()]
    losses = Losses(
        load_mw=np.array([40.0, 40.0, 90.0, 90.0]),
        generation_mw=np.array([0.0, 150.0, 0.0, 150.0]),
        consequential_mw=np.array([40.0, 40.0, 55.0, 90.0]),
    )
    kinds, answered = ["line", "tower", "tower", "line"], np.array([True, True, True, False])
    found = judge_losses(read_criteria(EXAMPLE + "".join(rows)), kinds, answered, losses)
    over = [
        (int(k), LOSS_NAMES[name], limit, value)
        for k, name, limit, value in zip(found.outage, found.name, found.limit, found.value, strict=True)
    ]
    assert over == [
        (0, "load cut off", 0.0, 40.0),
        (1, "generation lost", 100.0, 150.0),
        (2, "load cut off", 50.0, 55.0),
        (2, "load lost", 30.0, 35.0),
    ]
    without = judge_losses(None, kinds, answered, losses)
    assert without.outage.tolist() == [0, 1, 2]
    assert set(without.limit) == {0.0}
