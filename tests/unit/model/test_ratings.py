"""Snapshots with the ratings of their season."""

from __future__ import annotations

import math

import pandas as pd
import pytest

import gridhub as gh
from gridhub.errors import OptionError
from gridhub.model.network import Network
from gridhub.model.ratings import apply_seasonal_ratings
from gridhub.model.snapshot import apply_snapshot
from gridhub.rating_rules import RATING_COLUMNS

FACTOR = """
[[season.factor]]
table = "{table}"
{construction}
factor = {factor}
source = "assumed"
confidence = "assumed"
"""
DOCUMENT = (
    'schema_version = 1\nname = "x"\n[[season]]\nname = "warm"\nmonths = [4, 5, 6, 7, 8, 9]\n'
    + '[[season]]\nname = "cold"\nmonths = [1, 2, 3, 10, 11, 12]\n'
    + FACTOR.format(table="line", construction='construction = "overhead"', factor=1.25)
    + FACTOR.format(table="transformer", construction="", factor=1.1)
)


def build(times: dict[str, str], document: str | None = DOCUMENT, **tables: pd.DataFrame) -> Network:
    bus = pd.DataFrame({"vn_kv": [345.0, 345.0, 154.0], "reference": [True, False, False]}, index=list("abc"))
    line = pd.DataFrame(
        {
            "from_bus": "a",
            "to_bus": "b",
            "r_ohm": 1.0,
            "x_ohm": [10.0, 10.0, 12.0],
            "rate_mva": [400.0, 300.0, math.nan],
            "rate_b_mva": [440.0, math.nan, math.nan],
            "construction": ["overhead", "cable", "overhead"],
        },
        index=["air", "earth", "free"],
    )
    transformer = pd.DataFrame(
        {"from_bus": "b", "to_bus": "c", "r_pu": 0.0, "x_pu": 0.02, "rate_mva": 500.0}, index=["bank"]
    )
    load = pd.DataFrame({"bus": ["c"], "p_mw": [200.0], "q_mvar": [0.0]}, index=["load"])
    generator = pd.DataFrame({"bus": ["a"], "p_mw": [200.0], "p_max_mw": [900.0]}, index=["unit"])
    return gh.build_network(
        "three",
        bus=bus,
        line=line,
        transformer=transformer,
        load=load,
        generator=generator,
        snapshot=pd.DataFrame({"time": list(times.values())}, index=list(times)),
        documents={} if document is None else {"ratings": document},
        **tables,
    )


def test_snapshots_get_the_ratings_of_their_month() -> None:
    net = build({"july": "2025-07-15T14:00", "january": "2025-01-15T20:00"})
    rated = apply_seasonal_ratings(net)
    cold, warm = apply_snapshot(rated, "january"), apply_snapshot(rated, "july")
    assert cold.line.rate_mva.tolist()[:2] == [500.0, 300.0]
    assert cold.line.rate_b_mva["air"] == 550.0
    assert math.isnan(cold.line.rate_mva["free"])
    assert cold.transformer.rate_mva["bank"] == 550.0
    pd.testing.assert_frame_equal(warm.line, net.line)
    pd.testing.assert_frame_equal(rated.line, net.line)
    assert net.snapshot_value.empty


def test_loading_falls_by_the_factor_and_flows_stay() -> None:
    net = build({"july": "2025-07-15T14:00", "january": "2025-01-15T20:00"})
    rated = apply_seasonal_ratings(net)
    for snapshot, factor in (("january", 1.25), ("july", 1.0)):
        plain, seasonal = (gh.run_power_flow(one, snapshot).branch for one in (net, rated))
        assert seasonal.p_from_mw.equals(plain.p_from_mw)
        assert seasonal.loading_percent["air"] * factor == pytest.approx(plain.loading_percent["air"])
        assert seasonal.loading_percent["earth"] == plain.loading_percent["earth"]


def test_snapshot_applied_twice_is_rated_once() -> None:
    rated = apply_seasonal_ratings(build({"january": "2025-01-15T20:00"}))
    twice = apply_snapshot(apply_snapshot(rated, "january"), "january")
    assert twice.line.rate_mva["air"] == 500.0


def test_values_that_snapshots_hold_already_stay() -> None:
    value = {"snapshot": "january", "table": "load", "id": "load", "column": "p_mw", "value": "250.0"}
    net = build({"january": "2025-01-15T20:00"}, snapshot_value=pd.DataFrame([value], index=["1"]))
    state = apply_snapshot(apply_seasonal_ratings(net), "january")
    assert state.load.p_mw["load"] == 250.0
    assert state.line.rate_mva["air"] == 500.0


def test_seasons_that_cannot_be_known_are_refused() -> None:
    with pytest.raises(OptionError, match="no seasonal ratings"):
        apply_seasonal_ratings(build({"january": "2025-01-15T20:00"}, document=None))
    with pytest.raises(OptionError, match="have no time, so no season: some"):
        apply_seasonal_ratings(build({"january": "2025-01-15T20:00", "some": ""}))
    with pytest.raises(OptionError, match="no snapshots"):
        apply_seasonal_ratings(build({}))
    rated = apply_seasonal_ratings(build({"january": "2025-01-15T20:00"}))
    with pytest.raises(OptionError, match="ratings by snapshot already"):
        apply_seasonal_ratings(rated)


def test_every_rating_column_of_the_schema_is_known() -> None:
    net = build({})
    assert [name for name in net.line.columns if name.startswith("rate_")] == list(RATING_COLUMNS)
