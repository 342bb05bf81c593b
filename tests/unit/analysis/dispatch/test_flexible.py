from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import gridhub as gh
from gridhub.analysis.dispatch.flexible import build_flexible_loads, describe_calls, report_flexible
from gridhub.analysis.dispatch.options import FlexibleLoad, read_dispatch_options
from gridhub.errors import OptionError
from gridhub.profiles.data_center import DataCenterLoad, Flexibility
from tests.small_networks import make_table
from tests.unit.dispatch.small_hours import make_triangle

OFFER = Flexibility(0.25, energy_percent=0.5)


def make_hours(*load_mw: float) -> dict[tuple[str, str], pd.DataFrame]:
    return {("load", "p_mw"): pd.DataFrame({"demand": load_mw}, index=range(len(load_mw)))}


def make_priced() -> gh.Network:
    """Cheap power for 200 MW, dear power for the rest, no limit of the grid."""
    units = make_table(
        id=["cheap", "dear"], bus=["a", "b"], p_mw=0.0, p_min_mw=0.0, p_max_mw=[200.0, 400.0], vm_pu=1.0,
        cost_c1_per_mwh=[10.0, 30.0],
    )  # fmt: skip
    lines = make_triangle().tables["line"].assign(rate_mva=1000.0)
    return make_triangle(generator=units, line=lines)


def test_an_offer_is_a_share_of_the_contract_and_of_the_energy_drawn() -> None:
    center = DataCenterLoad("hall", 200.0, pue=1.5, ramp={2028: 100.0, 2030: 200.0}, flexibility=OFFER)
    drawn = pd.DataFrame({"hub:hall 1": [90.0, 30.0], "hub:hall 2": [45.0, 15.0]})
    # 150 MW in 2029, of them 2/3 at the first point
    assert build_flexible_loads(center, drawn, 2029, price=7.0) == {
        "hub:hall 1": FlexibleLoad(pytest.approx(25.0), pytest.approx(0.6), 7.0, 3.0, 1.0),
        "hub:hall 2": FlexibleLoad(pytest.approx(12.5), pytest.approx(0.3), 7.0, 3.0, 1.0),
    }
    assert build_flexible_loads(center, drawn, 2031)["hub:hall 1"].mw == pytest.approx(50.0)


def test_nothing_is_offered_where_nothing_is_drawn_or_no_share_given() -> None:
    drawn = pd.DataFrame({"hub:hall": [90.0, 30.0]})
    late = DataCenterLoad("hall", 200.0, ramp={2030: 200.0}, flexibility=OFFER)
    assert build_flexible_loads(late, drawn, 2029) == {}
    assert build_flexible_loads(late, drawn * 0.0, 2030) == {}
    assert build_flexible_loads(DataCenterLoad("hall", 200.0), drawn, 2030) == {}


def test_what_was_called_is_told_with_its_longest_call() -> None:
    # of 60 MWh the dear hours take all: 30 MWh where 30 MW are dear, and 10 in each of three
    flexible = {"demand": {"mw": 30.0, "energy_mwh": 60.0, "price": 1.0}}
    hours = make_hours(150.0, 210.0, 210.0, 210.0, 190.0, 230.0)
    found = gh.run_dispatch(make_priced(), hours, options={"flexible": flexible})
    told = report_flexible(found).loc["demand"]
    assert told["used_mwh"] == pytest.approx(60.0) == found.summary["flexible_mwh"]
    assert told["largest_mw"] == pytest.approx(30.0)
    assert (told["hours"], told["longest_h"]) == (4, 3)
    assert found.summary["shed_mwh"] == 0.0
    # 10 for each MWh of 150 + 3 x 200 + 190 + 200, 1 for each that is called
    assert found.summary["cost"] == pytest.approx(11_400.0 + 60.0)


def test_load_beyond_an_offer_is_not_counted_as_called() -> None:
    # 600 MW of units for 700 MW of load, of which 40 may be left
    found = gh.run_dispatch(make_priced(), make_hours(700.0), options={"flexible": {"demand": {"mw": 40.0}}})
    assert found.status["status"].tolist() == ["INFEASIBLE"]
    assert found.summary["shed_mwh"] == pytest.approx(60.0, abs=0.1)
    assert found.summary["flexible_mwh"] == pytest.approx(40.0)
    assert report_flexible(found).loc["demand", "used_mwh"] == pytest.approx(40.0)


