from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.unit.cli.test_voltage import run


def test_transfer_between_buses(meshed: Path, tmp_path: Path):
    args = ("transfer", meshed, "--from", "A", "--to", "C", "--criteria", "none")
    code, out, _ = run(*args)
    assert code == 0
    assert "firm:" in out
    document = json.loads(run(*args, "--no-voltage", "--json", "--out", tmp_path / "page")[1])
    assert document["snapshot"] == "day"
    limits = {row["kind"]: row for row in document["limits"]}
    # two equal paths from A to C, 350 MW on them: 400 MVA each carry 800; after the loss of one 400
    assert limits["thermal_n"]["mw"] == pytest.approx(450.0, abs=1e-3)
    assert limits["thermal_n1"]["mw"] == pytest.approx(50.0, abs=1e-3)
    assert document["firm_mw"] == limits["thermal_n1"]["mw"]
    assert "해남" in (tmp_path / "page" / "report.html").read_text(encoding="utf-8")


def test_interfaces_of_snapshots_and_hours(ring: Path, tmp_path: Path):
    code, out, _ = run("interfaces", ring)
    assert code == 0
    assert "2 hours, AC" in out
    document = json.loads(run("interfaces", ring, "--json", "--out", tmp_path / "page")[1])
    flows = {row["hour"]: row["south"] for row in document["flow_mw"]}
    # all that the unit at A gives leaves it over the two lines of the interface, losses included
    assert flows["day"] > 350.0
    assert flows["night"] > 200.0
    assert Path(document["report"]).exists()
    pd.DataFrame({"LC": [100.0, 400.0]}, index=["low", "high"]).to_csv(tmp_path / "load.csv")
    args = ("interfaces", ring, "-p", f"load.p_mw={tmp_path / 'load.csv'}", "--method", "dc")
    assert run(*args)[0] == 0
    assert run(*args, "--fail-on", "over")[0] == 1
    assert run(*args, "--fail-on", "narrow")[0] == 1


def test_what_cannot_be_is_refused(meshed: Path, hopeless: Path):
    assert run("transfer", meshed, "--from", "A", "--to", "A")[0] == 2
    code, _, err = run("transfer", meshed, "--from", "Atlantis", "--to", "Mu")
    assert code == 2
    assert "--from: no bus" in err
    assert "--to: no bus" in err
    code, _, err = run("transfer", meshed, "--from", "A", "--to", "C", "--ratings", "seasonal")
    assert code == 2
    assert "no seasonal ratings" in err
    assert run("interfaces", "pandapower:case9")[0] == 2
    assert run("interfaces", hopeless, "--snapshot", "day")[0] == 3
