"""The folder of plans: read as written, and every fault of it told at once."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from gridhub.errors import InputError
from gridhub.model.network import Network, build_network
from gridhub.model.plan_files import read_plan

FILES = {
    "project.csv": "id,name,year,reason,source\nwest,West line,2027,,press\nvague,Vague,,no year,press\n",
    "rows/line.csv": "id,from_bus,to_bus,r_ohm,x_ohm,owner,project\nab2,a,b,0.1,1.0,,west\n",
    "change.csv": "id,project,table,row,column,value\nc1,west,line,ab,rate_mva,900\n",
    "growth.csv": "id,year,table,column,fuel,factor,source,confidence\ng1,2027,load,p_mw,,1.05,plan,high\n",
    "operation/2027.csv": "snapshot,table,id,column,value\npeak,line,ab,in_service,true\n",
}


@pytest.fixture
def net() -> Network:
    bus = pd.DataFrame({"vn_kv": [345.0, 345.0]}, index=["a", "b"])
    line = pd.DataFrame(
        {"from_bus": ["a"], "to_bus": ["b"], "r_ohm": [0.1], "x_ohm": [1.0], "owner": ["city"]}, index=["ab"]
    )
    return build_network("two", bus=bus, line=line)


def write_files(folder: Path, **changes: str) -> Path:
    for name, text in {**FILES, **changes}.items():
        path = folder / "plan" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def test_a_folder_without_plans_has_none(tmp_path: Path, net: Network) -> None:
    assert read_plan(tmp_path, net) is None


def test_plans_are_read_as_written(tmp_path: Path, net: Network) -> None:
    plan = read_plan(write_files(tmp_path), net)
    assert plan is not None
    assert plan.years == (2027,)
    assert plan.project.year["west"] == 2027
    assert plan.project.reason.to_dict() == {"west": "", "vague": "no year"}
    assert plan.rows["line"].loc["ab2", ["x_ohm", "owner", "project"]].tolist() == [1.0, "", "west"]
    assert plan.change.loc["c1"].tolist() == ["west", "line", "ab", "rate_mva", "900"]
    assert plan.growth.factor["g1"] == 1.05
    assert plan.operation[2027]["value"].tolist() == ["true"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("rows/line.csv", "id,from_bus,to_bus,r_ohm,x_ohm\nab2,a,b,0.1,1.0\n", "column is missing"),
        ("rows/line.csv", FILES["rows/line.csv"].replace("west", "east"), "no such project"),
        ("rows/pipes.csv", "id,project\np,west\n", "pipes.csv is not the file of a table"),
        ("change.csv", FILES["change.csv"].replace("west", "east"), "no such project"),
        ("growth.csv", FILES["growth.csv"].replace("p_mw", "bus"), "no column of numbers"),
        ("growth.csv", FILES["growth.csv"].replace("p_mw,,", "p_mw,coal,"), "load has no fuel"),
        ("growth.csv", FILES["growth.csv"].replace("1.05", "much"), "much"),
        ("operation/soon.csv", FILES["operation/2027.csv"], "not named by a year"),
        ("project.csv", FILES["project.csv"].replace("no year", ""), "give the year it is expected in"),
    ],
)
def test_a_fault_is_refused(tmp_path: Path, net: Network, name: str, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_plan(write_files(tmp_path, **{name: text}), net)


def test_all_faults_are_told_at_once(tmp_path: Path, net: Network) -> None:
    change = FILES["change.csv"].replace("west", "east")
    growth = FILES["growth.csv"].replace("p_mw", "bus")
    with pytest.raises(InputError) as caught:
        read_plan(write_files(tmp_path, **{"change.csv": change, "growth.csv": growth}), net)
    assert {issue.table for issue in caught.value.issues} == {"change", "growth"}


def test_a_missing_file_is_named(tmp_path: Path, net: Network) -> None:
    folder = write_files(tmp_path)
    (folder / "plan" / "growth.csv").unlink()
    with pytest.raises(InputError, match=r"plan/growth\.csv is missing"):
        read_plan(folder, net)