def test_without_flexible_loads_nothing_is_told() -> None:
    found = gh.run_dispatch(make_priced())
    assert report_flexible(found).empty
    assert found.summary["flexible_mwh"] == 0.0


def test_every_bad_flexible_load_is_named_at_once() -> None:
    flexible = {"a": {"MW": 3.0}, "b": 5.0, "c": {"price": 3.0}, "d": FlexibleLoad(1.0)}
    with pytest.raises(OptionError) as caught:
        read_dispatch_options({"flexible": flexible})
    told = str(caught.value)
    assert "flexible a: unknown MW; there are mw, energy_mwh, price, longest_h, notice_h" in told
    assert "flexible b = 5.0" in told
    assert "flexible c: wants mw" in told
    assert "flexible d" not in told
    with pytest.raises(OptionError, match=r"flexible = '3'.*ramp_mw_per_h = 3"):
        read_dispatch_options({"flexible": "3", "ramp_mw_per_h": 3})


@pytest.mark.parametrize("workers", [1, 2])
def test_a_budget_holds_over_windows(workers: int) -> None:
    hours = make_hours(*np.full(48, 220.0))
    options = {"flexible": {"demand": {"mw": 20.0, "energy_mwh": 100.0}}, "window_hours": 12,
               "overlap_hours": 0, "workers": workers, "parts": workers}  # fmt: skip
    found = gh.run_dispatch(make_priced(), hours, options=options)
    assert found.summary["flexible_mwh"] == pytest.approx(100.0)


def test_what_is_beyond_an_offer_is_shed_at_its_price() -> None:
    flexible = {"demand": {"mw": 40.0, "energy_mwh": 60.0, "price": 5.0}}
    options = {"flexible": flexible, "shed_price": 500.0}
    hours = make_hours(700.0, 210.0, 690.0)
    found = gh.run_dispatch(make_priced(), hours, options=options)
    assert set(found.status["status"]) == {"OPTIMAL"}
    # 600 MW of units: 100 and 90 MW are short, 60 MWh are called where that saves 495
    assert found.flexible["demand"].sum() == pytest.approx(60.0)
    assert found.flexible["demand"].iloc[1] == pytest.approx(0.0, abs=1e-6)
    assert found.shed["demand"].sum() == pytest.approx(130.0)
    assert found.unserved["demand"].tolist() == pytest.approx([100.0, 0.0, 90.0], abs=1e-6)
    units = 2 * (200 * 10.0 + 400 * 30.0) + 200 * 10.0 + 10 * 30.0
    assert found.cost.sum() == pytest.approx(units + 60 * 5.0 + 130 * 500.0)
    assert found.status["cost_flexible"].sum() == pytest.approx(300.0)
    assert found.summary["load_mwh"] == pytest.approx(1600.0 - 190.0)
    assert found.summary["largest_imbalance_mw"] < 1e-6
    more = gh.run_dispatch(make_priced(), make_hours(701.0, 210.0, 690.0), options=options)
    assert found.price.iloc[0].tolist() == pytest.approx([more.cost.sum() - found.cost.sum()] * 3)


@pytest.mark.parametrize("split", [{"window_hours": 8}, {}, {"parts": 2}])
def test_the_longest_call_holds_over_windows(split: dict[str, int]) -> None:
    # a call saves 30 a MWh at 230 MW and 10 at 200 MW; alone, windows would call 1011 and 1101
    hours = make_hours(230.0, 200.0, 230.0, 230.0, 230.0, 230.0, 200.0, 230.0)
    flexible = {"demand": {"mw": 20.0, "longest_h": 2.0, "notice_h": 1.0}}
    options = {"flexible": flexible, "window_hours": 4, "overlap_hours": 0, **split}
    found = gh.run_dispatch(make_priced(), hours, options=options)
    called = [1, 0, 1, 1, 0, 1, 0, 1]
    if split == {"window_hours": 8}:
        # all at once, hour 4 or 5 rests
        assert found.flexible["demand"].sum() == pytest.approx(20.0 * 5)
        assert found.cost.sum() == pytest.approx(6 * 2900.0 + 2 * 2000.0 - 20.0 * 30.0 * 5)
    else:
        assert found.flexible["demand"].tolist() == pytest.approx([20.0 * one for one in called], abs=1e-6)
    runs = found.flexible["demand"].rolling(3).sum().dropna()
    assert len(runs) == 6
    assert (runs <= 40.0 + 1e-6).all()
    assert report_flexible(found).loc["demand", "longest_h"] <= 2
    unseen = "only 0 h ahead, less than the notice of demand (1 h): raise overlap_hours"
    assert (unseen in describe_calls(found)) == (split != {"window_hours": 8})


