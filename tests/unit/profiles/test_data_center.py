"""Data centers: PUE, use, load factor, ramp, and agreement with what is placed on the grid."""

from __future__ import annotations

import numpy as np
import pytest

from gridhub.errors import InputError
from gridhub.placement.hub import DataCenter
from gridhub.profiles.cooling import COOLING_PUE, DEFAULT_COOLING, HOT_HOUR_C, compute_hot_pue, compute_pue
from gridhub.profiles.data_center import (
    DataCenterLoad,
    Flexibility,
    build_data_center_load,
    build_utilisation,
)

KINDS = ("training", "inference", "mixed")


@pytest.fixture(scope="module")
def haenam_c(cells, air_c) -> np.ndarray:
    return air_c[:, cells.find([34.68], [126.43], ["Solaseado"])[0]]


@pytest.mark.parametrize("cooling", COOLING_PUE)
def test_pue_rises_with_heat_up_to_that_of_the_contract(cooling):
    air = np.array([-10.0, 15.0, 25.0, HOT_HOUR_C, 40.0])
    pue = compute_pue(cooling, air)
    mean, slope = COOLING_PUE[cooling]
    assert pue == pytest.approx([mean, mean, mean + 10 * slope, mean + 20 * slope, mean + 20 * slope])
    assert pue[-1] == pytest.approx(compute_hot_pue(cooling))
    assert compute_pue(cooling, air, 1.9)[[0, 3]] == pytest.approx([1.9 - 20 * slope, 1.9])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cooling", ["air", "direct_to_chip", "immersion"])
def test_the_load_factor_is_met_below_the_contract(hours, haenam_c, kind, cooling):
    center = DataCenter("hall", contract_mw=1000.0, bus="b", cooling=cooling)
    load = DataCenterLoad.of(center, kind)
    made = build_data_center_load(load, hours, haenam_c, seed=2)
    assert load.find_contract_mw(2025) == pytest.approx(center.contract_mw)
    assert made.p_mw.sum() == pytest.approx(center.energy_mwh, rel=1e-9)
    assert made.p_mw.max() <= 1000.0 + 1e-9
    assert made.p_mw == pytest.approx(made.it_mw * made.pue)
    assert made.it_mw.max() <= center.it_mw + 1e-9


def test_training_is_flat_with_pauses_and_inference_follows_the_day(hours):
    training = build_utilisation(DataCenterLoad("t", 100.0, utilisation="training"), hours, 1)
    pauses = training < 1.0
    assert 0.002 < pauses.mean() < 0.04
    assert training[~pauses].min() == 1.0
    inference = build_utilisation(DataCenterLoad("i", 100.0, utilisation="inference"), hours, 1)
    assert inference[hours.hour == 16].mean() > 1.5 * inference[hours.hour == 4].mean()
    assert inference[hours.dayofweek == 6].mean() < inference[hours.dayofweek == 2].mean()


def test_pauses_are_drawn_from_seed_and_name(hours):
    def make(name: str, seed: int) -> bytes:
        return build_utilisation(DataCenterLoad(name, 1.0, utilisation="training"), hours, seed).tobytes()

    assert make("a", 1) == make("a", 1)
    assert len({make("a", 1), make("b", 1), make("a", 2)}) == 3


def test_the_ramp_gives_each_year_its_power(hours, haenam_c):
    ramp = {2028: 50.0, 2030: 200.0}
    load = DataCenterLoad("hall", 200.0, cooling="air", load_factor=0.7, ramp=ramp)
    assert [load.find_it_mw(year) for year in (2027, 2028, 2029, 2030, 2035)] == [
        0.0,
        50.0,
        50.0,
        200.0,
        200.0,
    ]
    assert load.find_contract_mw(2028) == pytest.approx(50.0 * 1.57)
    assert build_data_center_load(load, hours, haenam_c, seed=1).p_mw.max() == 0.0


def test_flexible_power_is_an_offer_beside_the_load(hours, haenam_c):
    offer = Flexibility(share=0.25, energy_percent=0.5)
    plain, flexible = (
        build_data_center_load(DataCenterLoad("h", 100.0, flexibility=one), hours, haenam_c, 1)
        for one in (Flexibility(), offer)
    )
    assert flexible.p_mw.tobytes() == plain.p_mw.tobytes()
    # 100 MW of IT, direct to chip
    contract = 100.0 * compute_hot_pue(DEFAULT_COOLING)
    assert flexible.flexible_mw == pytest.approx(np.full(len(hours), 0.25 * contract))
    every = DataCenterLoad("h", 100.0, flexibility=Flexibility(1.0))
    made = build_data_center_load(every, hours, haenam_c, 1)
    assert made.flexible_mw == pytest.approx(made.p_mw)
    assert flexible.flexible_mwh == pytest.approx(0.005 * flexible.p_mw.sum())
    assert plain.flexible_mwh == 0.0


def test_a_load_factor_above_full_use_is_refused_with_the_highest(hours, haenam_c):
    with pytest.raises(InputError, match="give at most that"):
        build_data_center_load(DataCenterLoad("h", 100.0, load_factor=0.99), hours, haenam_c, 1)


def test_every_bad_value_is_named_at_once():
    with pytest.raises(InputError) as caught:
        DataCenterLoad("h", -1.0, cooling="sea", pue=0.9, load_factor=1.2, utilisation="idle")  # type: ignore[arg-type]
    assert len(caught.value.issues) == 5
    wrong = Flexibility(1.5, hours=0.0, energy_percent=-1.0, notice_hours=float("nan"))
    with pytest.raises(InputError) as caught:
        DataCenterLoad("h", 1.0, flexibility=wrong)
    names = ("share", "hours", "energy_percent", "notice_hours")
    assert [one.column for one in caught.value.issues] == [f"flexibility.{name}" for name in names]


def test_a_contract_hands_over_its_use_its_ramp_and_its_offer():
    center = DataCenter("hall", contract_mw=120.0, it_mw=100.0, bus="b", flexible_share=0.2)
    load = DataCenterLoad.of(center)
    # what a contract assumes where nothing is said is what the load assumes
    assert load == DataCenterLoad("hall", 100.0, pue=1.2, flexibility=Flexibility(0.2))
    own = DataCenter(
        "hall",
        it_mw=100.0,
        bus="b",
        utilisation="training",
        training_share=0.9,
        ramp={2028: 40.0, 2030: 100.0},
        flexible_share=0.2,
        flexible_hours=2.0,
        flexible_energy_percent=1.0,
        flexible_notice_hours=0.5,
    )
    load = DataCenterLoad.of(own)
    assert (load.utilisation, load.training_share, load.find_it_mw(2029)) == ("training", 0.9, 40.0)
    assert load.flexibility == Flexibility(0.2, 2.0, 1.0, 0.5)
    assert DataCenterLoad.of(own, "inference", {}).find_it_mw(2025) == 100.0


def test_a_ramp_is_settled_in_a_year(hours, haenam_c):
    load = DataCenterLoad("hall", 100.0, ramp={2028: 40.0, 2030: 100.0})
    assert build_data_center_load(load, hours, haenam_c, 1).p_mw.max() == 0.0
    settled = build_data_center_load(load.settle(2029), hours, haenam_c, 1)
    whole = build_data_center_load(load.settle(2030), hours, haenam_c, 1)
    assert settled.p_mw == pytest.approx(0.4 * whole.p_mw)
    with pytest.raises(InputError, match=r"nothing in 2025: the ramp begins in 2028"):
        load.settle(2025)
