"""Schemes: read whole or refused with every fault."""

from __future__ import annotations

import pytest

from gridhub.analysis.actions.remedial_schemes import EXAMPLE, Action, Condition, read_schemes
from gridhub.errors import InputError
from gridhub.reference import find_region_document, load_network


def read_faults(text: str) -> set[tuple[str, str, str]]:
    with pytest.raises(InputError) as caught:
        read_schemes(text)
    return {(issue.code, issue.id, issue.column) for issue in caught.value.issues}


def test_example_is_read_whole() -> None:
    (scheme,) = read_schemes(EXAMPLE)
    assert scheme.outage == ("line 1", "line 2")
    assert scheme.conditions == (Condition("line 1", 500.0, "from_to", "before"),)
    assert scheme.actions == (Action("trip", ("unit 1", "unit 2")),)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("schema_version = 1", "schema_version = 2", ("E-VERSION", "", "schema_version")),
        ("schema_version = 1", "schema_version = 1\nnote = 1", ("E-KEY", "", "note")),
        ('source = "assumed, no source"\n', "", ("E-KEY", "scheme 1", "source")),
        ("above_mw = 500", 'above_mw = "500"', ("E-TYPE", "scheme 1 condition 1", "above_mw")),
        ("above_mw = 500", "above_mw = true", ("E-TYPE", "scheme 1 condition 1", "above_mw")),
        ('"from_to"', '"up"', ("E-TYPE", "scheme 1 condition 1", "direction")),
        ('"trip"', '"explode"', ("E-TYPE", "scheme 1 action 1", "kind")),
        ('"trip"', '"shed"', ("E-KEY", "scheme 1 action 1", "share")),
        ('"trip"', '"trip"\nto_mw = 3', ("E-KEY", "scheme 1 action 1", "to_mw")),
        ('"trip"', '"shed"\nshare = 1.5', ("E-RANGE", "scheme 1 action 1", "share")),
        ('["unit 1", "unit 2"]', "[]", ("E-EMPTY", "scheme 1 action 1", "elements")),
        ('["unit 1", "unit 2"]', "[1]", ("E-TYPE", "scheme 1 action 1", "elements")),
    ],
)
def test_every_fault_has_its_place(old: str, new: str, fault: tuple[str, str, str]) -> None:
    assert fault in read_faults(EXAMPLE.replace(old, new))


def test_faults_are_listed_together_and_a_scheme_must_have_a_trigger() -> None:
    text = EXAMPLE.replace('outage = ["line 1", "line 2"]\n', "").replace(
        "[[scheme.condition]]", "[scheme.x]"
    )
    assert {("E-KEY", "scheme 1", "x"), ("E-EMPTY", "scheme 1", "outage")} <= read_faults(text)
    assert ("E-DUP", "outlet", "") in read_faults(EXAMPLE + EXAMPLE.replace("schema_version = 1\n", ""))
    assert ("E-TOML", "", "") in read_faults("[[")


def test_korean_schemes_name_elements_of_both_networks_and_their_units_are_assumed() -> None:
    schemes = read_schemes(find_region_document("korea", "remedial_schemes"))
    for name in ("korea-2025-backbone", "korea-2025"):
        net = load_network(name)
        known = {*net.line.index, *net.generator.index}
        for scheme in schemes:
            assert {*scheme.outage, *(part.element for part in scheme.conditions)} <= known
            assert {key for action in scheme.actions for key in action.elements} <= known
    assert {scheme.confidence for scheme in schemes} == {"assumed"}
    assert all("assumed" in scheme.source for scheme in schemes)
