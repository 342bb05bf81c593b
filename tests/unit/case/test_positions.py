"""Flat position arrays against loops."""

from __future__ import annotations

import numpy as np

from gridhub.case.case import Outage
from gridhub.case.positions import OUTAGE_KINDS, OutageList, find_members, list_lost


def test_lost_elements_equal_a_loop_over_the_outages() -> None:
    rng = np.random.default_rng(3)
    outages = [Outage(generator=tuple(rng.integers(0, 9, rng.integers(0, 4)).tolist())) for _ in range(40)]
    pairs = [(k, unit) for k, outage in enumerate(outages) for unit in outage.generator]
    outage, unit = list_lost(outages, "generator")
    assert list(zip(outage.tolist(), unit.tolist(), strict=True)) == pairs
    assert all(len(part) == 0 for part in list_lost(outages, "shunt"))
    assert all(len(part) == 0 for part in list_lost([], "load"))


def test_members_equal_a_loop_over_the_groups() -> None:
    rng = np.random.default_rng(4)
    group, wanted = rng.integers(-1, 12, 60), rng.integers(0, 15, 25)
    pairs = [(i, j) for i, name in enumerate(wanted) for j, own in enumerate(group) if own == name]
    request, member = find_members(group, wanted)
    assert list(zip(request.tolist(), member.tolist(), strict=True)) == pairs
    assert all(len(part) == 0 for part in find_members(np.zeros(0, dtype=np.int64), wanted))


def test_a_list_of_outages_remembers_what_they_lose() -> None:
    outages = [Outage(branch=(3, 1)), Outage(), Outage(branch=(0,), load=(2,)), Outage(generator=(4,))]
    listed = OutageList(outages)
    assert len(listed) == 4
    assert list(listed) == outages
    assert listed[-1] == outages[-1]
    assert list(listed[1:3]) == outages[1:3]
    for kind in OUTAGE_KINDS:
        for one, other in zip(list_lost(listed, kind), list_lost(outages, kind), strict=True):
            assert one.tolist() == other.tolist()
    # known of the whole, or not yet known: the same
    for whole in (listed, OutageList(outages)):
        some = whole.take(np.array([0, 2, 3]))
        assert list(some) == [outages[0], outages[2], outages[3]]
        for kind in OUTAGE_KINDS:
            for one, other in zip(list_lost(some, kind), list_lost(list(some), kind), strict=True):
                assert one.tolist() == other.tolist()


def test_a_list_of_outages_keeps_what_follows_from_the_same_arrays_alone() -> None:
    listed, made = OutageList([Outage(branch=(3,))]), []
    one, same_numbers = np.arange(3), np.arange(3)

    def make() -> int:
        made.append(len(made))
        return made[-1]

    assert [listed.keep("a", (one,), make) for _ in range(2)] == [0, 0]
    assert listed.keep("b", (one,), make) == 1
    assert listed.keep("a", (same_numbers,), make) == 2
    assert listed.keep("a", (one,), make) == 3
    assert listed.keep("a", (one, None), make) == 4
