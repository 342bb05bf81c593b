from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import gridhub as gh
from gridhub.cli.main import app


def run(*args: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    assert "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout, result.stderr


def test_every_bus_its_room_and_the_rules(ring: Path):
    code, out, _ = run("host", ring, "--criteria", "none")
    assert code == 0
    assert "load each bus takes" in out and "솔라시도" in out
    assert "balanced as follows" in out and "not assessed" in out


def test_host_as_json(ring: Path):
    code, out, _ = run("host", ring, "--bus", "C", "--kind", "generation", "-o", "maximum_mw=100", "--json")
    document = json.loads(out)
    assert code == 0 and document["kind"] == "generation"
    assert [row["bus"] for row in document["buses"]] == ["C"]
    assert document["buses"][0]["firm_mw"] == pytest.approx(100.0)
    assert document["buses"][0]["flexible_1_mw"] is None


def test_two_buses_share_their_room(meshed: Path):
    some = ("--criteria", "none", "--bus", "B", "--bus", "C", "--share")
    code, out, _ = run("host", meshed, *some, "--json")
    document = json.loads(out)
    assert code == 0 and [row["bus"] for row in document["buses"]] == ["B", "C"]
    assert document["total_mw"] == pytest.approx(sum(row["mw"] for row in document["buses"]))
    assert [row["least_share"] for row in document["frontier"]] == [0.0, 0.25, 0.5, 0.75, 1.0]
    code, out, _ = run("host", meshed, *some)
    assert code == 0 and "frontier of the total" in out


def test_own_supply_has_a_column_where_it_is_asked_for(ring: Path, tmp_path: Path):
    day = tmp_path / "load.csv"
    day.write_text("hour,LE\n1,10\n2,90\n", encoding="utf-8")
    some = ("--criteria", "none", "--bus", "B", "-p", f"load.p_mw={day}")
    storage = ("--own", "storage_mw=0.5", "--own", "storage_hours=2")
    code, out, _ = run("host", ring, *some, *storage, "--json")
    row = json.loads(out)["buses"][0]
    assert code == 0 and row["own_mw"] > row["firm_mw"]
    code, out, _ = run("host", ring, *some, *storage)
    assert code == 0 and "0.5 MW of storage for 2 h" in out
    code, out, _ = run("host", ring, *some, "--json")
    assert code == 0 and json.loads(out)["buses"][0]["own_mw"] is None


def test_hours_count_by_their_weights(ring: Path, tmp_path: Path):
    day, weights = tmp_path / "load.csv", tmp_path / "typical_weight.csv"
    day.write_text("hour,LE\n1,10\n2,90\n", encoding="utf-8")
    some = ("host", ring, "--criteria", "none", "--bus", "B", "-p", f"load.p_mw={day}", "--json")
    found = []
    for text in ("hour,weight\n1,1\n2,1\n", "hour,weight\n1,30\n2,1\n"):
        weights.write_text(text, encoding="utf-8")
        code, out, _ = run(*some, "--weights", weights)
        assert code == 0
        found.append(json.loads(out)["buses"][0])
    # the hour with little room stands for little of the year: more may be curtailed in it
    assert found[1]["flexible_1_mw"] > found[0]["flexible_1_mw"] + 1.0
    assert found[1]["firm_mw"] == pytest.approx(found[0]["firm_mw"])
    weights.write_text("hour,weight\n1,30\n", encoding="utf-8")
    code, _, err = run(*some[:-1], "--weights", weights)
    assert code == 2 and "none of the hours 2" in err


def test_what_is_promised_stands_there_before_all_else(ring: Path, tmp_path: Path):
    path = tmp_path / "queue.csv"
    some = ("host", ring, "--criteria", "none", "--bus", "B", "--json")
    free = json.loads(run(*some)[1])["buses"][0]["firm_mw"]
    path.write_text("bus,mw\nB,12\nB,8\n", encoding="utf-8")
    code, out, _ = run(*some, "--queue", path)
    assert code == 0 and json.loads(out)["buses"][0]["firm_mw"] == pytest.approx(free - 20.0)
    path.write_text("bus,mw\nZ,12\n", encoding="utf-8")
    code, _, err = run(*some[:-1], "--queue", path)
    assert code == 2 and "no such bus" in err
    path.write_text("bus,mw\nB,x\nB,-4\nB,12\n", encoding="utf-8")  # texts of one bus are not strung together
    code, _, err = run(*some[:-1], "--queue", path)
    assert code == 2 and "2 have none: B: x, B: -4" in " ".join(err.split())


def test_a_point_on_the_map_is_looked_at_where_it_is_connected():
    some = ("host", "rts-96", "--at", "33.4,-115.1", "--mw", "150")
    code, out, _ = run(*some, "--json")
    document = json.loads(out)
    assert code == 0
    point = document["points"][0]
    assert point["point"] == "33.4,-115.1" and point["distance_km"] > 0 and point["feeders"] >= 2
    assert [row["bus"] for row in document["buses"]] == [point["bus"]]
    placed = gh.place(gh.load_network("rts-96"), gh.DataCenter("x", contract_mw=150, lat=33.4, lon=-115.1))
    assert placed.placements["site_bus"].tolist() == [point["bus"]]
    code, out, _ = run(*some)
    assert code == 0 and f"150 MW is connected at {point['bus']}" in out
    code, _, err = run("host", "rts-96", "--at", "33.4;-115.1")
    assert code == 2 and "is not LAT,LON" in err


def test_what_public_data_do_not_carry_is_said_with_what_is_published():
    code, out, _ = run("host", "korea-2025-backbone", "--bus", "singangjin-345", "-s", "summer_peak")
    assert code == 0
    assert "not assessable with public data: 1 of 1 buses" in out
    assert "published review of Jeonnam: 3,102 MW able, 440 MW unable" in out
    assert "room left with 0, 50 and 100 %" in out


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (("--own", "solar_mw=1"), "own without profiles"),
        (("--share", "--method=ac"), "--share wants two buses"),
        (("--bus", "Z"), "no bus 'Z'"),
        (("--snapshot", "noon"), "no snapshot 'noon'"),
        (("-o", "efect=1"), "did you mean effect"),
        (("--criteria", "mars"), "no region or standard 'mars'"),
    ],
)
def test_bad_input_is_2(ring: Path, args: tuple[str, str], text: str):
    code, _, err = run("host", ring, *args)
    assert code == 2 and text in err


