from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import gridhub as gh
from gridhub.cli.dispatch import read_profile_files
from gridhub.cli.main import app
from tests.small_networks import make_table
from tests.unit.dispatch.small_hours import make_triangle


def run(*args: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    assert "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def triangle(tmp_path: Path) -> Path:
    units = make_table(
        id=["cheap", "dear"], bus=["a", "b"], p_mw=0.0, p_min_mw=0.0, p_max_mw=400.0, vm_pu=1.0,
        cost_c1_per_mwh=[10.0, 30.0],
    )  # fmt: skip
    gh.write_network(make_triangle(generator=units), tmp_path / "triangle")
    load = pd.DataFrame({"demand": [100.0, 300.0, 200.0]}, index=["night", "noon", "evening"])
    load.to_csv(tmp_path / "load.csv")
    return tmp_path / "triangle"


def test_dispatch_shows_cost_and_congestion(triangle: Path) -> None:
    code, out, _ = run("dispatch", triangle)
    assert code == 0
    for text in ("congestion cost", "Congestion, dearest first", "ac", "Constrained by the grid", "cheap"):
        assert text in out


def test_dispatch_of_hours_as_json(triangle: Path) -> None:
    profile = f"load.p_mw={triangle.parent / 'load.csv'}"
    code, out, _ = run("dispatch", triangle, "--profile", profile, "--json")
    assert code == 0
    document = json.loads(out)
    assert [row["hour"] for row in document["status"]] == ["night", "noon", "evening"]
    # see test_hour: noon is 150 MW of each
    assert document["summary"]["cost"] == pytest.approx(1000.0 + 6000.0 + 2000.0)
    assert document["congestion"][0]["element"] == "ac"
    assert document["congestion"][0]["hours"] == 1
    assert document["generation_mwh"] == pytest.approx({"cheap": 450.0, "dear": 150.0})


def test_what_fail_on_names_is_1(triangle: Path) -> None:
    code, out, _ = run("dispatch", triangle, "--security", "n-1", "--fail-on", "infeasible")
    assert code == 1
    assert "must give" in out
    hours = ("-p", f"load.p_mw={triangle.parent / 'load.csv'}", "--top", "1")
    out = run("dispatch", triangle, "--security", "n-1", *hours)[1]
    assert "noon: no dispatch keeps every limit" in out
    assert "and 1 other reasons" in out
    code, _, _ = run(
        "dispatch", triangle, "--security", "n-1", "-o", "shed_price=1000", "--fail-on", "shedding"
    )
    assert code == 1
    code, _, _ = run("dispatch", triangle, "--fail-on", "shedding")
    assert code == 0


def test_bad_input_is_2(triangle: Path) -> None:
    assert run("dispatch", triangle, "--profile", "load=x")[0] == 2
    assert run("dispatch", triangle, "--profile", "load.p_mw=nowhere.csv")[0] == 2
    code, _, err = run("dispatch", triangle, "-o", "shed_prize=3")
    assert code == 2
    assert "shed_price" in err


def test_windows_are_kept_and_another_run_is_refused(triangle: Path, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    assert run("dispatch", triangle, "--folder", folder)[0] == 0
    assert (folder / "00000-status.parquet").exists()
    assert run("dispatch", triangle, "--folder", folder)[0] == 0
    code, _, err = run("dispatch", triangle, "--folder", folder, "-o", "curtail_price=3")
    assert code == 5
    assert "another dispatch" in err


def test_what_changes_and_what_ac_finds(triangle: Path, tmp_path: Path) -> None:
    profile = f"load.p_mw={triangle.parent / 'load.csv'}"
    hours = ("dispatch", triangle, "-p", profile, "--security", "n-1", "-o", "shed_price=1000")
    code, out, _ = run(*hours, "--compare", "intact", "--check", "n", "--json", "--out", tmp_path / "page")
    assert code == 0
    assert run(*hours, "--out", tmp_path / "page")[0] == 5  # what is there is not written over
    document = json.loads(out)
    cost = next(row for row in document["change"] if row["figure"] == "cost")
    assert cost["change"] == pytest.approx(document["summary"]["security_cost"])
    assert {row["hour"] for row in document["ac_hours"]} <= {"night", "noon", "evening"}
    assert (tmp_path / "page" / "report.html").exists()
    code, out, _ = run("dispatch", triangle, "--compare", triangle, "--check", "n-1", "--fail-on", "ac")
    assert "triangle (asked)" in out
    assert "AC check" in out
    assert code == 1
    # the grid is short after outages: 300 MW at c over lines of 150 MW
    code, out, _ = run("dispatch", triangle, "--check", "n-1", "--fail-on", "ac")
    assert code == 1


def test_what_cannot_be_compared_or_checked_is_2(triangle: Path) -> None:
    code, _, err = run("dispatch", triangle, "--compare", "intact")
    assert code == 2
    assert "n-1" in err
    assert run("dispatch", triangle, "--fail-on", "ac")[0] == 2
    assert run("dispatch", triangle, "--compare", "nowhere")[0] == 2


def test_hours_of_the_command_profiles_are_read(tmp_path: Path) -> None:
    assert run("profiles", "korea-2025-backbone", "--out", tmp_path / "hours")[0] == 0
    files = [
        f"{key}={tmp_path}/hours/{key.replace('.', '_')}.parquet" for key in ("load.p_mw", "generator.p_mw")
    ]
    found = read_profile_files(files)
    made = gh.make_profiles(gh.load_network("korea-2025-backbone"))
    for key, frame in made.items():
        pd.testing.assert_frame_equal(found[key], frame, check_names=False, check_freq=False)


def test_flexible_load_is_used_and_told(triangle: Path) -> None:
    hours = ("dispatch", triangle, "-p", f"load.p_mw={triangle.parent / 'load.csv'}")
    asked = (*hours, "--flexible", "demand=40/60/5")
    code, out, _ = run(*asked, "--json", "--fail-on", "shedding")
    assert code == 0
    document = json.loads(out)
    assert document["summary"]["flexible_mwh"] == pytest.approx(60.0)
    # noon: 260 MW, of which cheap may give 190 (2/3 of it and 1/3 of the rest pass ac); else 20 are left
    assert document["summary"]["cost"] == pytest.approx(190.0 * 10 + 70.0 * 30 + 280.0 * 10 + 60.0 * 5)
    (row,) = document["flexible"]
    assert (row["load"], row["budget_mwh"], row["largest_mw"]) == ("demand", 60.0, pytest.approx(40.0))
    code, out, _ = run(*asked)
    assert code == 0
    for text in ("Flexible load", "longest h", "calls in part may last longer"):
        assert text in out
    assert "longest h" not in run(*hours)[1]


def test_only_what_is_shed_beyond_an_offer_is_found(triangle: Path) -> None:
    # 150 MW of the 300 pass after the loss of a line into c
    asked = ("dispatch", triangle, "--security", "n-1", "-o", "shed_price=1000", "--fail-on", "shedding")
    code, out, _ = run(*asked, "--flexible", "demand=40/100/5/2/1", "--json")
    assert code == 1
    summary = json.loads(out)["summary"]
    assert (summary["flexible_mwh"], summary["shed_mwh"]) == pytest.approx((40.0, 110.0))
    assert summary["load_mwh"] == pytest.approx(150.0)
    assert json.loads(out)["flexible"][0]["most_h"] == 2.0
    code, out, _ = run(*asked, "--flexible", "demand=150", "--json")
    assert code == 0
    assert json.loads(out)["summary"]["shed_mwh"] == pytest.approx(0.0, abs=1e-6)


def test_a_reserve_of_each_hour_is_kept(triangle: Path, tmp_path: Path) -> None:
    profile = f"load.p_mw={triangle.parent / 'load.csv'}"
    asked = ("dispatch", triangle, "-p", profile, "-o", "reserve_share=0.8", "-o", "reserve_price=100")
    reserve = pd.DataFrame({"mw": [650.0, 100.0, 0.0]}, index=["night", "noon", "evening"])
    reserve.to_csv(tmp_path / "reserve.csv")
    reserve.rename_axis(index="hour").reset_index().to_parquet(tmp_path / "reserve.parquet")
    for file in ("reserve.csv", "reserve.parquet"):
        code, out, _ = run(*asked, "--reserve", tmp_path / file, "--json")
        assert code == 0
        document = json.loads(out)
        # 320 MW of a unit count at most: at night cheap has 300, dear 320. 20 MW from cheap to dear cost 20
        # each and free 20 MW of reserve, worth 100 each; 10 are missing
        assert [row["reserve_short_mw"] for row in document["status"]] == pytest.approx([10.0, 0.0, 0.0])
        assert document["summary"]["reserve_short_mwh"] == pytest.approx(10.0)
        assert document["status"][0]["cost"] == pytest.approx(80 * 10.0 + 20 * 30.0 + 10 * 100.0)
    (tmp_path / "other.csv").write_text("hour,mw\nnight,1\nnoon,2\ndawn,3\n")
    (tmp_path / "wide.csv").write_text("hour,mw,more\nnight,1,2\nnoon,2,2\nevening,3,2\n")
    for file, text in (("other.csv", "are not the 3 of the profiles"), ("wide.csv", "there are mw, more")):
        code, _, err = run(*asked, "--reserve", tmp_path / file)
        assert code == 2
        assert text in err
    code, _, err = run(*asked, "--reserve", tmp_path / "reserve.csv", "-o", "reserve_mw=3")
    assert code == 2
    assert "give one" in err


def test_a_ramp_holds_the_unit(triangle: Path, tmp_path: Path) -> None:
    rising = pd.DataFrame({"demand": [100.0, 160.0, 200.0]}, index=["night", "dawn", "morning"])
    rising.to_csv(tmp_path / "rising.csv")
    asked = ("dispatch", triangle, "-p", f"load.p_mw={tmp_path / 'rising.csv'}", "--json")
    assert json.loads(run(*asked)[1])["generation_mwh"] == pytest.approx({"cheap": 460.0, "dear": 0.0})
    code, out, _ = run(*asked, "--ramp", "cheap=20")
    assert code == 0
    # from the 100 MW of the night it climbs to 120 and 140
    assert json.loads(out)["generation_mwh"] == pytest.approx({"cheap": 360.0, "dear": 100.0})


def test_flexible_load_of_a_network_is_no_part_of_the_one_it_is_compared_with(
    triangle: Path, tmp_path: Path
) -> None:
    units = gh.read_network(triangle).tables["generator"]
    loads = make_table(id=["demand", "hall"], bus="c", p_mw=[200.0, 20.0], q_mvar=0.0)
    gh.write_network(make_triangle(200.0, generator=units), tmp_path / "plain")
    gh.write_network(make_triangle(generator=units, load=loads), tmp_path / "hub")
    asked = ("dispatch", tmp_path / "hub", "--compare", tmp_path / "plain", "--flexible", "hall=5", "--json")
    code, out, _ = run(*asked)
    assert code == 0
    load = next(row for row in json.loads(out)["change"] if row["figure"] == "load_mwh")
    assert load["change"] == pytest.approx(20.0 - 5.0)
    code, _, err = run("dispatch", tmp_path / "hub", "--flexible", "hal=5", "--ramp", "cheep=1")
    assert code == 2
    assert "did you mean hall?" in err
    assert "did you mean cheap?" in err


def test_every_hour_of_a_reserve_that_is_no_mw_is_named(triangle: Path, tmp_path: Path) -> None:
    (tmp_path / "reserve.csv").write_text("hour,mw\none,5\ntwo,x\nthree,-1\nfour,\n", encoding="utf-8")
    code, _, err = run("dispatch", triangle, "--reserve", tmp_path / "reserve.csv")
    assert code == 2
    text = " ".join(err.split())
    assert "3 have none" in text
    assert all(part in text for part in ("two: x", "three: -1", "four: nan"))
