"""Schemes, second outages and what criteria demand, from the command line."""

from __future__ import annotations

import json
from pathlib import Path

from tests.unit.cli.test_security import run

SCHEME = """\
schema_version = 1

[[scheme]]
name = "spare E"
outage = ["L2"]
source = "test"
as_of = "2026"
confidence = "assumed"

[[scheme.action]]
kind = "shed"
elements = ["LE"]
share = 0.5
"""


def test_schemes_of_a_file(overloaded: Path, tmp_path: Path):
    (tmp_path / "mine.toml").write_text(SCHEME)
    code, out, _ = run("security", overloaded, "--schemes", tmp_path / "mine.toml")
    assert code == 0
    assert "Remedial action schemes" in out
    assert "L2: " in out
    code, out, _ = run("security", overloaded, "--schemes", tmp_path / "mine.toml", "--json")
    effect = json.loads(out)["schemes"]["effect"]
    assert [row["variant"] for row in effect] == ["without", "with"]
    assert effect[1]["shed_mw"] == 25.0


def test_schemes_that_are_not_there_or_not_of_this_network(ring: Path, tmp_path: Path):
    code, _, err = run("security", ring, "--schemes", tmp_path / "none.toml")
    assert code == 2
    assert "cannot be read" in err
    code, _, err = run("security", ring, "--schemes", "atlantis")
    assert code == 2
    assert "korea" in err
    code, _, err = run("security", ring, "--schemes", "korea")
    assert code == 2
    assert "sinhanul-1" in err


def test_second_outages(meshed: Path):
    code, out, _ = run("security", meshed, "--name", "l1", "--then", "line", "--criteria", "none")
    assert code == 0
    assert "Second outages after a redispatch" in out
    assert "verdict after two outages" in out
    code, out, _ = run("security", meshed, "--name", "l1", "--then", "line", "--criteria", "none", "--json")
    (first,) = json.loads(out)["second_outages"]["first"]
    assert (first["first"], first["second_outages"]) == ("L1", 5)


def test_what_the_criteria_demand(ring: Path):
    code, out, _ = run("security", ring, "--kinds", "secured", "--criteria", "sqss", "--json")
    assert code == 0
    kinds = {row["contingency"].split(":")[0] for row in json.loads(out)["status"]}
    assert {"L1", "G", "bus_section"} <= kinds
    code, _, err = run("security", ring, "--kinds", "secured", "--criteria", "none")
    assert code == 2
    assert "--criteria nerc-tpl" in err


def test_what_moves_between_two_outages_is_chosen(meshed: Path):
    code, out, _ = run("security", meshed, "--then", "line", "--adjust", "taps,shunts", "--json")
    assert code == 0
    second = json.loads(out)["second_outages"]
    assert second["moves"] == []
    assert {"taps_moved", "shunts_switched"} <= set(second["first"][0])
    for wrong in (["--adjust", "taps"], ["--then", "line", "--adjust", "units"]):
        code, _, err = run("security", meshed, *wrong)
        assert code == 2
        assert "--adjust" in err


def test_pairs_are_ranked_by_dc_and_the_worst_solved_by_ac(overloaded: Path, meshed: Path):
    code, out, _ = run("security", meshed, "--pairs", "4", "--criteria", "none")
    assert code == 0
    assert "N-2, worst first of 4 pairs solved by AC" in out
    assert "pairs judged by DC" in out
    code, out, _ = run("security", meshed, "--pairs", "4", "--criteria", "none", "--json")
    pairs = json.loads(out)["pairs"]
    assert len(pairs["status"]) == len(pairs["ranking"]) == 4
    assert all(" + " in row["contingency"] for row in pairs["status"])
    loadings = [row["worst_loading_percent"] for row in pairs["ranking"]]
    assert loadings == sorted(loadings, reverse=True)
    code, _, err = run("security", meshed, "--pairs", "4", "--kinds", "generator")
    assert code == 2
    assert "wants two outages" in err or "single branches" in err


def test_what_the_criteria_demand_of_some_places(ring: Path):
    code, out, _ = run("security", ring, "--kinds", "secured", "--criteria", "sqss", "--name", "l1", "--json")
    assert code == 0
    names = [row["contingency"] for row in json.loads(out)["status"]]
    assert names == ["L1", "bus_section:A", "bus_section:B"]  # what has a part called L1
    code, _, err = run("security", ring, "--kinds", "secured", "--criteria", "sqss", "--min-kv", "700")
    assert code == 2
    assert "nothing of --kinds secured at 700 kV" in err