def test_sites_of_a_file_are_ranked(ring: Path, tmp_path: Path):
    path = tmp_path / "sites.csv"
    path.write_text(
        "site,lat,lon,bus\none,37.8,127.5,A\ntwo,34.57,126.6,C\nsea,30.0,120.0,\n", encoding="utf-8"
    )
    code, out, _ = run("site", ring, "--sites", path, "--mw", "60", "--json")
    document = json.loads(out)
    assert code == 0
    assert [row["site"] for row in document["sites"]] == ["one", "two", "sea"]
    assert document["sites"][2]["rank"] is None and "no connection rules" in document["sites"][2]["note"]
    assert "latency_ms" in document["left_out"]
    code, out, _ = run("site", ring, "--sites", path, "--weight", "feeds=1")
    assert code == 0 and "feeds [1] x 1.00" in out and "left out" in out
    assert "loss of the hub at " in out and "no official score" in out


def test_layers_and_hours_are_criteria_of_sites(ring: Path, tmp_path: Path):
    path, day, weights = (tmp_path / name for name in ("sites.csv", "load.csv", "weights.csv"))
    path.write_text("site,lat,lon,bus,water\none,37.8,127.5,A,3\ntwo,34.57,126.6,C,9\n", encoding="utf-8")
    day.write_text("hour,LE\n1,10\n2,90\n", encoding="utf-8")
    weights.write_text("hour,weight\n1,30\n2,1\n", encoding="utf-8")
    some = ("site", ring, "--sites", path, "--mw", "60", "--layer", "water=high:m3/s")
    code, out, _ = run(*some, "-p", f"load.p_mw={day}", "--weights", weights, "--json")
    document = json.loads(out)
    criteria = {row["criterion"]: row for row in document["criteria"]}
    assert code == 0 and criteria["water"]["unit"] == "m3/s" and criteria["water"]["better"] == "high"
    assert "headroom_flexible_mw" in criteria and "headroom_flexible_mw" not in document["left_out"]
    code, out, _ = run(*some)
    assert code == 0 and "Pareto" in out and "first by TOPSIS: " in out
    code, _, err = run("site", ring, "--sites", path, "--layer", "water=more")
    assert code == 2 and "is not COLUMN=high" in err


def test_the_document_and_the_page_hold_the_evidence_of_every_site(ring: Path, tmp_path: Path):
    path, out_dir = tmp_path / "sites.csv", tmp_path / "page"
    path.write_text("site,lat,lon,bus\none,37.8,127.5,A\ntwo,34.57,126.6,C\n", encoding="utf-8")
    some = ("site", ring, "--sites", path, "--mw", "60")
    code, out, _ = run(*some, "--out", out_dir, "--json")
    document = json.loads(out)
    assert code == 0 and document["report"].endswith("report.html")
    assert {row["site"] for row in document["impact"]} == {"one", "two"}
    for row in document["hub_losses"]:
        assert row["lost_mw"] == 60.0 and row["bus"] in ("A", "C") and row["stage"] in ("ac", "dc")
    for name in ("impact", "hub_losses", "supplying_banks", "raised_branches"):
        rows = pd.read_csv(out_dir / "tables" / f"{name}.csv")
        assert len(rows) == len(document[name]), name
    text = (out_dir / "report.html").read_text(encoding="utf-8")
    assert "not the official score" in text and "Voltage rise when the hub is lost" in text
    assert "over-frequency" in text
    code, _, err = run(*some, "--out", out_dir)
    assert code == 5 and "--force" in err
    code, out, _ = run(*some, "-o", "impact=off", "--json")
    assert code == 0 and json.loads(out)["impact"] == []
    code, _, err = run(*some, "-o", "impact=soon")
    assert code == 2 and "choose from ac, dc, off" in err


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ((), "name a table with --sites"),
        (("--sites", "missing.csv"), "missing.csv"),
        (("--weight", "beauty=1"), "no region"),
    ],
)
def test_bad_sites_are_2(ring: Path, args: tuple[str, ...], text: str):
    code, _, err = run("site", ring, *args)
    assert code == 2 and (text in err or "belongs to no region" in err)


@pytest.mark.parametrize("command", ["host", "site"])
def test_a_year_without_plans_is_refused(command: str):
    run = CliRunner().invoke(app, [command, "rts-96", "--year", "2030"])
    assert run.exit_code == 2
    assert "no plans to bring it to 2030" in run.output
