"""The part ``[dispatch]`` of a study on the backbone: the same hours without and with a hub."""

from __future__ import annotations

from dataclasses import replace

import pytest

import gridhub as gh
from gridhub.errors import OptionError
from gridhub.study.dispatch import DispatchPart, dispatch_hub, summarise_dispatch

HUB = gh.Hub(gh.DataCenter("hub", contract_mw=500.0, lat=36.6, lon=127.3))
OPTIONS = {"commitment": "relaxed", "shed_price": 2e7, "excess_price": 5e6, "storage": "hold"}


@pytest.mark.slow
def test_the_hub_draws_its_load_and_costs_what_the_difference_says() -> None:
    net = gh.load_network("korea-2025-backbone")
    after = gh.place(net, HUB)
    part = DispatchPart(first_hour=100, hours=2, security="none", options=OPTIONS)
    steps: list[str] = []
    found = dispatch_hub(net, after, HUB, part, 3, progress=lambda step, _done: steps.append(step))
    hours = gh.make_profiles(after, 2025, 3, data_centers=[HUB.data_center])["load", "p_mw"].iloc[100:102]
    drawn = hours[[name for name in hours.columns if name not in net.load.index]].to_numpy().sum()
    change = found.change.figures["change"]
    assert drawn > 300.0
    assert change["load_mwh"] == pytest.approx(drawn, abs=1e-6)
    # not a load alone: generation, less what pumps and links lose
    assert change["generation_mwh"] == pytest.approx(drawn, rel=0.05)
    own = gh.run_dispatch(
        after,
        {
            key: frame.iloc[100:102]
            for key, frame in gh.make_profiles(after, 2025, 3, data_centers=[HUB.data_center]).items()
        },
        options=OPTIONS,
    )
    assert found.dispatch.summary["cost"] == pytest.approx(own.summary["cost"], rel=1e-9)
    summary = summarise_dispatch(found)
    assert summary["hours"] == 2
    assert summary["ac"]["hours"] >= 1
    assert steps == ["dispatch without the hub", "dispatch with the hub", "AC check of the dispatch"]
    assert len(found.results) == 3


@pytest.mark.slow
def test_what_the_hub_offers_is_called_within_its_energy() -> None:
    net = gh.load_network("korea-2025-backbone")
    hub = gh.Hub(replace(HUB.data_center, flexible_share=0.25))
    after = gh.place(net, hub)
    (load,) = after.load.index.difference(net.load.index)
    part = DispatchPart(first_hour=100, hours=2, security="none", check="none", options=OPTIONS)
    found = dispatch_hub(net, after, hub, part, 3)
    hours = gh.make_profiles(after, 2025, 3, data_centers=[hub.data_center])["load", "p_mw"].iloc[100:102]
    one = found.dispatch.options.flexible[load]
    assert one.mw == pytest.approx(125.0)
    assert one.energy_mwh == pytest.approx(0.005 * hours[load].sum())
    # free of charge, so that all of it is called
    assert found.dispatch.summary["flexible_mwh"] == pytest.approx(one.energy_mwh, rel=1e-4)
    assert summarise_dispatch(found)["flexible"][load]["longest_h"] in (1, 2)
    # what the study says goes before the offer, and means nothing to the network without the hub
    own = replace(part, flexible={load: {"mw": 10.0}})
    assert dispatch_hub(net, after, hub, own, 3).dispatch.summary["flexible_mwh"] == pytest.approx(20.0)
    with pytest.raises(OptionError, match="flexible: no load hall"):
        dispatch_hub(net, after, hub, replace(part, flexible={"hall": {"mw": 10.0}}), 3)
