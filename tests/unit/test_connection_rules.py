from __future__ import annotations

from pathlib import Path

import pytest

from gridhub.connection_rules import add_months, read_connection_rules
from gridhub.errors import FileFormatError

TEXT = (Path(__file__).resolve().parents[2] / "networks" / "korea" / "connection_rules.toml").read_text(
    encoding="utf-8"
)


@pytest.fixture(scope="module")
def rules():
    return read_connection_rules(TEXT)


@pytest.mark.parametrize(
    ("p_mw", "vn_kv"), [(10.0, 22.9), (10.1, 154.0), (400.0, 154.0), (400.1, 345.0), (3000.0, 345.0)]
)
def test_load_classes_of_the_terms_of_supply(rules, p_mw, vn_kv):
    assert rules.find_class("data_center", p_mw).vn_kv == vn_kv


def test_rules_that_apply_by_size_place_and_kind(rules):
    def ids(kind, p_mw, province):
        return [rule.id for rule in rules.find_rules(kind, p_mw, province)]

    assert "grid-impact-assessment" not in ids("data_center", 9.9, "Busan")
    assert "capital-region" in ids("data_center", 100.0, "seoul")
    assert "capital-region" not in ids("data_center", 100.0, "Jeollanam-do")
    assert "grid-managed-substations" in ids("solar", 1.0, "Jeju-do")
    assert ids("solar", 1.0, "Busan") == []
    assert ids("storage", 1.0, "Jeollanam-do") == ["storage-exception"]


def test_every_rule_and_figure_says_where_it_comes_from(rules):
    for one in (*rules.rules, *rules.load_classes, *rules.generation_classes, *rules.feeders, *rules.banks):
        assert one.source and one.confidence in {"H", "M", "L", "K", "assumed"}
    for figure in (
        rules.route_factor,
        rules.minimum_length_km,
        rules.split_above_mw,
        rules.line_lead_years,
        rules.shared_km,
    ):
        assert figure.source and figure.unit and figure.as_of
    assert all(source and confidence for source, confidence in rules.output_sources.values())


def test_earliest_month_is_the_latest_of_what_applies(rules):
    met = rules.find_rules("data_center", 100.0, "Seoul")
    assert rules.find_earliest(met) == ("2030-01", "capital-region")
    assert rules.find_earliest(()) == ("2026-11", "")
    assert add_months("2026-11", 14) == "2028-01"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("as_of = ", "E-TOML"),
        ("schema_version = 9", "version"),
        ("schema_version = 1", "load_class"),
        (TEXT.replace("to_mw = inf", "to_mw = 500.0"), "last must be inf"),
        (TEXT.replace("r_ohm_per_km", "r_ohm"), "feeder 1"),
    ],
)
def test_a_broken_document_is_refused_with_what_is_wrong(text, says):
    with pytest.raises(FileFormatError, match=says):
        read_connection_rules(text)
