"""Windows of a dispatch: stopped and gone on with, side by side, and refused where they are another's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import gridhub as gh
from gridhub.analysis.dispatch import windows as dispatch_windows
from gridhub.errors import OptionError, OutputError
from tests.unit.analysis.dispatch.test_dispatch import make_hub_days


class Stopped(Exception):
    """Stands for a machine that is switched off."""


def stop_after(hours: int) -> Any:
    def progress(done: int, count: int) -> None:
        if done >= hours:
            raise Stopped

    return progress


OPTIONS = {"window_hours": 12, "overlap_hours": 6, "shed_price": 500.0}


def test_a_stopped_run_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net, profiles = make_hub_days(2)
    whole = gh.run_dispatch(net, profiles, options=OPTIONS)
    with pytest.raises(Stopped):
        gh.run_dispatch(net, profiles, options=OPTIONS, folder=tmp_path, progress=stop_after(24))
    solved: list[range] = []
    solve = dispatch_windows._solve

    def count(inputs: Any, window: range, *rest: Any) -> Any:
        solved.append(window)
        return solve(inputs, window, *rest)

    monkeypatch.setattr(dispatch_windows, "_solve", count)
    found = gh.run_dispatch(net, profiles, options=OPTIONS, folder=tmp_path)
    assert [window.start for window in solved] == [24, 36]
    assert found.cost.to_numpy() == pytest.approx(whole.cost.to_numpy(), rel=1e-9)
    assert found.summary["cost"] == pytest.approx(whole.summary["cost"], rel=1e-9)
    assert found.price.index.equals(whole.price.index)
    assert found.price.columns.equals(whole.price.columns)
    # a third run reads everything
    solved.clear()
    again = gh.run_dispatch(net, profiles, options=OPTIONS, folder=tmp_path)
    assert not solved
    pd.testing.assert_frame_equal(again.generation, found.generation)
    pd.testing.assert_frame_equal(again.congestion, found.congestion)


def test_a_half_written_window_is_solved_again(tmp_path: Path) -> None:
    net, profiles = make_hub_days(1)
    first = gh.run_dispatch(net, profiles, options=OPTIONS, folder=tmp_path)
    (tmp_path / "00012-price.parquet").unlink()
    second = gh.run_dispatch(net, profiles, options=OPTIONS, folder=tmp_path)
    assert second.cost.to_numpy() == pytest.approx(first.cost.to_numpy(), rel=1e-9)


def test_windows_of_another_run_are_refused(tmp_path: Path) -> None:
    net, profiles = make_hub_days(1)
    gh.run_dispatch(net, profiles, options=OPTIONS, folder=tmp_path)
    for other in (
        {"options": OPTIONS | {"curtail_price": 1.0}},
        {"options": OPTIONS, "security": "n-1"},
    ):
        with pytest.raises(OutputError, match="another dispatch"):
            gh.run_dispatch(net, profiles, folder=tmp_path, **other)
    louder = {key: frame * 1.001 for key, frame in profiles.items()}
    with pytest.raises(OutputError, match="another dispatch"):
        gh.run_dispatch(net, louder, options=OPTIONS, folder=tmp_path)


def test_hours_that_nothing_ties_are_the_same_side_by_side(tmp_path: Path) -> None:
    net, profiles = make_hub_days(2)
    alone = {"storage": "hold", "window_hours": 12, "shed_price": 500.0}
    one = gh.run_dispatch(net, profiles, "n-1", alone)
    two = gh.run_dispatch(net, profiles, "n-1", alone | {"workers": 2}, folder=tmp_path)
    assert two.cost.to_numpy() == pytest.approx(one.cost.to_numpy(), rel=1e-9)
    assert two.cost.index.equals(one.cost.index)
    assert np.isnan(two.energy.to_numpy()).all()
    assert len(list(tmp_path.glob("*-status.parquet"))) == 4


def test_parts_hand_storage_back_as_they_found_it(tmp_path: Path) -> None:
    net, profiles = make_hub_days(2)
    parts = {"window_hours": 12, "overlap_hours": 6, "shed_price": 500.0, "parts": 2}
    one = gh.run_dispatch(net, profiles, options=parts)
    two = gh.run_dispatch(net, profiles, options=parts | {"workers": 2}, folder=tmp_path)
    assert two.cost.to_numpy() == pytest.approx(one.cost.to_numpy(), rel=1e-9)
    start = (net.storage["e_mwh"] * net.storage["soc"]).to_numpy()
    moved = one.storage.to_numpy()
    assert np.abs(moved[:24]).max() > 1.0
    assert np.abs(moved[24:]).max() > 1.0
    assert (one.energy.to_numpy()[[23, 47]] >= start - 1e-6).all()
    # each half is the run of that half alone
    for half in (slice(0, 24), slice(24, 48)):
        own = {key: frame.iloc[half] for key, frame in profiles.items()}
        alone = gh.run_dispatch(net, own, options=OPTIONS)
        assert alone.cost.to_numpy() == pytest.approx(one.cost.to_numpy()[half], rel=1e-6)


def test_parts_are_refused_where_hours_are_tied_across_them() -> None:
    net, profiles = make_hub_days(1)
    for bad in ({"storage_end": "free"}, {"ramp_mw_per_h": {"gas": 10.0}}):
        with pytest.raises(OptionError, match="parts above 1"):
            gh.run_dispatch(net, profiles, options={"parts": 2} | bad)
