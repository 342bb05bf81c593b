"""Which rating holds: the nearest rule, by class before voltage; and what rules cannot be."""

from __future__ import annotations

import itertools
import math

import pytest

from gridhub.criteria import EXAMPLE, read_criteria
from gridhub.errors import InputError
from gridhub.rating_rules import RatingRule, choose_rules

ROW = """
[[rating]]
state = "outage"
column = "{column}"
factor = 1.1
{more}
source = "s"
as_of = "2026"
confidence = "L"
"""
TOWER = ROW.format(column="rate_c_mva", more='minutes = 15\ncontingency = "tower"')
HIGH = ROW.format(column="rate_mva", more="min_kv = 300\nminutes = 30")
BOTH = ROW.format(column="rate_b_mva", more='min_kv = 300\nmax_kv = 400\ncontingency = "tower"')

RULES = [
    RatingRule("normal", "rate_mva", 1.0),
    RatingRule("outage", "rate_b_mva", 1.0),
    RatingRule("outage", "rate_c_mva", 1.0, 15.0, "tower"),
    RatingRule("outage", "rate_mva", 1.1, 30.0, "", 300.0),
    RatingRule("outage", "rate_c_mva", 1.2, 5.0, "tower", 300.0, 400.0),
    RatingRule("outage", "rate_b_mva", 0.9, math.inf, "n-1-1"),
]


@pytest.mark.parametrize(
    ("contingencies", "expected"),
    [
        ((), [1, 3, 3]),
        (("line",), [1, 3, 3]),
        (("tower",), [2, 4, 2]),
        (("P7", "tower"), [2, 4, 2]),
        (("n-1-1", "tower"), [5, 5, 5]),
        (("tower", "n-1-1"), [2, 4, 2]),
    ],
)
def test_the_nearest_rule_holds_whatever_their_order(
    contingencies: tuple[str, ...], expected: list[int]
) -> None:
    for order in itertools.islice(itertools.permutations(range(len(RULES))), 0, 720, 37):
        rules = [RULES[k] for k in order]
        chosen = choose_rules(rules, "outage", contingencies, [154.0, 345.0, 765.0])
        assert [rules[k] for k in chosen] == [RULES[k] for k in expected]
    normal = choose_rules(RULES, "normal", contingencies, [154.0, 345.0])
    assert normal.tolist() == [0, 0]


def test_a_document_gives_its_rules_and_lists_each_number() -> None:
    criteria = read_criteria(EXAMPLE + TOWER + HIGH + BOTH)
    assert criteria.rating_set("outage") == ("rate_b_mva", 1.0)
    chosen = criteria.choose_ratings("outage", ["P7", "tower"], [154.0, 345.0, 765.0])
    rules = [criteria.ratings[k] for k in chosen]
    assert [rule.column for rule in rules] == ["rate_c_mva", "rate_b_mva", "rate_c_mva"]
    assert [rule.minutes for rule in rules] == [15.0, math.inf, 15.0]
    values = {value.key: value.value for value in criteria.values}
    assert values["rating outage tower rate_c_mva"] == 1.1
    assert values["rating outage tower rate_c_mva minutes"] == 15.0
    assert values["rating outage 300-inf kV rate_mva min_kv"] == 300.0
    assert values["rating outage tower 300-400 kV rate_b_mva"] == 1.1
    changed = criteria.with_rating_factor(1.3)
    factors = {rule.name: rule.factor for rule in changed.ratings}
    assert factors.pop("rating normal rate_mva") == 1.0
    assert set(factors.values()) == {1.3}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (TOWER + TOWER, ("E-DUP", "rating outage tower", "")),
        (HIGH + HIGH.replace("300", "200"), ("E-DUP", "rating outage 200-inf kV", "")),
        (HIGH.replace("min_kv = 300", "min_kv = 300\nmax_kv = 100"), ("E-RANGE", "rating 3", "min_kv")),
        (HIGH.replace("= 30\n", "= 0\n"), ("E-RANGE", "rating 3", "minutes")),
        (HIGH.replace("= 30\n", '= "half an hour"\n'), ("E-TYPE", "rating 3", "minutes")),
        (TOWER.replace('"tower"', "7"), ("E-TYPE", "rating 3", "contingency")),
        (TOWER.replace('"outage"', '"normal"'), ("E-KEY", "rating 3", "contingency")),
        (TOWER.replace('"outage"', '"normal"'), ("E-KEY", "rating 3", "minutes")),
        (TOWER.replace("contingency", "class"), ("E-KEY", "rating 3", "class")),
    ],
)
def test_faults_of_rules(text: str, fault: tuple[str, str, str]) -> None:
    with pytest.raises(InputError) as caught:
        read_criteria(EXAMPLE + text)
    assert fault in [(issue.code, issue.id, issue.column) for issue in caught.value.issues]


def test_a_rule_for_one_class_does_not_stand_for_all() -> None:
    text = EXAMPLE.replace('state = "outage"', 'state = "outage"\ncontingency = "line"')
    with pytest.raises(InputError, match="every contingency and voltage"):
        read_criteria(text)
