"""What an impact assessment asks for, as tables: of the study of one hub, and of a ranking of sites."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from gridhub.analysis.hub.impact import RISE_POINTS, SUPPLYING
from gridhub.report.names import Names
from gridhub.report.page import TableBlock

IMPACT_TEXT = (
    "Technical inputs that a grid impact assessment asks for: evidence, not the official score. "
    "Banks below the lowest voltage of the network are not in it."
)

BANK_LABELS = {
    "branch": "Bank",
    "share_percent": "Part of the hub",
    "n_before_percent": "N before",
    "n_after_percent": "N after",
    "n1_before_percent": "N-1 before",
    "n1_after_percent": "N-1 after",
    "outage": "Worst outage",
}

RAISED_LABELS = {
    "branch": "Branch",
    "rate_mva": "Rating",
    "before_mw": "Flow before",
    "after_mw": "Flow after",
    "before_percent": "Loading before",
    "after_percent": "Loading after",
    "rise_points": "Rise, points",
}


def build_impact_blocks(
    banks: pd.DataFrame, raised: pd.DataFrame, names: Names, lead: Sequence[str], by: str = "AC"
) -> tuple[TableBlock, TableBlock]:
    """Show supplying banks and raised branches.

    Parameters
    ----------
    banks, raised : DataFrame
        Of a hub study, or of `gridhub.analysis.siting.impact.SiteImpact`.
    names : Names
    lead : sequence of str
        Columns that say where and when, shown first.
    by : str
        What the states are solved by, in words.

    Returns
    -------
    tuple of TableBlock
    """
    banks = banks.assign(
        branch=[names.find(str(one)) for one in banks["bank"]],
        outage=[names.find(str(one)) if one else "none left" for one in banks["n1_contingency"]],
    )
    raised = raised.assign(branch=[names.find(str(one)) for one in raised["element"]])
    return (
        TableBlock(
            banks,
            f"Banks that take up at least {SUPPLYING:.0%} of the hub",
            "supplying_banks",
            labels=BANK_LABELS,
            note=f"N by {by}; N-1 by outage factors on that flow, the worst loss of one branch.",
            show=[*lead, *BANK_LABELS],
            empty="No bank of the network takes up that much.",
        ),
        TableBlock(
            raised,
            f"Branches whose loading rises by more than {RISE_POINTS:g} points",
            "raised_branches",
            labels=RAISED_LABELS,
            note="With everything in service.",
            show=[*lead, *RAISED_LABELS],
            empty="None.",
        ),
    )
