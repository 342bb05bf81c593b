from __future__ import annotations

import numpy as np
import pandas as pd

from gridhub.analysis.security.comparison import compare_violations


def violation(contingency: str, element: str, loading: float, kind: str = "thermal") -> dict[str, object]:
    return {
        "contingency": contingency,
        "element": element,
        "kind": kind,
        "limit": 100.0 if kind == "thermal" else 0.95,
        "value": loading,
        "unit": "",
        "loading_percent": loading if kind == "thermal" else np.nan,
        "base_value": np.nan,
        "snapshot": "s",
        "stage": "ac",
    }


def test_violations_are_caused_worsened_as_before_or_relieved():
    before = pd.DataFrame(
        [
            violation("a", "l1", 105.0),
            violation("a", "l2", 105.0),
            violation("a", "l3", 105.0),
            violation("a", "b1", 0.94, "voltage_low"),
        ]
    )
    after = pd.DataFrame(
        [
            violation("a", "l1", 106.5),
            violation("a", "l2", 105.5),
            violation("b", "l3", 101.0),
            violation("", "l9", 120.0),
            violation("a", "b1", 0.93, "voltage_low"),
        ]
    )
    table = compare_violations(before, after).set_index(["contingency", "element"])["change"]
    assert table.to_dict() == {
        ("", "l9"): "caused",
        ("b", "l3"): "caused",
        ("a", "l1"): "worsened",
        ("a", "b1"): "worsened",
        ("a", "l2"): "as before",
        ("a", "l3"): "relieved",
    }
    assert list(table.index[:2]) == [("", "l9"), ("b", "l3")]  # worst caused first
    assert len(compare_violations(before.iloc[:0], after.iloc[:0])) == 0
