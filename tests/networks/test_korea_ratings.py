"""Seasonal ratings of Korea: made from the facts, and seen in the results."""

from __future__ import annotations

import math
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gridhub as gh
from gridhub.errors import OptionError
from gridhub.model.network import Network
from gridhub.model.snapshot import apply_snapshot
from gridhub.ratings import read_ratings

KOREA = Path(__file__).resolve().parents[2] / "networks" / "korea"
BACKBONE = "korea-2025-backbone"


@pytest.fixture(scope="module")
def maker() -> Iterator[Any]:
    sys.path.insert(0, str(KOREA))
    import build_ratings

    yield build_ratings
    sys.path.remove(str(KOREA))


@pytest.fixture(scope="module")
def plain() -> Network:
    return gh.load_network(BACKBONE)


@pytest.fixture(scope="module")
def seasonal() -> Network:
    return gh.load_network(BACKBONE, ratings="seasonal")


def test_document_is_made_from_the_facts_byte_for_byte(maker: Any) -> None:
    assert maker.format_ratings().encode() == (KOREA / "ratings.toml").read_bytes()


def test_heat_balance_is_the_one_of_the_standard(maker: Any) -> None:
    # worked example of IEEE 738: Drake at 100 °C in 40 °C air, 0.61 m/s, 1,025 A at 0.0939 mohm/m
    drake = maker.Conductor(0.02814, 0.61, 0.8, 0.8, 1000.0)
    heat = maker.find_heat_w_per_m(drake, 100.0, 40.0)
    assert math.sqrt(heat / 9.390e-5) == pytest.approx(1025.0, rel=0.005)


def test_ratings_in_the_tables_are_those_of_the_reference_air(maker: Any) -> None:
    # ACSR 480 mm2: 0.0599 ohm/km at 20 °C (954 kcmil), 0.00403 per K; two carry 1,086 MVA at 345 kV
    r_ohm_per_m = 0.0599e-3 * (1.0 + 0.00403 * (maker.CONDUCTOR_C - 20.0))
    heat = maker.find_heat_w_per_m(maker.Conductor(), maker.CONDUCTOR_C, maker.REFERENCE_AIR_C)
    ampere = 1086e3 / math.sqrt(3.0) / 345.0 / 2.0
    assert math.sqrt(heat / r_ohm_per_m) == pytest.approx(ampere, rel=0.06)


def test_factors_rise_as_the_air_cools_and_are_one_in_summer() -> None:
    ratings = read_ratings((KOREA / "ratings.toml").read_text(encoding="utf-8"))
    factor = {s.name: {one.construction: one.factor for one in s.factors} for s in ratings.seasons}
    assert factor["summer"] == {"overhead": 1.0, "cable": 1.0}
    overhead = [factor[name]["overhead"] for name in ("summer", "autumn", "spring", "winter")]
    assert overhead == sorted(overhead)
    assert overhead[-1] < 1.30
    assert all(one["cable"] <= one["overhead"] for one in factor.values())


def test_off_unless_asked_for(plain: Network) -> None:
    assert not plain.snapshot_value.column.str.startswith("rate").any()
    with pytest.raises(OptionError, match="seasonal"):
        gh.load_network(BACKBONE, ratings="dynamic")
    with pytest.raises(OptionError, match="no seasonal ratings"):
        gh.load_network("pandapower:case9", ratings="seasonal")


@pytest.mark.parametrize(
    ("snapshot", "season"),
    [("winter_peak", "winter"), ("summer_peak", "summer"), ("spring_midday", "spring")],
)
def test_loadings_change_by_the_factor_of_the_season(
    plain: Network, seasonal: Network, snapshot: str, season: str
) -> None:
    rows = tomllib.loads((KOREA / "ratings.toml").read_text(encoding="utf-8"))["season"]
    factors = next(row["factor"] for row in rows if row["name"] == season)
    before, after = (gh.run_power_flow(net, snapshot).branch for net in (plain, seasonal))
    assert np.array_equal(before.p_from_mw, after.p_from_mw)
    kind = plain.branches().join(plain.line.construction).construction
    for one in factors:
        mine = (kind == one["construction"]).to_numpy() & (before.loading_percent > 1.0).to_numpy()
        assert mine.sum() > 3
        ratio = before.loading_percent[mine] / after.loading_percent[mine]
        # ratings are rounded to 0.1 MVA
        assert ratio.to_numpy() == pytest.approx(one["factor"], rel=5e-4)
    banks = kind.isna().to_numpy()
    assert before.loading_percent[banks].equals(after.loading_percent[banks])


def test_pandapower_loads_lines_against_the_ratings_of_the_season(plain: Network, seasonal: Network) -> None:
    import pandapower

    loading = {}
    for name, net in (("all year", plain), ("season", seasonal)):
        state = apply_snapshot(net, "winter_peak")
        state = state.replace(snapshot=state.snapshot.iloc[:0], snapshot_value=state.snapshot_value.iloc[:0])
        exported, _report = gh.to_pandapower(state)
        pandapower.rundcpp(exported)
        loading[name] = exported.res_line.loading_percent.set_axis(exported.line.gridhub_id)
    lines = plain.line.index[plain.line.construction == "overhead"]
    used = lines[loading["all year"][lines] > 1.0]
    assert len(used) > 200
    ratio = loading["all year"][used] / loading["season"][used]
    assert ratio.to_numpy() == pytest.approx(1.2, rel=5e-4)


@pytest.mark.parametrize("year", [2030])
def test_planned_years_have_seasons_too(year: int) -> None:
    plain = gh.load_network(BACKBONE, year=year)
    net = gh.load_network(BACKBONE, year=year, ratings="seasonal")
    added = net.line.index.difference(gh.load_network(BACKBONE).line.index)
    assert len(added) > 10
    before, after = apply_snapshot(plain, "winter_peak").line, apply_snapshot(net, "winter_peak").line
    overhead = (before.construction == "overhead") & before.index.isin(added)
    assert after.rate_mva[overhead].to_numpy() == pytest.approx(1.2 * before.rate_mva[overhead].to_numpy())
