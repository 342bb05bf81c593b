"""Profiles against the network they belong to: every fault at once, and rows completed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gridhub.case.profiles import read_profiles
from gridhub.errors import InputError
from tests.small_networks import make_double_feed

HOURS = pd.Index(["one", "two", "three"])


def make_profile(hours: pd.Index = HOURS, **columns: object) -> pd.DataFrame:
    return pd.DataFrame({name.replace("_", " "): values for name, values in columns.items()}, index=hours)


def find_issues(profiles: object) -> set[tuple[str, str, str, str]]:
    with pytest.raises(InputError) as failure:
        read_profiles(make_double_feed(), profiles)  # type: ignore[arg-type]
    return {(i.code, i.table, i.id, i.column) for i in failure.value.issues}


def test_rows_without_a_profile_keep_the_table() -> None:
    read = read_profiles(make_double_feed(), {("load", "p_mw"): make_profile(at_c=[7, 8, 9])})
    assert read.values["load", "p_mw"].tolist() == [[400, 7], [400, 8], [400, 9]]
    assert read.given["load", "p_mw"].tolist() == [False, True]
    assert list(read.hours) == list(HOURS)


def test_order_of_ids_does_not_matter() -> None:
    net = make_double_feed()
    frame = make_profile(at_b=[1.0, 2.0, 3.0], at_c=[4.0, 5.0, 6.0])
    both = [read_profiles(net, {("load", "q_mvar"): f}) for f in (frame, frame[["at c", "at b"]])]
    assert np.array_equal(both[0].values["load", "q_mvar"], both[1].values["load", "q_mvar"])


@pytest.mark.parametrize("nothing", [None, {}])
def test_no_profile_is_one_hour(nothing: dict[tuple[str, str], pd.DataFrame] | None) -> None:
    read = read_profiles(make_double_feed(), nothing, "winter")
    assert (list(read.hours), dict(read.values)) == (["winter"], {})


def test_every_fault_is_listed_at_once() -> None:
    later = pd.Index(["one", "two", "four"])
    profiles = {
        ("load", "p_mw"): make_profile(at_b=[1.0, np.nan, np.nan], at_d=1.0),
        ("load", "q_mvar"): make_profile(later, at_b=[1.0, 2.0, np.inf]),
        ("generator", "p_mw"): make_profile(big=["1", "2", "many"], small=[1.0, None, 2.0]),
        ("generator", "vm_pu"): make_profile(big=1.0),
        ("line", "p_mw"): make_profile(ab1=1.0),
        ("storage", "p_mw"): [1.0],
        "load": make_profile(at_b=1.0),
    }
    assert find_issues(profiles) == {
        ("E-NAN", "load", "at b", "p_mw"),
        ("E-REF", "load", "at d", "p_mw"),
        ("E-HOURS", "load", "", "q_mvar"),
        ("E-INF", "load", "at b", "q_mvar"),
        ("E-NUMBER", "generator", "big", "p_mw"),
        ("E-NAN", "generator", "small", "p_mw"),
        ("E-COLUMN", "generator", "", "vm_pu"),
        ("E-TABLE", "line", "", "p_mw"),
        ("E-TYPE", "storage", "", "p_mw"),
        ("E-KEY", "profiles", "", ""),
    }


def test_a_missing_value_is_named_with_its_hour() -> None:
    with pytest.raises(InputError, match=r"load at b p_mw = nan: wants a number at hour two and 1 more"):
        read_profiles(
            make_double_feed(), {("load", "p_mw"): make_profile(at_b=[1.0, np.nan, np.nan], at_c=1.0)}
        )


def test_fewer_hours_are_a_fault() -> None:
    profiles = {
        ("load", "p_mw"): make_profile(at_b=[1.0, 2.0, 3.0]),
        ("load", "q_mvar"): make_profile(HOURS[:2], at_b=[1.0, 2.0]),
    }
    assert find_issues(profiles) == {("E-HOURS", "load", "", "q_mvar")}


def test_ids_and_hours_that_come_twice_are_faults() -> None:
    frame = pd.DataFrame([[1.0, 2.0]] * 2, columns=["at b", "at b"], index=["one", "one"])
    assert find_issues({("load", "p_mw"): frame}) == {
        ("E-DUP", "load", "at b", "p_mw"),
        ("E-DUP", "load", "", "p_mw"),
    }


def test_an_empty_frame_is_a_fault() -> None:
    assert find_issues({("load", "p_mw"): pd.DataFrame(index=HOURS)}) == {("E-EMPTY", "load", "", "p_mw")}


def test_several_levels_of_hours_are_a_fault() -> None:
    levels = pd.MultiIndex.from_product([["winter", "summer"], [1, 2]])
    frame = pd.DataFrame({"at b": [1.0, 2.0, 3.0, 4.0]}, index=levels)
    for given in (frame, frame.T):
        assert find_issues({("load", "p_mw"): given}) == {("E-TYPE", "load", "", "p_mw")}