def test_calls_in_part_that_last_longer_are_named() -> None:
    # 10 of the 20 MW are worth 30, the others 10, which a call does not pay back
    flexible = {"demand": {"mw": 20.0, "price": 15.0, "longest_h": 1.0}}
    found = gh.run_dispatch(make_priced(), make_hours(210.0, 210.0, 210.0), options={"flexible": flexible})
    assert found.flexible["demand"].tolist() == pytest.approx([10.0] * 3)
    assert report_flexible(found).loc["demand", "longest_h"] == 3
    assert "Called in part for longer: demand (3 h)." in describe_calls(found)
    whole = gh.run_dispatch(make_priced(), make_hours(220.0, 220.0), options={"flexible": flexible})
    assert sorted(whole.flexible["demand"]) == pytest.approx([0.0, 20.0], abs=1e-6)
    assert "Called in part" not in describe_calls(whole)


def test_less_than_an_hour_is_no_call() -> None:
    flexible = {"demand": {"mw": 20.0, "longest_h": 0.5}}
    found = gh.run_dispatch(make_priced(), make_hours(220.0, 220.0), options={"flexible": flexible})
    assert found.summary["flexible_mwh"] == 0.0


@pytest.mark.parametrize(("overlap", "parts", "ahead"), [(3, 1, 3), (24, 1, 12), (3, 2, 0)])
def test_how_far_a_plan_looks_ahead(overlap: int, parts: int, ahead: int) -> None:
    flexible = {"demand": {"mw": 20.0, "energy_mwh": 100.0}}
    options = {"flexible": flexible, "window_hours": 4, "overlap_hours": overlap, "parts": parts}
    found = gh.run_dispatch(make_priced(), make_hours(*np.full(12, 220.0)), options=options)
    assert found.summary["look_ahead_h"] == ahead


@pytest.mark.parametrize(
    ("more", "kind", "given"), [({"energy_mwh": 30.0}, "budget", 30.0), ({"longest_h": 1.0}, "call", 40.0)]
)
def test_an_offer_that_does_not_suffice_is_named(more: dict[str, float], kind: str, given: float) -> None:
    # 20 MW are short in three hours: 60 of 30 MWh, and 40 of 20 MWh in any two hours
    options = {"flexible": {"demand": {"mw": 20.0, **more}}}
    found = gh.run_dispatch(make_priced(), make_hours(620.0, 620.0, 620.0), options=options)
    assert set(found.status["status"]) == {"INFEASIBLE"}
    assert set(found.conflicts["kind"]) == {kind}
    assert set(found.conflicts["element"]) == {"demand"}
    assert found.conflicts["give_mw"].sum() == pytest.approx(given)
    assert not set(found.conflicts["hour"]) - {1, 2}


def test_a_run_that_goes_on_from_its_folder_knows_the_calls_before(tmp_path: Path) -> None:
    hours = make_hours(230.0, 200.0, 230.0, 230.0, 230.0, 230.0, 200.0, 230.0)
    options = {"flexible": {"demand": {"mw": 20.0, "longest_h": 2.0, "energy_mwh": 130.0}},
               "window_hours": 4, "overlap_hours": 0, "shed_price": 500.0}  # fmt: skip
    whole = gh.run_dispatch(make_priced(), hours, options=options, folder=tmp_path)
    for file in tmp_path.glob("00004-*.parquet"):
        file.unlink()
    again = gh.run_dispatch(make_priced(), hours, options=options, folder=tmp_path)
    assert whole.flexible["demand"].tolist() == pytest.approx([20, 0, 20, 20, 0, 20, 0, 20], abs=1e-6)
    pd.testing.assert_frame_equal(again.flexible, whole.flexible, check_index_type=False)
    pd.testing.assert_frame_equal(again.status, whole.status, check_index_type=False)
