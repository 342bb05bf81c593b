"""Page of a time series: nothing that was not solved looks as if it had been."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridhub.analysis.flow.time_series import run_time_series
from gridhub.model.network import Network, build_network
from gridhub.report.page import CurveChart
from gridhub.report.series_page import build_series_page


def _build() -> Network:
    return build_network(
        "two",
        bus=pd.DataFrame({"vn_kv": 345.0, "reference": [True, False]}, index=["a", "b"]),
        line=pd.DataFrame(
            {"from_bus": "a", "to_bus": "b", "r_ohm": 1.0, "x_ohm": 10.0, "rate_mva": 600.0}, index=["ab"]
        ),
        load=pd.DataFrame({"bus": ["b"], "p_mw": [500.0]}, index=["demand"]),
        generator=pd.DataFrame(
            {"bus": ["a"], "p_mw": 500.0, "p_min_mw": 200.0, "p_max_mw": 1000.0}, index=["unit"]
        ),
    )


def _page(values: list[float]):
    net = _build()
    hours = pd.DataFrame({"demand": values})
    return build_series_page(run_time_series(net, {("load", "p_mw"): hours}), net)


def test_hours_beyond_a_limit_and_hours_without_solution_are_both_in_the_verdict():
    page = _page([300.0, 660.0, 1500.0, 100.0])
    assert page.verdict is not None
    assert page.verdict.tone == "bad"
    assert "1 of 4 hours" in page.verdict.sentence
    assert "2 hours have no solution" in page.verdict.sentence
    hours = next(block.frame for block in page.tables if block.file == "hours").set_index("hour")
    assert hours["reason"][2].startswith("no generation left")
    assert hours["reason"][3].startswith("too much generation")
    assert hours["status"].tolist()[:2] == ["NOT_CONVERGED"] * 2  # these first
    chart = next(block for block in page.sections[0].blocks if isinstance(block, CurveChart))
    _, y = chart.curves["highest loading"]
    assert np.isnan(y).tolist() == [False, False, True, True]
    assert "gaps" in chart.note


def test_a_quiet_series_is_good_and_says_that_no_outage_was_looked_at():
    page = _page([300.0, 400.0])
    assert page.verdict is not None
    assert page.verdict.tone == "good"
    assert {"Outages", "Voltages"} <= {item.what for item in page.not_assessed}


def test_no_violation_is_good_only_if_every_hour_was_solved():
    page = _page([300.0, 1500.0])
    assert page.verdict is not None
    assert page.verdict.tone == "warning"
    assert page.verdict.sentence.startswith("1 hour has no solution and is not judged")
