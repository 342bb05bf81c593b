from __future__ import annotations

import math

import pytest

from gridhub.errors import PlacementError
from gridhub.placement.hub import DataCenter, Hub, OnSiteGenerator, RenewablePlant, Storage
from gridhub.profiles.cooling import compute_hot_pue

PLACE = {"lat": 35.0, "lon": 127.0}


def test_contract_and_it_power_complete_each_other():
    from_it = DataCenter("a", it_mw=100.0, pue=1.25, **PLACE)
    assert from_it.contract_mw == pytest.approx(125.0)
    from_contract = DataCenter("a", contract_mw=1000.0, cooling="direct_to_chip", **PLACE)
    assert from_contract.pue == pytest.approx(compute_hot_pue("direct_to_chip"))
    assert from_contract.it_mw * from_contract.pue == pytest.approx(1000.0)
    both = DataCenter("a", contract_mw=130.0, it_mw=100.0, **PLACE)
    assert both.pue == pytest.approx(1.3)


def test_a_ramp_leaves_a_data_center_usable_as_a_key():
    one = DataCenter("a", it_mw=100.0, ramp={2028: 40.0}, **PLACE)
    assert {one: 1}[DataCenter("a", it_mw=100.0, ramp={2028: 40.0}, **PLACE)] == 1
    assert one != DataCenter("a", it_mw=100.0, **PLACE)


def test_reactive_power_and_energy_follow_from_contract_power():
    center = DataCenter("a", contract_mw=1000.0, power_factor=0.95, load_factor=0.86, **PLACE)
    assert math.hypot(1000.0, center.q_mvar) == pytest.approx(1000.0 / 0.95)
    assert center.energy_mwh == pytest.approx(860.0 * 8760)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, "neither contract_mw nor it_mw"),
        ({"contract_mw": -5.0}, "positive"),
        ({"contract_mw": math.inf}, "positive"),
        ({"contract_mw": 200.0, "it_mw": 100.0, "pue": 1.2}, "do not agree"),
        ({"contract_mw": 90.0, "it_mw": 100.0}, "below 1"),
        ({"contract_mw": 100.0, "pue": 0.9}, "below 1"),
        ({"contract_mw": 100.0, "power_factor": 1.2}, "between 0 and 1"),
        ({"contract_mw": 100.0, "power_factor": 0.1}, "below 0.5"),
        ({"contract_mw": 100.0, "cooling": "sea"}, "not known"),
        ({"contract_mw": 100.0, "lat": None, "lon": None}, "neither a bus nor"),
        ({"contract_mw": 100.0, "lon": None}, "come together|neither a bus"),
        ({"contract_mw": 100.0, "lat": 127.0, "lon": 35.0}, "not a place"),
        ({"contract_mw": 100.0, "name": " "}, "needs a name"),
        ({"contract_mw": 100.0, "utilisation": "mining"}, "utilisation = mining"),
        ({"contract_mw": 100.0, "it_mw": 80.0, "ramp": {2028: 40.0, 2030: 90.0}}, "above it_mw = 80"),
        ({"contract_mw": 100.0, "ups_mw": -1.0, "ups_minutes": math.nan}, "ups_mw = -1.*ups_minutes = nan"),
        ({"contract_mw": 100.0, "ride_through_vm_pu": 1.0}, "between 0 and 1"),
        (
            {"contract_mw": 100.0, "flexible_hours": 0.0, "ride_through_s": -0.1},
            "flexible_hours.*ride_through_s",
        ),
    ],
)
def test_data_center_refuses_what_cannot_be(changes, says):
    with pytest.raises(PlacementError, match=says):
        DataCenter(**{"name": "a", **PLACE, **changes})


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: RenewablePlant("s", kind="tidal", p_mw=1.0, **PLACE), "tidal"),
        (lambda: RenewablePlant("s", p_mw=math.nan, **PLACE), "positive"),
        (lambda: RenewablePlant("s", p_mw=10.0, output=1.5, **PLACE), "between 0 and 1"),
        (lambda: RenewablePlant("s", p_mw=10.0), "neither a bus"),
        (lambda: Storage("b", p_mw=10.0, **PLACE), "e_mwh"),
        (lambda: Storage("b", p_mw=10.0, e_mwh=40.0, efficiency=1.2, **PLACE), "efficiency"),
        (lambda: Storage("b", p_mw=10.0, e_mwh=40.0, output={"x": -2.0}, **PLACE), "between -1 and 1"),
        (lambda: OnSiteGenerator("g"), "p_mw"),
        (lambda: OnSiteGenerator("g", kind="nuclear", p_mw=10.0), "gas_turbine"),
        (lambda: OnSiteGenerator("g", fuel="wind", p_mw=10.0), "sun and wind"),
        (lambda: OnSiteGenerator("g", p_mw=10.0, p_min_mw=11.0), "p_min_mw"),
        (lambda: OnSiteGenerator("g", p_mw=10.0, cost_per_mwh=math.inf), "cost_per_mwh"),
        (lambda: OnSiteGenerator("g", p_mw=10.0, output=1.2), "between 0 and 1"),
    ],
)
def test_plants_and_storage_refuse_what_cannot_be(make, says):
    with pytest.raises(PlacementError, match=says):
        make()


def test_hub_lists_its_parts_and_refuses_one_name_twice():
    center = DataCenter("a", contract_mw=10.0, **PLACE)
    sun = RenewablePlant("sun", p_mw=10.0, **PLACE)
    assert Hub(center, plants=[sun]).parts == (center, sun)
    with pytest.raises(PlacementError, match="two parts are called sun"):
        Hub(center, plants=[sun, sun])


def test_on_site_generation_burns_what_its_kind_does_unless_told():
    kinds = ("gas_turbine", "gas_engine", "diesel", "fuel_cell")
    assert [OnSiteGenerator("g", kind, 10.0).fuel for kind in kinds] == ["lng", "lng", "oil", "lng"]
    assert OnSiteGenerator("g", "fuel_cell", 10.0, fuel="other").fuel == "other"
    center = DataCenter("a", contract_mw=10.0, **PLACE)
    unit = OnSiteGenerator("gt", p_mw=10.0)
    assert Hub(center, generators=[unit]).parts == (center, unit)
    assert Hub(center, generators=[unit]).plants_and_storage == ()
