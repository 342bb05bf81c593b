"""Contingencies that criteria demand, and results judged by what each may take away."""

from __future__ import annotations

from pathlib import Path

import pytest

import gridhub as gh
from gridhub.analysis.contingency.secured_events import list_secured
from gridhub.criteria import EXAMPLE
from gridhub.errors import OptionError
from tests.small_networks import make_double_feed

PROVENANCE = 'source = "test"\nas_of = "2026"\nconfidence = "assumed"\n'


def write_criteria(folder: Path, *events: str) -> str:
    path = folder / "mine.toml"
    path.write_text(EXAMPLE + "".join(f"\n[[secured]]\n{event}\n{PROVENANCE}" for event in events))
    return str(path)


def test_kinds_voltages_and_classes_are_those_of_the_document(tmp_path: Path) -> None:
    net = make_double_feed()
    path = write_criteria(
        tmp_path, 'kind = "line"\nclass = "P1"', 'kind = "tower"\nclass = "P7"\nmin_kv = 400'
    )
    table = list_secured(net, path)
    assert table["event_class"].to_dict() == {"ab1": "P1", "ab2": "P1", "bc": "P1"}
    assert set(list_secured(net, "sqss")["kind"]) == {"line", "tower", "generator", "bus_section"}


def test_selectors_choose_among_them(tmp_path: Path) -> None:
    net = make_double_feed()
    path = write_criteria(tmp_path, 'kind = "line"\nclass = "P1"', 'kind = "tower"\nclass = "P7"')
    assert set(list_secured(net, path, name="ab*").index) == {"ab1", "ab2", "tower:t1"}
    assert set(list_secured(net, path, name="*t1").index) == {"tower:t1"}
    assert list_secured(net, path, min_kv=400.0).empty
    assert list_secured(net, path, min_kv=400.0, name="ab*").empty
    with pytest.raises(OptionError, match="no bus in zone 'north'"):
        list_secured(net, path, zone="north")


def test_load_cut_off_is_judged_by_the_event(tmp_path: Path) -> None:
    net = make_double_feed()
    for limit, expected in ((99.0, {"bc"}), (100.0, set()), (1e9, set())):
        path = write_criteria(tmp_path, f'kind = "line"\nclass = "P1"\nmax_load_cut_off_mw = {limit}')
        lost = gh.run_security(net, list_secured(net, path), criteria=path, verify="all").violations
        assert set(lost.loc[lost["kind"] == "lost_load", "contingency"]) == expected


def test_no_criteria_or_none_that_list_events_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="no criteria"):
        list_secured(make_double_feed())
    with pytest.raises(OptionError, match="'example'"):
        list_secured(make_double_feed(), write_criteria(tmp_path))
    with pytest.raises(OptionError, match="bridge"):
        list_secured(make_double_feed(), write_criteria(tmp_path, 'kind = "bridge"\nclass = "x"'))
    with pytest.raises(gh.InputError, match=r"nowhere.toml"):
        list_secured(make_double_feed(), str(tmp_path / "nowhere.toml"))
    with pytest.raises(KeyError, match="nerc-tpl"):
        list_secured(make_double_feed(), "nerc")
