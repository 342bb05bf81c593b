"""A year for a network: energies, plants by place, data centers, own series, the same bytes again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import gridhub as gh
from gridhub.errors import InputError, OptionError
from gridhub.model.network import Network, build_network
from gridhub.profiles.data_center import DataCenterLoad
from gridhub.profiles.weather import build_hours


@pytest.fixture(scope="module")
def document(repo_root: Path) -> str:
    return (repo_root / "networks/korea/profiles.toml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def net(document: str) -> Network:
    """Seoul and Haenam: demand at both, sun, wind and a data center in Haenam, gas in Seoul."""
    bus = pd.DataFrame(
        {"vn_kv": 345.0, "lat": [37.57, 34.57], "lon": [126.98, 126.60], "reference": [True, False]},
        index=["seoul", "haenam"],
    )
    line = pd.DataFrame(
        {"from_bus": "seoul", "to_bus": "haenam", "r_ohm": 1.0, "x_ohm": 30.0, "rate_mva": 5000.0},
        index=["l"],
    )
    load = pd.DataFrame(
        {
            "bus": ["seoul", "haenam", "haenam", "haenam"],
            "p_mw": [100.0, 50.0, 10.0, 300.0],
            "annual_gwh": [600.0, 200.0, 40.0, np.nan],
            "kind": ["demand", "demand", "demand", "data_center"],
            "province": ["Seoul", "Jeonnam", "Jeonnam", ""],
            "name": ["city", "town", "closed", "hall"],
            "in_service": [True, True, False, True],
        },
        index=["city", "town", "closed", "hub:hall"],
    )
    generator = pd.DataFrame(
        {
            "bus": ["haenam", "haenam", "seoul"],
            "p_mw": [0.0, 0.0, 400.0],
            "p_max_mw": [200.0, 100.0, 900.0],
            "fuel": ["solar", "wind", "lng"],
        },
        index=["sun", "wind", "gas"],
    )
    return build_network(
        "two", bus=bus, line=line, load=load, generator=generator, documents={"profiles": document}
    )


@pytest.fixture(scope="module")
def profiles(net):
    return gh.make_profiles(net, 2025, seed=4)


def test_hours_and_ids_are_those_of_the_network(net, profiles):
    load, plants = profiles["load", "p_mw"], profiles["generator", "p_mw"]
    assert set(profiles) == {("load", "p_mw"), ("generator", "p_mw")}
    assert list(load.columns) == ["city", "town", "hub:hall"]
    assert list(plants.columns) == ["sun", "wind"]
    assert load.index.equals(build_hours(2025, "Asia/Seoul"))
    assert load.index.equals(plants.index)
    assert "synthetic, seed 4" in load.attrs["basis"]


def test_loads_keep_their_shares_of_the_energy(net, profiles):
    energy = profiles["load", "p_mw"][["city", "town"]].sum()
    assert energy["city"] / energy.sum() == pytest.approx(600.0 / 800.0, rel=1e-6)
    # 800 GWh of the region's 549,818: the same share of its energy at the buses
    assert energy.sum() == pytest.approx(586.1e6 * 800.0 / 549_818.0, rel=1e-5)


def test_plants_produce_between_nothing_and_their_capacity(profiles):
    plants = profiles["generator", "p_mw"]
    assert plants.min().min() >= 0.0
    assert plants["sun"].max() <= 200.0
    assert plants["wind"].max() <= 100.0
    assert plants["sun"].mean() / 200.0 == pytest.approx(0.155, abs=0.02)
    assert plants["wind"].mean() / 100.0 == pytest.approx(0.23, abs=0.05)


def test_a_data_center_draws_its_load_factor_and_the_notes_say_it_is_assumed(profiles):
    hall = profiles["load", "p_mw"]["hub:hall"]
    assert hall.mean() == pytest.approx(0.86 * 300.0, rel=1e-4)
    assert hall.max() <= 300.0
    assert any("hub:hall" in note and "assumed" in note for note in profiles.notes)


def test_the_summary_names_every_figure_with_its_source(profiles):
    summary = profiles.summary
    assert {"energy", "highest demand", "lowest demand", "capacity factor of solar"} <= set(summary.index)
    assert summary.loc["highest demand", "source"].startswith("imbc")


def test_the_same_seed_gives_the_same_bytes_and_another_gives_others(net, profiles):
    again, other = gh.make_profiles(net, 2025, seed=4), gh.make_profiles(net, 2025, seed=5)
    for key, frame in profiles.items():
        assert again[key].to_numpy().tobytes() == frame.to_numpy().tobytes()
        assert other[key].to_numpy().tobytes() != frame.to_numpy().tobytes()


def test_another_plant_leaves_the_others_as_they_are(net, profiles):
    generator = net.generator
    generator.loc["more"] = generator.loc["sun"]
    generator.loc["more", "bus"] = "seoul"
    more = gh.make_profiles(net.replace(generator=generator), 2025, seed=4)
    for name in ("sun", "wind"):
        assert more["generator", "p_mw"][name].tolist() == profiles["generator", "p_mw"][name].tolist()
    assert more["load", "p_mw"].equals(profiles["load", "p_mw"])


def test_a_year_of_power_flows_runs_on_them(net, profiles):
    series = gh.run_time_series(net, profiles, method="dc")
    assert series.summary["hours"] == 8760
    drawn = float(profiles["load", "p_mw"].sum().sum())
    assert series.summary["load_mwh"] == pytest.approx(drawn, rel=1e-9)


def test_own_series_replace_what_is_made(net, profiles, tmp_path):
    hours = profiles["load", "p_mw"].index
    (tmp_path / "demand.csv").write_text(
        "hour,mw\n" + "".join(f"{hour:%Y-%m-%dT%H:%M},{1000 + hour.hour}\n" for hour in hours)
    )
    sun = pd.DataFrame({"cf": 0.5}, index=hours)
    wind = pd.DataFrame({"wind": 0.25}, index=hours)
    hall = pd.DataFrame({"hub:hall": 123.0}, index=hours)
    own = {"demand": tmp_path / "demand.csv", "solar": sun, "wind": wind, ("load", "p_mw"): hall}
    made = gh.make_profiles(net, 2025, seed=4, own=own)
    load, plants = made["load", "p_mw"], made["generator", "p_mw"]
    assert load[["city", "town"]].sum(axis=1).to_numpy() == pytest.approx(1000.0 + hours.hour, abs=0.002)
    assert (plants["sun"] == 100.0).all()
    assert (plants["wind"] == 25.0).all()
    assert (load["hub:hall"] == 123.0).all()
    assert load.attrs["basis"] == "synthetic, seed 4; own series of demand; own series of 1 ids"
    assert plants.attrs["basis"] == "synthetic, seed 4; own series of solar; own series of wind"


def test_a_table_with_nothing_but_own_series_is_not_called_synthetic(net, profiles):
    hours = profiles["load", "p_mw"].index
    gas = pd.DataFrame({"gas": 500.0, "sun": 1.0, "wind": 2.0}, index=hours)
    made = gh.make_profiles(net, 2025, seed=4, own={("generator", "p_mw"): gas})
    assert made["generator", "p_mw"].attrs["basis"] == "own series of 3 ids"
    assert not any("dispatch" in note for note in made.notes)
    assert any("dispatch" in note for note in profiles.notes)


def test_faults_of_all_own_series_are_named_at_once(net):
    hours = build_hours(2025, "Asia/Seoul")
    own = {
        "demand": pd.DataFrame({"a": 1.0, "b": 1.0}, index=hours),
        "solar": pd.DataFrame({"all": 1.5}, index=hours),
        ("load", "p_mw"): pd.DataFrame({"nobody": 1.0}, index=hours[:-1]),
        ("generator", "p_mw"): pd.DataFrame({"nothing": 1.0}, index=hours),
    }
    with pytest.raises(InputError) as caught:
        gh.make_profiles(net, 2025, own=own)
    assert {issue.code for issue in caught.value.issues} == {"E-SERIES", "E-RANGE", "E-GAP", "E-REF"}


def test_unknown_series_and_data_centers_are_refused(net):
    with pytest.raises(OptionError, match="rain"):
        gh.make_profiles(net, 2025, own={"rain": "rain.csv"})
    with pytest.raises(OptionError, match="barn"):
        gh.make_profiles(net, 2025, data_centers=[DataCenterLoad("barn", 10.0)])


def test_a_network_without_document_or_place_says_what_to_do(net):
    with pytest.raises(OptionError, match="document"):
        gh.make_profiles(net.replace(documents={}))
    far = net.bus
    far.loc["haenam", ["lat", "lon"]] = [10.0, 10.0]
    with pytest.raises(InputError, match="haenam"):
        gh.make_profiles(net.replace(bus=far))


def test_a_placed_hub_has_its_own_hours():
    net = gh.load_network("korea-2025-backbone")
    center = gh.DataCenter("hall", contract_mw=1000.0, lat=34.68, lon=126.43)
    parts = [
        gh.RenewablePlant("field", kind="solar", p_mw=500.0, lat=34.7, lon=126.4),
        gh.RenewablePlant("sea", kind="offshore_wind", p_mw=400.0, lat=34.7, lon=126.2),
    ]
    placed = gh.place(net, gh.Hub(center, plants=parts))
    made = gh.make_profiles(placed, 2025, seed=1, data_centers=[center])
    halls = placed.load.index[placed.load.kind == "data_center"]
    assert made["load", "p_mw"][halls].sum(axis=1).mean() == pytest.approx(860.0, rel=1e-4)
    assert made["load", "p_mw"][halls].sum(axis=1).max() <= 1000.0 + 0.01
    plants = made["generator", "p_mw"]
    assert 0.13 < plants["hub:field"].mean() / 500.0 < 0.18
    assert 0.25 < plants["hub:sea"].mean() / 400.0 < 0.36
    assert not any("assumed" in note for note in made.notes)


def test_loads_without_annual_energy_reach_their_table_at_the_peak(net):
    made = gh.make_profiles(net.replace(load=net.load.drop(columns="annual_gwh")), 2025, seed=4)
    demand = made["load", "p_mw"][["city", "town"]].sum(axis=1)
    assert demand.max() == pytest.approx(150.0, abs=0.01)
    assert any("annual_gwh" in note for note in made.notes)


def test_made_year_knows_what_its_plants_are(profiles):
    assert dict(profiles.kinds) == {"sun": "solar", "wind": "wind"}
    typical = gh.pick_typical_weeks(profiles, 6)
    assert typical.energy.index.tolist() == ["load", "solar", "wind"]
