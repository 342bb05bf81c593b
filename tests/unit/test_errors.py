"""The tree of exceptions: what callers may rely on to catch."""

from __future__ import annotations

import pytest

import gridhub as gh
from gridhub import errors
from tests.small_networks import make_double_feed


def test_bad_input_is_a_value_error_and_a_missing_solution_is_none() -> None:
    with pytest.raises(ValueError, match="did you mean tolerance"):
        gh.run_power_flow(make_double_feed(), options={"tolerence": 1e-6})
    with pytest.raises(ValueError, match="E-EMPTY|no bus"):
        gh.run_power_flow(gh.build_network("empty"))
    assert issubclass(errors.InputError, ValueError)
    assert not issubclass(gh.NotConverged, ValueError)
    assert not issubclass(errors.OutputError, ValueError)
