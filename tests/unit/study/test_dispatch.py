"""The part ``[dispatch]`` of a study on the backbone: the same hours without and with a hub."""

from __future__ import annotations

import pytest

import gridhub as gh
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
