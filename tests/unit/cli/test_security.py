from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gridhub.cli.main import app
from gridhub.model.files import read_network, write_network
from gridhub.reference import load_network


def run(*args: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    assert "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout, result.stderr


def test_every_outage_is_counted_and_the_islanding_one_listed(ring: Path):
    code, out, _ = run("security", ring, "--criteria", "none")
    assert code == 0
    assert "5 outages" in out
    assert "ISLANDED" in out
    assert "L5" in out
    assert "솔라시도 Solaseado" in out
    assert "verdict" in out


def test_security_as_json(ring: Path):
    code, out, _ = run("security", ring, "--json")
    document = json.loads(out)
    assert code == 0
    assert document["snapshot"] == "day"
    assert sum(document["counts"].values()) == 5
    lost = {row["contingency"]: row["lost_load_mw"] for row in document["status"]}
    assert max(lost.values()) == pytest.approx(50.0)


def test_violations_are_found_only_when_asked(overloaded: Path):
    assert run("security", overloaded)[0] == 0
    code, out, _ = run("security", overloaded, "--fail-on", "violations")
    assert code == 1
    assert "--fail-on violations" in out
    assert "thermal" in out
    assert run("security", overloaded, "--fail-on", "new-violations")[0] == 1


@pytest.mark.parametrize("asked", ["violations", "new-violations"])
def test_nothing_found_is_0(meshed: Path, asked: str):
    code, out, _ = run("security", meshed, "--verify", "all", "--fail-on", asked)
    assert code == 0
    assert "verdict: secure" in out


def test_outages_without_solution_count_as_found(tmp_path: Path):
    """Nearly every outage of this state has no solution: none may vanish."""
    net = load_network("pandapower:case9")
    load = net.load.assign(p_mw=net.load["p_mw"] * 2.2, q_mvar=net.load["q_mvar"] * 2.2)
    write_network(net.replace(load=load), tmp_path / "case9")
    args = ("security", tmp_path / "case9", "--screen", "none", "-o", "distributed_slack=false")
    code, out, _ = run(*args, "--fail-on", "violations", "--json")
    document = json.loads(out)
    assert code == 1
    assert sum(document["counts"].values()) == 9
    assert document["counts"]["NOT_CONVERGED"] >= 8
    assert document["verdict"] == "insecure"
    code, out, _ = run(*args)
    assert code == 0
    assert "Outages without a solution" in out


def test_an_unverified_verdict_is_not_clear(meshed: Path):
    """Outages that DC alone judged are not violations, but the verdict is not secure either."""
    code, out, _ = run("security", meshed, "--verify", "none", "--fail-on", "violations")
    assert ("verdict: secure" in out) == (code == 0)


def test_a_base_case_without_solution_is_3(hopeless: Path):
    code, out, err = run("security", hopeless, "--fail-on", "violations")
    assert code == 3
    assert (out + err).strip()


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (("--kinds", "lines"), "line"),
        (("--kinds", ""), "kind"),
        (("--kinds", "transformer"), "--kinds"),
        (("--snapshot", "dai"), "day"),
        (("--criteria", "korae"), "criteria"),
        (("--screen", "ac"), "--screen"),
    ],
)
def test_bad_usage_is_2_and_says_what(ring: Path, args: tuple[str, ...], text: str):
    code, _, err = run("security", ring, *args)
    assert code == 2
    assert text in err


def test_kinds_of_the_help_are_those_of_the_analysis():
    """The command repeats them so that its help imports no pandas."""
    from gridhub.analysis.contingency import contingencies
    from gridhub.cli import security_outages

    assert security_outages.KINDS == contingencies.KINDS


