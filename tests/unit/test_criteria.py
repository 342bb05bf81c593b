"""Criteria: read whole or refused with every fault, each value with its source."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path

import numpy as np
import pytest

from gridhub.analysis.contingency.kinds import KINDS
from gridhub.criteria import EXAMPLE, read_criteria
from gridhub.errors import InputError
from gridhub.reference import find_criteria_text


@pytest.fixture(scope="module")
def korea(repo_root: Path) -> str:
    return (repo_root / "networks" / "korea" / "criteria.toml").read_text(encoding="utf-8")


def read_faults(text: str) -> list[tuple[str, str, str]]:
    with pytest.raises(InputError) as caught:
        read_criteria(text)
    return [(issue.code, issue.id, issue.column) for issue in caught.value.issues]


def test_korean_voltage_limits_in_kv_come_out_in_per_unit(korea):
    criteria = read_criteria(korea)
    vn_kv = np.array([765.0, 345.0, 154.0])
    for state, expected in {
        "target": [(745, 785), (336, 360), (152, 164)],
        "normal": [(726, 800), (328, 362), (139, 169)],
        "outage": [(726, 800), (328, 362), (139, 169)],
    }.items():
        low, high = criteria.voltage_limits(vn_kv, state)
        np.testing.assert_allclose(low * vn_kv, [pair[0] for pair in expected])
        np.testing.assert_allclose(high * vn_kv, [pair[1] for pair in expected])


def test_classes_the_criteria_lack_are_unjudged(korea):
    low, high = read_criteria(korea).voltage_limits([22.9, 66.0, 161.0, 345.0], "normal")
    assert np.isnan(low).tolist() == [True, True, True, False]
    assert np.isnan(high).tolist() == np.isnan(low).tolist()


def test_no_bus_gives_no_limit(korea):
    low, high = read_criteria(korea).voltage_limits([], "normal")
    assert len(low) == len(high) == 0


def test_korean_ratings_and_losses(korea):
    criteria = read_criteria(korea)
    assert criteria.name == "korea"
    assert criteria.rating_set("normal") == criteria.rating_set("target") == ("rate_mva", 1.0)
    assert criteria.rating_set("outage") == ("rate_b_mva", 1.0)
    assert criteria.max_load_loss_mw == 1400.0
    assert criteria.double_circuit_min_kv == 345.0
    assert criteria.voltage_change_max_pu is None


def test_every_korean_number_is_listed_with_its_source(korea):
    data = tomllib.loads(korea)
    criteria = read_criteria(korea)
    secured = sum(key.endswith(("_kv", "_mw")) for row in data["secured"] for key in row)
    single = len(data["rating"]) + len(data["breaker"]) + len(data["limit"])
    assert len(criteria.values) == 2 * len(data["voltage"]) + single + secured
    for value in criteria.values:
        assert value.source
        assert value.as_of
        assert (value.confidence == "assumed") == ("assumed" in value.source), value.key


def test_what_no_source_gives_is_marked_assumed(korea):
    marked = {value.key: value.confidence for value in read_criteria(korea).values}
    for key in ("max_load_loss_mw", "max_loss_mw", "max_consequential_load_mw", "rating outage rate_b_mva"):
        assert marked[key] == "assumed"


def test_rating_factor_of_a_sensitivity(korea):
    criteria = read_criteria(korea)
    changed = criteria.with_rating_factor(1.10)
    assert changed.rating_set("outage") == ("rate_b_mva", 1.10)
    assert changed.rating_set("normal") == ("rate_mva", 1.0)
    assert criteria.rating_set("outage") == ("rate_b_mva", 1.0)
    (value,) = [value for value in changed.values if value.key.startswith("rating outage")]
    assert (value.value, value.confidence) == (1.10, "assumed")
    assert "sensitivity" in value.source


@pytest.mark.parametrize("factor", [0.0, -1.0, math.nan, math.inf])
def test_rating_factor_must_be_a_positive_number(factor):
    with pytest.raises(ValueError, match="above 0"):
        read_criteria(EXAMPLE).with_rating_factor(factor)


def test_limits_that_are_not_given_do_not_bind():
    criteria = read_criteria(EXAMPLE)
    assert criteria.max_load_loss_mw == criteria.max_loss_mw == criteria.max_consequential_load_mw == math.inf
    assert criteria.double_circuit_min_kv == math.inf


def test_all_faults_at_once():
    text = EXAMPLE.replace("low_kv = 328", 'low_kv = "328"').replace('state = "outage"', 'state = "after"')
    text = text.replace("schema_version = 1", "schema_version = 7\ncolour = 1").replace(
        'confidence = "H"\n', ""
    )
    assert set(read_faults(text)) == {
        ("E-VERSION", "", "schema_version"),
        ("E-KEY", "", "colour"),
        ("E-TYPE", "voltage 1", "low_kv"),
        ("E-KEY", "voltage 1", "confidence"),
        ("E-TYPE", "rating 2", "state"),
    }


PROVENANCE = 'source = "s"\nas_of = "2026"\nconfidence = "L"\n'
RANGE = """
[[voltage_class]]
min_kv = 300
max_kv = 400
state = "normal"
low_pu = 0.9
high_pu = 1.1
"""
EVENT = """
[[secured]]
kind = "tower"
class = "P7"
min_kv = 100
max_load_cut_off_mw = inf
max_load_lost_mw = 0
"""


def test_ranges_of_voltage_give_way_to_single_voltages():
    criteria = read_criteria(EXAMPLE + RANGE + PROVENANCE)
    low, high = criteria.voltage_limits([345.0, 380.0, 300.0, 401.0], "normal")
    np.testing.assert_allclose(low, [328 / 345, 0.9, 0.9, np.nan])
    np.testing.assert_allclose(high, [362 / 345, 1.1, 1.1, np.nan])
    assert {v.key: (v.value, v.unit) for v in criteria.values}["voltage 300-400 kV normal low"] == (
        0.9,
        "p.u.",
    )


def test_what_an_event_may_take_away():
    text = EXAMPLE + EVENT + PROVENANCE + LIMIT.format(key="max_loss_mw", value=700)
    criteria = read_criteria(text)
    (event,) = criteria.secured
    assert (event.kind, event.event_class, event.min_kv) == ("tower", "P7", 100.0)
    assert criteria.loss_limits("tower") == (math.inf, 0.0, 700.0)
    assert criteria.loss_limits("line") == (0.0, math.inf, 700.0)
    assert "secured tower (P7) max_load_lost_mw" in {value.key for value in criteria.values}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (RANGE.replace("300", "500"), ("E-RANGE", "voltage_class 1", "low_pu")),
        (RANGE.replace("0.9", "1.01"), ("E-RANGE", "voltage_class 1", "low_pu")),
        (EVENT.replace("= 100", '= "high"'), ("E-TYPE", "secured 1", "min_kv")),
        (EVENT.replace("lost_mw = 0", "lost_mw = -1"), ("E-TYPE", "secured 1", "max_load_lost_mw")),
        (EVENT.replace("min_kv", "kv"), ("E-KEY", "secured 1", "kv")),
        (EVENT + PROVENANCE + EVENT, ("E-DUP", "secured tower", "")),
    ],
)
def test_faults_of_ranges_and_events(text, fault):
    assert fault in read_faults(EXAMPLE + text + PROVENANCE)


@pytest.mark.parametrize("name", ["nerc-tpl", "sqss", "korea"])
def test_shipped_criteria_list_known_events_each_with_a_source(name):
    criteria = read_criteria(find_criteria_text(name))
    assert criteria.name == name
    assert {event.kind for event in criteria.secured} <= set(KINDS)
    assert {"line", "transformer", "generator", "tower"} <= {event.kind for event in criteria.secured}
    for value in criteria.values:
        assert value.source
        assert value.as_of
        assert (value.confidence == "assumed") == ("assumed" in value.source), value.key


LIMIT = """
[[limit]]
key = "{key}"
value = {value}
source = "s"
as_of = "2026"
confidence = "L"
"""


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("name = ", ("E-TOML", "", "")),
        (EXAMPLE.replace('name = "example"\n', ""), ("E-KEY", "", "name")),
        (EXAMPLE.replace("low_kv = 328", "low_kv = 346"), ("E-RANGE", "voltage 1", "low_kv")),
        (EXAMPLE.replace("high_kv = 362", "high_kv = inf"), ("E-TYPE", "voltage 1", "high_kv")),
        (EXAMPLE.replace("vn_kv = 345", "vn_kv = true"), ("E-TYPE", "voltage 1", "vn_kv")),
        (EXAMPLE.replace("high_kv", "hi_kv"), ("E-KEY", "voltage 1", "hi_kv")),
        (EXAMPLE.replace('confidence = "H"', 'confidence = "sure"'), ("E-TYPE", "voltage 1", "confidence")),
        (
            EXAMPLE.replace('source = "a standard, article 1"', 'source = ""'),
            ("E-TYPE", "voltage 1", "source"),
        ),
        (EXAMPLE.replace('"rate_b_mva"', '"rate_d_mva"'), ("E-TYPE", "rating 2", "column")),
        (EXAMPLE.replace('"outage"', '"normal"'), ("E-DUP", "rating normal", "")),
        (EXAMPLE.split("[[rating]]")[0], ("E-KEY", "rating", "state")),
        (EXAMPLE.split("[[voltage]]")[0] + "voltage = 3\n", ("E-TYPE", "voltage", "")),
        (EXAMPLE + LIMIT.format(key="max_loss", value=1), ("E-TYPE", "limit 1", "key")),
        (EXAMPLE + LIMIT.format(key="max_loss_mw", value=-1), ("E-TYPE", "limit 1", "value")),
        (EXAMPLE + 2 * LIMIT.format(key="max_loss_mw", value=1), ("E-DUP", "limit max_loss_mw", "")),
        (EXAMPLE.split("[[voltage]]")[0] + "rating = [1]\n", ("E-TYPE", "rating 1", "")),
    ],
)
def test_bad_documents(text, fault):
    assert fault in read_faults(text)
