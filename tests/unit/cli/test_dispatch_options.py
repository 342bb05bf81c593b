from __future__ import annotations

import pytest

from gridhub.cli.dispatch_options import add_flexible_and_ramps
from gridhub.errors import GridhubError
from tests.small_networks import make_table
from tests.unit.dispatch.small_hours import make_triangle


def test_numbers_of_flexible_loads_and_ramps_are_read() -> None:
    net = make_triangle(load=make_table(id=["a=b/c", "town"], bus="c", p_mw=10.0, q_mvar=0.0))
    settings = add_flexible_and_ramps(
        net, {"shed_price": 9.0}, ["a=b/c=40/100/5.5", "town = 3"], ["cheap=1e2"]
    )
    assert settings == {
        "shed_price": 9.0,
        "flexible": {"a=b/c": {"mw": 40.0, "energy_mwh": 100.0, "price": 5.5}, "town": {"mw": 3.0}},
        "ramp_mw_per_h": {"cheap": 100.0},
    }


def test_every_fault_is_named_at_once() -> None:
    flexible = ["demand", "demand=x", "=3", "demand=1/2/3/4/5/6", "demnd=5", "demand=-1", "demand=2"]
    with pytest.raises(GridhubError) as caught:
        add_flexible_and_ramps(
            make_triangle(), {"ramp_mw_per_h": 3}, flexible, ["cheap=0", "lemon=5", "cheep=5"]
        )
    told = str(caught.value)
    for text in flexible[:4]:
        assert f"--flexible {text!r} is not LOAD=MW[/MWH[/PRICE[/HOURS[/NOTICE]]]]" in told
    for text in (
        "--option ramp_mw_per_h: give --ramp UNIT=MW_PER_H instead",
        "'demand=2': demand stands twice",
        "flexible: no load demnd; did you mean demand?",
        "ramp_mw_per_h: no generator lemon; there are cheap, dear",
        "no generator cheep; did you mean cheap?",
        "ramp_mw_per_h of cheap = 0.0",
        "flexible demand = FlexibleLoad(mw=-1.0",
    ):
        assert text in told
