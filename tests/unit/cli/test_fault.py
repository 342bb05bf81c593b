from __future__ import annotations

import json
from pathlib import Path

import pytest

from gridhub.model.files import read_network, write_network
from tests.unit.cli.conftest import build_ring
from tests.unit.cli.test_voltage import run


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    """The ring, its southern load a data center."""
    net = build_ring(spur=2)
    write_network(net.replace(load=net.load.assign(kind=["", "data_center"])), tmp_path / "hub")
    return tmp_path / "hub"


def test_fault_levels(hub: Path, tmp_path: Path):
    code, out, _ = run("fault", hub, "--criteria", "korea")
    assert code == 0
    assert "fault level kA" in out
    assert "신가평" in out
    document = json.loads(run("fault", hub, "--criteria", "korea", "--json", "--out", tmp_path / "page")[1])
    assert document["snapshot"] == "day"
    levels = {row["bus"]: row["ik_ka"] for row in document["buses"]}
    # the only machine stands at A: the level falls with the distance from it
    assert levels["A"] > levels["B"] > levels["C"] > levels["E"] > 0
    assert Path(document["report"]).exists()
    assert document["assumptions"]


def test_a_fault_trips_the_data_center(hub: Path, tmp_path: Path):
    args = ("fault", hub, "--at", "C", "--ride-through", "0.7")
    code, out, _ = run(*args, "--lost", "L2")
    assert code == 0
    assert "50.0 MW of 1 loads trip" in out
    assert run(*args, "--fail-on", "trip")[0] == 1
    document = json.loads(run(*args, "--json", "--out", tmp_path / "page")[1])
    during = {row["bus"]: row["during_vm_pu"] for row in document["buses"]}
    assert during["C"] == pytest.approx(0.0, abs=1e-9)
    assert [row["load"] for row in document["tripped"]] == ["LE"]
    assert (tmp_path / "page" / "map.svg").exists()


def test_a_dip_shorter_than_the_load_bears_trips_nothing(hub: Path, tmp_path: Path):
    net = read_network(hub)
    write_network(net.replace(load=net.load.assign(ride_through_s=0.2)), tmp_path / "patient")
    args = ("fault", tmp_path / "patient", "--at", "C", "--ride-through", "0.7")
    assert "50.0 MW of 1 loads trip" in run(*args)[1]
    assert "0.0 MW of 1 loads trip" in run(*args, "--clearing", "0.1")[1]
    document = json.loads(run(*args, "--clearing", "0.3", "--json")[1])
    assert (document["tripped_mw"], document["clearing_s"]) == (50.0, 0.3)
    ranked = json.loads(run(*args[:2], "--rank", *args[4:], "--clearing", "0.1", "--json")[1])
    assert {row["tripped_mw"] for row in ranked["faults"]} == {0.0}


def test_the_hub_of_a_study_leaves_the_grid_where_its_supply_says(tmp_path: Path):
    write_network(build_ring(spur=2), tmp_path / "ring")
    study = tmp_path / "study.toml"
    head = 'schema_version = 1\nname = "s"\nnetwork = "ring"\n[hub.data_center]\nname = "hall"\n'
    found = {}
    for vm_pu in (0.3, 0.95):
        own = f'bus = "B"\ncontract_mw = 40\nride_through_vm_pu = {vm_pu}\nride_through_s = 0.2\n'
        study.write_text(head + own, encoding="utf-8")
        args = ("fault", tmp_path / "ring", "--hub", study, "--at", "D", "--criteria", "none", "--json")
        found[vm_pu] = json.loads(run(*args)[1])
    during = {row["bus"]: row["during_vm_pu"] for row in found[0.3]["buses"]}["B"]
    assert 0.3 < during < 0.95
    assert [row["load"] for row in found[0.3]["tripped"]] == []
    assert [row["load"] for row in found[0.95]["tripped"]] == ["hub:hall"]
    assert json.loads(run(*args, "--clearing", "0.1")[1])["tripped"] == []
    swing = ("voltage", tmp_path / "ring", "--hub", study, "--fluctuation", "hub:hall=50/0.5", "--json")
    assert json.loads(run(*swing)[1])["fluctuation"]["change_mw"] == pytest.approx(20.0)


def test_faults_are_ranked_by_what_they_trip(hub: Path):
    document = json.loads(run("fault", hub, "--rank", "--ride-through", "0.7", "--json")[1])
    assert document["faults"][0]["tripped_mw"] == pytest.approx(50.0)
    assert "Faults, largest loss first" in run("fault", hub, "--rank", "--ride-through", "0.7")[1]


def test_what_cannot_be_is_refused(hub: Path, tmp_path: Path):
    assert run("fault", hub, "--at", "C", "--rank", "--ride-through", "0.7")[0] == 2
    assert run("fault", hub, "--rank", "--out", tmp_path)[0] == 2
    assert run("fault", hub, "--at", "Z", "--ride-through", "0.7")[0] == 2
    code, _, err = run("fault", hub, "--at", "C", "--criteria", "none")
    assert code == 2
    assert "ride_through_vm_pu" in err