def test_outages_by_name_and_from_a_file_that_is_read_in_part(ring: Path, tmp_path: Path):
    code, out, _ = run("security", ring, "--name", "l5*", "--criteria", "none")
    assert code == 0
    assert "1 outages" in out
    (tmp_path / "two.csv").write_text("contingency,elements\nboth,L1;L4\n")
    code, out, _ = run("security", ring, "--contingencies", tmp_path / "two.csv", "--json")
    assert code == 0
    assert [row["contingency"] for row in json.loads(out)["status"]] == ["both"]
    (tmp_path / "none.con").write_text("CONTINGENCY x\nSCALE LOAD\nEND\n")
    code, _, err = run("security", ring, "--contingencies", tmp_path / "none.con")
    assert code == 2
    assert "SCALE LOAD" in err
    assert "no outage" in err
    code, _, err = run("security", ring, "--name", "nothing")
    assert code == 2
    assert "--name nothing" in err


def test_the_screen_is_measured_by_class_where_everything_is_solved(meshed: Path):
    code, out, _ = run("security", meshed, "--screen", "1p1q", "--verify", "all")
    assert code == 0
    assert "Screen 1p1q against AC" in out
    document = json.loads(run("security", meshed, "--screen", "1p1q", "--json")[1])
    assert document["screen"] == "1p1q"
    assert sum(row["outages"] for row in document["screen_by_class"]) == len(document["status"])
    screened = [row for row in document["status"] if row["status"] == "SCREENED"]
    assert all(row["reason"].startswith("1p1q: loading ") for row in screened)


def test_every_wrong_selector_is_told_at_once(ring: Path):
    code, _, err = run("security", ring, "--kinds", "lin,tower", "--area", "north", "--province", "Atlantis")
    assert code == 2
    assert "kind of contingency lin;" in err
    assert "no bus in area 'north'" in err
    assert "no bus in province 'Atlantis'" in err
    code, _, err = run("security", ring, "--min-kv", "900", "--name", "L*")
    assert code == 2
    assert "nothing of --kinds line,transformer,series at 900 kV" in err
    code, _, err = run("security", ring, "--name", "l11*")
    assert code == 2
    assert "did you mean L1" in err


def test_outages_of_a_file_are_chosen_by_name_too(ring: Path, tmp_path: Path):
    (tmp_path / "two.csv").write_text("contingency,element\nx,L1\ny,L4\n")
    code, out, _ = run("security", ring, "--contingencies", tmp_path / "two.csv", "--name", "y", "--json")
    assert code == 0
    assert [row["contingency"] for row in json.loads(out)["status"]] == ["y"]
    code, _, err = run("security", ring, "--contingencies", tmp_path / "two.csv", "--name", "z*")
    assert code == 2
    assert "none of the 2 outages" in err


def test_only_what_a_file_monitors_is_judged(overloaded: Path, tmp_path: Path):
    net = read_network(overloaded)
    overloaded = tmp_path / "numbered"
    write_network(net.replace(bus=net.bus.assign(bus_number=range(1, 6))), overloaded)
    (tmp_path / "a.mon").write_text("MONITOR BRANCHES\n1 2 1\nEND\nMONITOR ALL\nEND\n")
    found = []
    for more in ((), ("--monitored", tmp_path / "a.mon")):
        code, out, err = run("security", overloaded, *more, "--json")
        assert code == 0
        rows = json.loads(out)["violations"]
        found.append({row["element"] for row in rows if row["kind"] == "thermal"})
    assert found[0] > found[1] == {"L1"}
    code, out, err = run("security", overloaded, "--monitored", tmp_path / "a.mon")
    assert "judged: 1 monitored branches and 0 voltages" in out
    assert "MONITOR ALL" in err
    code, _, err = run("security", overloaded, "--monitored", tmp_path / "a.mon", "--then", "line")
    assert code == 2
    assert "--monitored" in err
    (tmp_path / "none.mon").write_text("MONITOR ALL\nEND\n")
    code, _, err = run("security", overloaded, "--monitored", tmp_path / "none.mon")
    assert code == 2
    assert "nothing would be judged" in err
