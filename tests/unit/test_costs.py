from __future__ import annotations

from pathlib import Path

import pytest

from gridhub.costs import Cost, Delay, read_costs
from gridhub.errors import FileFormatError, OptionError

TEXT = (Path(__file__).resolve().parents[2] / "networks" / "korea" / "costs.toml").read_text(encoding="utf-8")
HEAD = 'schema_version = 1\ncurrency = "KRW"\nmoney_unit = "bn KRW"\n[cost.a]\n'
GOOD = 'low = 1\nbase = 2\nhigh = 3\nunit = "u"\nprice_year = "2024"\nsource = "s"\nconfidence = "M"\n'
LATE = (
    '[delay.line]\non_time = 0.5\nlate_years = [1, 3]\nlate_odds = [3, 1]\nsource = "s"\nconfidence = "M"\n'
)


def test_every_cost_of_korea_is_a_range_with_a_source():
    costs = read_costs(TEXT)
    assert costs.currency == "KRW"
    for name, cost in costs.items.items():
        assert 0 <= cost.low <= cost.base <= cost.high, name
        assert cost.source and cost.confidence in {"H", "M", "L", "K", "assumed"}
        assert cost.confidence == "assumed" or "assumed, no source" not in cost.source, name


def test_published_prices_are_what_was_published():
    costs = read_costs(TEXT)
    assert costs["line_345_overhead"].base == 3.22
    assert costs["storage"].low == pytest.approx(1000 / 3390, abs=1e-3)
    assert costs["statcom"].low == pytest.approx(14.3 / 300, abs=1e-4)
    assert costs["bank_154_22.9"].unit.startswith("bn KRW per 60 MVA")


def test_a_missing_cost_lists_those_there_are():
    with pytest.raises(KeyError, match="line_345_overhead"):
        read_costs(TEXT)["bridge"]


def test_ranges_multiply_and_add_end_by_end():
    km = Cost(2.0, 3.0, 5.0, "bn KRW per km", "2024", "s", "M", 9.0)
    share = Cost(0.3, 0.4, 0.6, "1", "2024", "s", "assumed", 4.0)
    total = km * 10 * share + Cost(1.0, 1.0, 1.0, "bn KRW", "2024", "s", "M", 2.0)
    assert (total.low, total.base, total.high) == pytest.approx((7.0, 13.0, 31.0))
    assert total.lead_years == 9.0


def test_a_year_costs_what_a_loan_would():
    """Paid at the end of each year at the rate, the annuity pays the cost back to the last penny."""
    item = Cost(50.0, 100.0, 200.0, "u", "2024", "s", "M", life_years=15.0, om_share=0.02)
    yearly = item.spread_over_years(0.06)
    for cost, annual in ((item.low, yearly.low), (item.base, yearly.base), (item.high, yearly.high)):
        debt = cost
        for _ in range(15):
            debt = debt * 1.06 - (annual - 0.02 * cost)
        assert debt == pytest.approx(0.0, abs=1e-9)
    with pytest.raises(OptionError, match="life must be above 0"):
        Cost(1.0, 1.0, 1.0, "u", "2024", "s", "M").spread_over_years(0.06)


def test_plants_and_storage_of_korea_have_a_cost_of_a_year():
    costs = read_costs(TEXT)
    assert costs.scale == 1e9 and costs.dollar == 1400.0
    for name in ("solar", "wind", "offshore_wind", "storage_power", "storage_energy"):
        yearly = costs[name].spread_over_years(costs["discount_rate"].base)
        assert 0.05 * costs[name].base < yearly.base < 0.15 * costs[name].base
    # the two parts of a 6 h battery are its price
    six = costs["storage_energy"].base + costs["storage_power"].base / 6
    assert six == pytest.approx(costs["storage"].base, rel=0.01)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[", "E-TOML"),
        (HEAD.replace("= 1", "= 2") + GOOD, "schema_version"),
        (HEAD + "low = 1\n", "missing"),
        (HEAD + GOOD.replace("low = 1", "low = 9"), "must be finite, at least 0 and rise"),
        (HEAD + GOOD.replace("high = 3", "high = nan"), "must be finite"),
        (HEAD + GOOD.replace('source = "s"', 'source = ""'), "assumed, no source"),
        (HEAD + GOOD + 'colour = "red"\n', "not a field"),
        (HEAD + GOOD + "[delay.line]\non_time = 0.5\n", "missing, or not a field of a delay"),
        (HEAD + GOOD + LATE.replace("[1, 3]", "[3, 1]"), "rising"),
        (HEAD + GOOD + LATE.replace("on_time = 0.5", "on_time = 1"), "one of late_odds"),
    ],
)
def test_a_broken_cost_is_refused_with_its_name(text, says):
    with pytest.raises(FileFormatError, match=says):
        read_costs(text)


def test_delays_of_korea_are_the_published_shares_and_slip():
    delays = read_costs(TEXT).delays
    assert (delays["line"].on_time, delays["station"].on_time) == (0.52, 0.36)
    for kind in ("line", "station", "hvdc"):
        late = {years: odds for years, odds in delays[kind].odds.items() if years}
        assert sum(years * odds for years, odds in late.items()) / sum(late.values()) == pytest.approx(4.5)
        assert max(late) == 9
    assert all(delay.source for delay in delays.values())


def test_years_late_are_met_in_their_shares():
    delay = read_costs(HEAD + GOOD + LATE).delays["line"]
    assert delay == Delay(0.5, (1, 3), (3, 1), "s", "M")
    found = delay.find_years([(number + 0.5) / 800 for number in range(800)])
    assert [found.count(years) for years in (0, 1, 3)] == [400, 300, 100]
    assert sum(found) / 800 == pytest.approx(delay.mean_years)


@pytest.mark.parametrize(
    ("currency", "unit", "scale"), [("KRW", "bn KRW", 1e9), ("USD", "M USD", 1e6), ("EUR", "EUR", 1.0)]
)
def test_the_money_unit_is_a_multiple_of_the_currency(currency: str, unit: str, scale: float):
    text = f'schema_version = 1\ncurrency = "{currency}"\nmoney_unit = "{unit}"\n[cost]\n'
    assert read_costs(text).scale == scale


def test_a_money_unit_that_is_none_is_refused():
    with pytest.raises(FileFormatError, match="is not the currency, or one of"):
        read_costs('schema_version = 1\ncurrency = "KRW"\nmoney_unit = "lakh KRW"\n[cost]\n')
