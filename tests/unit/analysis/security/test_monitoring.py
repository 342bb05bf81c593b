"""What a study monitors is judged, and nothing else: against the flows and voltages of every outage."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import gridhub as gh
from tests.small_networks import make_meshed
from tests.unit.analysis.security.test_security import make_criteria


def make_rated(seed: int) -> gh.Network:
    """A meshed network whose ratings many outages exceed."""
    net = make_meshed(seed)
    flow = gh.run_power_flow(net).branch["p_from_mw"].abs()
    tables = {name: net.tables[name].copy() for name in ("line", "transformer")}
    for table in tables.values():
        table["rate_mva"] = 1.2 * flow[table.index] + 5.0
    return net.replace(**tables)


def make_monitored(net: gh.Network, low: float, high: float) -> gh.Monitored:
    """Every second branch, every third bus."""
    buses = net.bus.index[::3]
    ranges = pd.DataFrame({"low_pu": low, "high_pu": high}, index=pd.Index(buses, name="bus"))
    return gh.Monitored(tuple(net.branches().index[::2]), ranges)


@pytest.mark.parametrize("criteria", [None, make_criteria(voltage_change_max_pu=0.004)])
@pytest.mark.parametrize("seed", range(3))
def test_only_what_is_monitored_is_judged(seed: int, criteria: object) -> None:
    net = make_rated(seed)
    monitored = make_monitored(net, 0.99, 1.004)
    settings = {"criteria": criteria, "verify": "all", "screen": None, "keep": "all"}
    whole = gh.run_security(net, **settings)  # type: ignore[arg-type]
    some = gh.run_security(net, **settings, monitored=monitored)  # type: ignore[arg-type]
    thermal = whole.violations[whole.violations["kind"] == "thermal"]
    expected = thermal[thermal["element"].isin(monitored.branches)]
    found = some.violations[some.violations["kind"] == "thermal"]
    pd.testing.assert_frame_equal(found.reset_index(drop=True), expected.reset_index(drop=True))
    assert 0 < len(found) < len(thermal)

    assert whole.vm_pu is not None
    watched = list(monitored.voltage.index)
    states = pd.concat([whole.base.bus[["vm_pu"]].T.set_axis([""]), whole.vm_pu])[watched]
    by_hand = {
        (str(key), bus, kind)
        for kind, beyond in (("voltage_low", states < 0.99 - 1e-6), ("voltage_high", states > 1.004 + 1e-6))
        for key, bus in beyond.stack().loc[lambda chosen: chosen].index
    }
    if criteria is not None:
        change = (whole.vm_pu - whole.base.bus["vm_pu"]).abs()[watched] > 0.004 + 1e-6
        by_hand |= {(str(k), bus, "voltage_change") for k, bus in change.stack().loc[lambda c: c].index}
    voltages = some.violations[some.violations["kind"].str.startswith("voltage")]
    rows = voltages[["contingency", "element", "kind"]].itertuples(index=False, name=None)
    assert set(rows) == by_hand
    assert len(by_hand)
    assert some.summary["monitored_branches"] == len(monitored.branches)
    assert some.summary["monitored_buses"] == len(watched)
    assert set(some.warnings["element"]) <= set(watched)


def test_worst_loading_is_that_of_monitored_branches() -> None:
    net = make_rated(1)
    monitored = make_monitored(net, 0.9, 1.1)
    sec = gh.run_security(net, criteria=None, screen=None, keep="all", monitored=monitored)
    named = set(sec.status["worst_element"]) - {""}
    assert named
    assert named <= set(monitored.branches)
    assert np.nanmax(sec.status["worst_loading_percent"]) > 100.0


def test_what_the_network_does_not_have_is_named_at_once() -> None:
    net = make_meshed(0)
    ranges = pd.DataFrame({"low_pu": [0.9], "high_pu": [1.1]}, index=["no bus"])
    with pytest.raises(gh.InputError) as caught:
        gh.run_security(net, criteria=None, monitored=gh.Monitored(("no line", "no bank"), ranges))
    assert [issue.id for issue in caught.value.issues] == ["no bank", "no line", "no bus"]
