"""The report of a conversion, and the check that nothing is lost."""

from __future__ import annotations

import dataclasses

import pytest

from gridhub.errors import FileFormatError, Issue
from gridhub.interop.conversion_report import ConversionReport, find_lost, raise_issues, warn


def test_report_is_frozen_and_readable() -> None:
    issue = warn("W-ZIP", "load", ["load:1", "load:2"], "p_mw", "5 MW depend on the voltage")
    report = ConversionReport(
        "case.raw",
        "psse",
        counts={"bus": 2, "hvdc": 0},
        totals={"load_mw": 12.5, "shunt_mw": 0.0},
        issues=(issue,),
        notes=("one note",),
        statements=("line 3: if x",),
    )
    assert str(report).splitlines() == [
        "read case.raw (psse): 2 bus; load_mw 12.5",
        "  W-ZIP load load:1, load:2 p_mw: 5 MW depend on the voltage",
        "  note: one note",
        "  not executed: line 3: if x",
    ]
    with pytest.raises(dataclasses.FrozenInstanceError):
        report.source = "x"  # type: ignore[misc]
    with pytest.raises(TypeError):
        report.totals["load_mw"] = 1.0  # type: ignore[index]


def test_lost_power_is_an_error_with_its_amount() -> None:
    assert not find_lost({"load_mw": 100.0, "bus": 3}, {"load_mw": 100.0 + 1e-9, "bus": 3})
    assert not find_lost({"shunt": 3}, {"shunt": 5}, {"shunt": 2})
    (issue,) = find_lost({"load_mw": 100.0}, {"load_mw": 99.0})
    assert (issue.code, issue.column, issue.value) == ("E-LOST", "load_mw", "-1")
    (issue,) = find_lost({"hvdc": 2}, {})
    assert issue.value == "-2"


def test_strict_raises_on_warnings() -> None:
    issues = [Issue("warning", "W-X", "", "", "", "", "something")]
    raise_issues(issues, "file")
    with pytest.raises(FileFormatError, match="W-X"):
        raise_issues(issues, "file", strict=True)
    raise_issues([], "file", strict=True)
