"""Lines are priced by voltage and construction; what is assumed of either is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from gridhub.analysis.works.candidates import Candidate, cost_route, find_line_price, list_route_candidates
from gridhub.costs import Costs, read_costs
from gridhub.model.network import Network, build_network

COSTS = read_costs(
    (Path(__file__).resolve().parents[4] / "networks" / "korea" / "costs.toml").read_text(encoding="utf-8")
)


def build_line(vn_kv: float, construction: str, **more: object) -> Network:
    row = {"from_bus": "a", "to_bus": "b", "length_km": 10.0, "r_ohm": 0.1, "x_ohm": 1.3, "rate_mva": 354.0}
    return build_network(
        "one",
        bus=pd.DataFrame({"vn_kv": vn_kv, "reference": [True, False]}, index=["a", "b"]),
        line=pd.DataFrame([row | {"construction": construction, "conductor": "c"} | more], index=["ab"]),
    )


def offer(net: Network, costs: Costs = COSTS) -> Candidate:
    (found,) = [one for one in list_route_candidates(net, costs, ["ab"]) if one.kind == "second_circuit"]
    return found


def leave_out(*items: str) -> Costs:
    return replace(COSTS, items={name: one for name, one in COSTS.items.items() if name not in items})


@pytest.mark.parametrize(
    ("vn_kv", "construction", "base", "lead"),
    [
        # route-km x km x share + two bays, with 20 % contingency
        (154.0, "overhead", (1.61 * 10 * 0.4 + 2 * 0.8) * 1.2, 4.0),
        (154.0, "cable", (12.9 * 10 * 0.6 + 2 * 0.8) * 1.2, 5.0),
        (345.0, "overhead", (3.22 * 10 * 0.4 + 2 * 2.0) * 1.2, 4.0),
        (345.0, "cable", (25.8 * 10 * 0.6 + 2 * 2.0) * 1.2, 5.0),
    ],
)
def test_a_second_circuit_costs_what_its_construction_costs(vn_kv, construction, base, lead):
    one = offer(build_line(vn_kv, construction))
    assert one.cost.base == pytest.approx(base)
    assert one.cost.lead_years == lead
    assert ("in a trench" if construction == "cable" else "on towers") in one.note
    assert "assumed" not in one.note and "not known" not in one.note
    route = cost_route(COSTS, vn_kv, construction, 10.0, 2)
    assert route is not None
    per_km = {154.0: {"overhead": 1.61, "cable": 12.9}, 345.0: {"overhead": 3.22, "cable": 25.8}}
    bay = {154.0: 0.8, 345.0: 2.0}
    assert route.base == pytest.approx((per_km[vn_kv][construction] * 10 + 4 * bay[vn_kv]) * 1.2)


def test_the_154_kv_cable_is_derived_as_its_source_says():
    cable, line = COSTS["line_154_cable"], COSTS["line_154_overhead"]
    ratio = COSTS["line_345_cable"].base / COSTS["line_345_overhead"].base
    assert cable.base == pytest.approx(line.base * ratio, rel=0.005)
    assert cable.low == pytest.approx(line.low * 4510 / 750, rel=0.005)
    assert cable.high == COSTS["line_345_cable"].base
    assert cable.source.startswith("derived") and cable.confidence == "L"


def test_a_cable_without_a_price_is_priced_as_overhead_and_says_so():
    one = offer(build_line(154.0, "cable"), leave_out("line_154_cable", "second_cable_share"))
    assert one.cost.base == pytest.approx((1.61 * 10 * 0.4 + 2 * 0.8) * 1.2)
    assert "a cable without a price of its own: as an overhead line" in one.note


@pytest.mark.parametrize(
    ("construction", "more", "text"),
    [
        ("", {}, "overhead or cable is not known: priced as an overhead line"),
        ("cable", {"assumed": True}, "that it is a cable is assumed"),
        ("overhead", {"confidence": "synthetic"}, "that it is an overhead line is assumed"),
    ],
)
def test_a_construction_without_a_source_is_said(construction, more, text):
    assert text in offer(build_line(154.0, construction, **more)).note


def test_a_voltage_without_a_price_has_none():
    assert find_line_price(COSTS, 22.9, "cable") is None
    assert find_line_price(leave_out("bay_154"), 154.0, "cable") is None
    assert cost_route(COSTS, 22.9, "cable", 10.0, 1) is None
