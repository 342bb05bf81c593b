"""Contingencies from tables, MATPOWER change tables and PSS/E files; what is not read is said by line."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import gridhub as gh
from gridhub.model.network import build_network
from tests.small_networks import make_table

SUB = """\
SUBSYSTEM 'North'
   AREA 1
END
SUBSYSTEM HIGH
   JOIN 'both'
      BUSES 1 3
      KVRANGE 300 400
   END
   SKIP BUS 3
END
SUBSYSTEM OWNED
   OWNER 7
END
END
"""

CON = """\
COM  two circuits and a unit
CONTINGENCY 'double'
   OPEN LINE FROM BUS 1 TO BUS 2 CKT 1    / first circuit
   DISCONNECT BRANCH FROM BUS 2 TO BUS 1 CKT 2
   REMOVE MACHINE 1 FROM BUS 1
END
CONTINGENCY STATION
   DISCONNECT BUS 3
END
CONTINGENCY 'half'
   OPEN LINE FROM BUS 1 TO BUS 2 CKT 1
   CHANGE BUS 3 LOAD BY 10 PERCENT
END
CONTINGENCY 'nowhere'
   OPEN LINE FROM BUS 1 TO BUS 9
END
SINGLE BRANCH IN SUBSYSTEM 'NORTH'
SINGLE TIE FROM SUBSYSTEM North
DOUBLE BRANCH IN SUBSYSTEM HIGH
SINGLE UNIT IN AREA 1
SINGLE BRANCH IN SUBSYSTEM OWNED
END
"""


def make_net() -> gh.Network:
    return build_network(
        "numbered",
        bus=make_table(
            id=["b1", "b2", "b3"],
            vn_kv=[345.0, 345.0, 154.0],
            bus_number=[1, 2, 3],
            area=["1", "1", "2"],
            reference=[True, False, False],
        ),
        line=make_table(
            id=["l1", "l2", "tie"],
            from_bus=["b1", "b1", "b2"],
            to_bus=["b2", "b2", "b3"],
            r_ohm=1.0,
            x_ohm=9.0,
            source_row=[1, 2, 3],
        ),
        generator=make_table(id=["g"], bus=["b1"], p_mw=10.0, source_row=[1]),
        load=make_table(id=["d"], bus=["b3"], p_mw=10.0),
    )


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "a.sub").write_text(SUB)
    (tmp_path / "a.con").write_text(CON)
    return tmp_path


def test_psse_contingencies_and_every_line_that_was_not_read(files: Path) -> None:
    table, issues = gh.read_contingencies(make_net(), files / "a.con", files / "a.sub")
    assert table["elements"].to_dict() == {
        "double": ("l1", "l2", "g"),
        "STATION": ("tie", "d"),
        "l1": ("l1",),
        "l2": ("l2",),
        "tie": ("tie",),
        "l1 + l2": ("l1", "l2"),
        "g": ("g",),
    }
    assert table.loc["g", "kind"] == "generator"
    assert table.loc["double", "kind"] == "given"
    unread = [(i.table, i.id) for i in issues if i.code == "W-UNREAD"]
    assert unread == [("a.sub", "line 12"), ("a.con", "line 12"), ("a.con", "line 15"), ("a.con", "line 21")]
    assumed = [i.id for i in issues if i.code == "W-ASSUMED"]
    assert assumed == ["line 3", "line 4", "line 11"]
    assert all(issue.severity == "warning" for issue in issues)


def test_circuits_that_have_names_are_found_by_them(files: Path) -> None:
    net = make_net()
    line = net.line
    line["circuit"] = ["2", "1", "1"]
    (files / "b.con").write_text("CONTINGENCY x\nOPEN LINE FROM BUS 1 TO BUS 2 CKT 2\nEND\n")
    table, issues = gh.read_contingencies(net.replace(line=line), files / "b.con")
    assert table["elements"].tolist() == [("l1",)]
    assert issues == ()


def test_psse_monitored_elements(files: Path) -> None:
    (files / "a.mon").write_text(
        "MONITOR TIES FROM SUBSYSTEM NORTH\nMONITOR VOLTAGE RANGE SUBSYSTEM HIGH 0.95 1.05\n"
        "MONITOR BRANCHES\n1 2 1\n1 9\nEND\nMONITOR VOLTAGE DEVIATION SUBSYSTEM HIGH 0.03\n"
        "MONITOR INTERFACE 'x' RATING 100 MW\n1 2\nEND\nEND\n"
    )
    monitored, issues = gh.read_monitored(make_net(), files / "a.mon", files / "a.sub")
    assert monitored.branches == ("l1", "l2", "tie")
    assert monitored.voltage.to_dict("index") == {
        "b1": {"low_pu": 0.95, "high_pu": 1.05},
        "b2": {"low_pu": 0.95, "high_pu": 1.05},
    }
    assert [i.id for i in issues if i.table == "a.mon"] == ["line 5", "line 7", "line 8", "line 9"]
    violations = pd.DataFrame(
        {
            "kind": ["thermal", "thermal", "voltage_low", "voltage_low", "lost_load"],
            "element": ["l1", "other", "b1", "b3", "load cut off"],
        }
    )
    assert monitored.select(violations)["element"].tolist() == ["l1", "b1", "load cut off"]


def test_matpower_change_table(tmp_path: Path) -> None:
    path = tmp_path / "contab.m"
    path.write_text(
        "function chgtab = contab\n% label prob table row col type value\n"
        "chgtab = [\n  1 0.002 CT_TBRCH 1 BR_STATUS CT_REP 0;\n  1 0.002 3 2 11 1 0;\n"
        "  2 0.01 CT_TGEN 1 GEN_STATUS CT_REP 0;\n  3 0 7 0 3 2 1.1;\n  4 0 3 9 11 1 0;\n];\n"
    )
    table, issues = gh.read_contingencies(make_net(), path)
    assert table["elements"].to_dict() == {"1": ("l1", "l2"), "2": ("g",)}
    assert table["probability"].tolist() == [0.002, 0.01]
    assert [issue.id for issue in issues] == ["line 7", "line 8"]
    assert "no branch of row 9" in issues[1].message


def test_tables_as_rows_or_as_cells_name_every_fault_at_once(tmp_path: Path) -> None:
    rows = pd.DataFrame({"contingency": ["x", "x", "y"], "element": ["l1", "l2", "g"]})
    (tmp_path / "c.csv").write_text("contingency,kind,elements\nx,tower,l1; l2\ny,,g\n")
    for source in (rows, tmp_path / "c.csv"):
        table, issues = gh.read_contingencies(make_net(), source)
        assert table["elements"].to_dict() == {"x": ("l1", "l2"), "y": ("g",)}
        assert issues == ()
    assert table["kind"].tolist() == ["tower", "generator"]
    with pytest.raises(gh.InputError) as caught:
        bad = pd.DataFrame({"contingency": ["x", "y", "z"], "elements": ["l1;no", "nothing", " "]})
        gh.read_contingencies(make_net(), bad)
    assert [(i.code, i.value) for i in caught.value.issues] == [
        ("E-REF", "no"),
        ("E-REF", "nothing"),
        ("E-EMPTY", ""),
    ]
    with pytest.raises(gh.InputError) as caught:
        blank = pd.DataFrame({"contingency": ["x", " "], "element": ["l3", "l1"]})
        gh.read_contingencies(make_net(), blank)
    assert [(i.code, i.id) for i in caught.value.issues] == [("E-EMPTY", "row 2"), ("E-REF", "x")]
    assert "did you mean" not in caught.value.issues[1].message
    with pytest.raises(gh.InputError, match="did you mean tie"):
        gh.read_contingencies(make_net(), pd.DataFrame({"contingency": ["x"], "element": ["ties"]}))
    with pytest.raises(gh.InputError, match="contingency: is missing"):
        gh.read_contingencies(make_net(), pd.DataFrame({"element": ["l1"]}))
    with pytest.raises(gh.InputError, match="E-FORMAT"):
        gh.read_contingencies(make_net(), tmp_path / "c.xlsx")


def test_what_was_read_can_be_run(files: Path) -> None:
    table, _ = gh.read_contingencies(make_net(), files / "a.con", files / "a.sub")
    lost = gh.run_security(make_net(), table.loc[["tie", "l1"]], criteria=None, verify="all")
    assert lost.status["status"].tolist() == ["ISLANDED", "CONVERGED"]
    assert lost.status.loc["tie", "consequential_mw"] == pytest.approx(10.0)
