from __future__ import annotations

import pandas as pd
import pytest

from gridhub.case.compile import compile_case
from gridhub.errors import PlacementError
from gridhub.geo import calculate_distance_km
from gridhub.placement.hub import DataCenter, Hub, RenewablePlant, Storage
from gridhub.placement.place import find_site_bus, place
from tests.unit.placement.small_grid import build_small_grid


@pytest.fixture(scope="module")
def grid():
    return build_small_grid()


def test_one_gigawatt_goes_to_the_nearest_345_kv_site(grid):
    net = place(grid, DataCenter("dc", contract_mw=1000.0, lat=35.1, lon=127.17))
    row = net.placements.iloc[0]
    straight = float(calculate_distance_km(35.1, 127.17, 35.0, 127.2))
    assert (row["site_bus"], row["vn_kv"], row["feeders"]) == ("middle", 345.0, 2)
    assert row["distance_km"] == pytest.approx(straight, abs=1e-3)
    feeders = net.line[net.line.index.str.startswith("hub:dc:feeder")]
    assert feeders["length_km"].to_numpy() == pytest.approx(1.3 * straight)
    assert feeders["x_ohm"].to_numpy() == pytest.approx(0.30 * 1.3 * straight)
    assert set(feeders["from_bus"]) == {"middle"} and set(feeders["to_bus"]) == {"hub:dc"}
    load = net.load.loc["hub:dc"]
    assert load["kind"] == "data_center" and load["p_mw"] == 1000.0
    assert load["q_mvar"] == pytest.approx(328.684, abs=1e-3)  # 1000 tan(acos 0.95)
    assert row["earliest_energisation"] == "2027-05" and "grid-impact-assessment" in row["basis"]


def test_feeders_survive_the_loss_of_one(grid):
    net = place(grid, DataCenter("dc", contract_mw=350.0, power_factor=0.7, lat=35.1, lon=127.0))
    feeders = net.line[net.line.index.str.startswith("hub:dc:feeder")]
    assert (feeders["rate_mva"].sum() - feeders["rate_mva"].max()) >= 350.0 / 0.7
    assert len(feeders) == 3


def test_154_kv_customer_uses_the_154_kv_bus_where_there_is_one(grid):
    row = place(grid, DataCenter("dc", contract_mw=200.0, lat=35.05, lon=127.0)).placements.iloc[0]
    assert (row["site_bus"], row["vn_kv"], row["banks"]) == ("west154", 154.0, 0)


def test_154_kv_customer_brings_own_banks_to_a_345_kv_site(grid):
    net = place(grid, DataCenter("dc", contract_mw=200.0, lat=35.05, lon=127.2))
    row = net.placements.iloc[0]
    assert (row["site_bus"], row["banks"], row["bank_mva"]) == ("middle", 2, 500.0)
    banks = net.transformer[net.transformer.index.str.startswith("hub:")]
    assert set(banks["from_bus"]) == {"middle"} and set(banks["to_bus"]) == {"hub:dc:site"}
    assert banks["x_pu"].to_numpy() == pytest.approx(0.14 * 100 / 500)
    assert set(net.line.loc["hub:dc:feeder:1", ["from_bus", "to_bus"]]) == {"hub:dc:site", "hub:dc"}
    assert net.bus.at["hub:dc:site", "vn_kv"] == 154.0


def test_plant_yards_equivalents_and_lone_buses_take_no_customer(grid):
    row = place(grid, DataCenter("dc", contract_mw=1000.0, lat=35.0, lon=126.6)).placements.iloc[0]
    assert row["site_bus"] == "west"
    with pytest.raises(PlacementError, match="no site that can") as error:
        place(grid, DataCenter("dc", contract_mw=100.0, lat=33.5, lon=126.5))
    assert "154" in str(error.value) and "jeju" not in str(error.value).split("nearest buses")[0]


@pytest.mark.parametrize(
    ("bus", "says"),
    [
        ("town", "22.9 kV; nearest candidates: middle"),
        ("lone", "isolated"),
        ("off", "out of service"),
        ("nowhere", "no bus 'nowhere'"),
    ],
)
def test_a_bus_that_cannot_take_it_is_refused_with_alternatives(grid, bus, says):
    with pytest.raises(PlacementError, match=says) as error:
        place(grid, DataCenter("dc", contract_mw=1000.0, bus=bus))
    assert "345 kV" in str(error.value) or bus == "nowhere"


def test_low_voltage_bus_is_refused_without_rules_too():
    grid = build_small_grid(rules=False)
    with pytest.raises(PlacementError, match="physical grounds"):
        place(grid, DataCenter("dc", contract_mw=1000.0, bus="town"))
    with pytest.raises(PlacementError, match="no connection rules"):
        place(grid, DataCenter("dc", contract_mw=1000.0, lat=35.0, lon=127.0))
    row = place(grid, DataCenter("dc", contract_mw=1000.0, bus="middle")).placements.iloc[0]
    assert (row["bus"], row["feeders"], row["earliest_energisation"]) == ("middle", 0, "")


def test_a_small_part_is_refused_where_the_network_has_no_distribution(grid):
    far = DataCenter("dc", contract_mw=5.0, lat=35.0, lon=126.0)
    with pytest.raises(PlacementError, match=r"22\.9 kV"):
        place(grid, far)


def test_generation_rule_of_the_area_sets_the_date(grid):
    parts = [
        RenewablePlant("sun", p_mw=1500.0, lat=35.1, lon=127.2),
        RenewablePlant("sea", kind="offshore_wind", p_mw=500.0, lat=35.1, lon=127.2),
        Storage("cell", p_mw=500.0, e_mwh=3000.0, lat=35.1, lon=127.2),
    ]
    table = place(grid, parts).placements.set_index("part")
    assert list(table["earliest_energisation"]) == ["2032-01", "2032-01", "2026-11"]
    assert table.at["sun", "deciding_rule"] == "grid-managed-substations"
    assert "storage-exception" in table.at["cell", "rules"]


def test_plants_produce_their_share_in_every_snapshot_and_take_no_slack(grid):
    net = place(grid, RenewablePlant("sun", p_mw=1000.0, lat=35.1, lon=127.2))
    power = {name: compile_case(net, name).generator_p[-1] * net.base_mva for name in net.snapshots}
    assert power == pytest.approx({"summer_peak": 330.0, "summer_midday": 750.0})
    assert net.generator.at["hub:sun", "participation"] == 0.0
    given = RenewablePlant("sun", p_mw=100.0, bus="middle", kind="wind", output={"summer_peak": 0.5})
    with pytest.raises(PlacementError, match="nothing of snapshot summer_midday"):
        place(grid, given)


def test_behind_the_meter_stands_on_the_hub_bus_and_exports_nothing(grid):
    center = DataCenter("dc", contract_mw=500.0, lat=35.1, lon=127.2)
    sun = RenewablePlant("sun", p_mw=1000.0, lat=35.2, lon=127.2)
    net = place(grid, Hub(center, plants=[sun], behind_the_meter=True))
    row = net.placements.set_index("part").loc["sun"]
    assert row["bus"] == "hub:dc" and row["earliest_energisation"] == "2026-11"
    values = net.snapshot_value.query("column == 'p_mw'").set_index("snapshot")["value"].astype(float)
    assert values.to_dict() == pytest.approx({"summer_peak": 330.0, "summer_midday": 500.0})
    assert not net.generator.at["hub:sun", "metered"] and "no export" in row["note"]


def test_a_hub_above_the_largest_loss_is_split_over_two_sites(grid):
    net = place(grid, DataCenter("dc", contract_mw=2000.0, lat=35.1, lon=127.2))
    assert list(net.placements["site_bus"])[0] == "middle"
    assert len(set(net.placements["site_bus"])) == 2
    assert net.load["p_mw"][net.load.index.str.startswith("hub:")].tolist() == [1000.0, 1000.0]
    assert net.placements["note"].str.contains("split over two").all()
    assert find_site_bus(net, "dc") == "middle"
    huge = place(grid, DataCenter("dc", contract_mw=3000.0, lat=35.1, lon=127.2))
    assert huge.placements["note"].str.contains("frequency study required").all()
    named = place(grid, DataCenter("dc", contract_mw=2000.0, bus="middle"))
    assert len(named.placements) == 1 and "frequency study required" in named.placements["basis"][0]


def test_the_input_is_left_alone_and_names_are_used_once(grid):
    before = {name: table.copy() for name, table in grid.tables.items()}
    net = place(grid, DataCenter("dc", contract_mw=300.0, bus="middle"))
    for name, table in grid.tables.items():
        pd.testing.assert_frame_equal(table, before[name])
    assert not len(grid.placements)
    with pytest.raises(PlacementError, match="placed already"):
        place(net, DataCenter("dc", contract_mw=300.0, bus="east"))
    with pytest.raises(PlacementError, match="nothing to place"):
        place(grid, [])


def test_names_are_data_not_ids_of_something_else(grid):
    net = place(grid, DataCenter('솔라시도 <b>"x"', contract_mw=300.0, lat=35.1, lon=127.2))
    assert net.bus.at['hub:솔라시도 <b>"x"', "name"] == '솔라시도 <b>"x"'


def test_a_part_beside_the_data_center_shares_its_feeders_while_they_have_room(grid):
    center = DataCenter("dc", contract_mw=1000.0, lat=35.1, lon=127.2)
    cell = Storage("cell", p_mw=500.0, e_mwh=3000.0, lat=35.1, lon=127.2)
    more = Storage("more", p_mw=800.0, e_mwh=800.0, lat=35.1, lon=127.2)
    far = RenewablePlant("far", p_mw=500.0, lat=35.15, lon=127.2)
    table = place(grid, Hub(center, plants=[far], storage=[cell, more])).placements.set_index("part")
    assert (table.at["cell", "bus"], table.at["cell", "feeders"]) == ("hub:dc", 0)
    assert table.at["cell", "earliest_energisation"] == "2026-11"
    # 2,172 MVA stay after the loss of one; 1,053 and 526 are taken, 842 more do not fit
    assert (table.at["more", "bus"], table.at["more", "feeders"]) == ("hub:more", 2)
    assert table.at["far", "bus"] == "hub:far"
    assert table.at["far", "earliest_energisation"] == "2032-01"


def test_the_row_of_the_load_holds_what_its_uninterruptible_supply_bears(grid):
    plain = place(grid, DataCenter("dc", contract_mw=300.0, bus="middle")).load.loc["hub:dc"]
    assert pd.isna(plain["ride_through_vm_pu"]) and plain["ride_through_s"] == 0.0
    own = DataCenter("dc", contract_mw=300.0, bus="middle", ride_through_vm_pu=0.5, ride_through_s=0.15)
    row = place(grid, own).load.loc["hub:dc"]
    assert (row["ride_through_vm_pu"], row["ride_through_s"]) == (0.5, 0.15)
