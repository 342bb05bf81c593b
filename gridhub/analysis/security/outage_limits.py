"""Which limits hold after which outage, by its class, and outages solved group by group of equal limits."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridhub.analysis.contingency.kinds import KINDS
from gridhub.analysis.security.judging import OutageLimits, build_limits
from gridhub.case.case import Case, Ints
from gridhub.criteria import Criteria
from gridhub.errors import OptionError
from gridhub.model.network import Network
from gridhub.rating_rules import SECOND_OUTAGE

CLASS_COLUMNS = ("rating_class", "event_class", "kind")
"""Columns of a contingency set that may say which ratings hold after each, the one that counts most first."""


def list_classes(cset: pd.DataFrame) -> list[tuple[str, ...]]:
    """List the classes each contingency belongs to, the one that counts most first."""
    columns = [cset[name].astype(str).tolist() for name in CLASS_COLUMNS if name in cset]
    return list(zip(*columns, strict=True)) if columns else [()] * len(cset)


def build_outage_limits(
    net: Network, case: Case, criteria: Criteria | None, cset: pd.DataFrame
) -> OutageLimits:
    """Collect the limits after every outage of a set.

    Parameters
    ----------
    net : Network
    case : Case
    criteria : Criteria or None
    cset : DataFrame
        Contingencies; their classes stand in `CLASS_COLUMNS`, as far as there are.

    Raises
    ------
    OptionError
        If the criteria name a class that is neither a kind of contingency nor an event class of theirs, nor
        one of the set's.
    """
    classes = list_classes(cset)
    named = {rule.contingency for rule in criteria.ratings if rule.contingency} if criteria else set()
    if criteria is not None and named:
        known = {*KINDS, SECOND_OUTAGE, *(event.event_class for event in criteria.secured)}
        unknown = sorted(named - known.union(*classes))
        if unknown:
            raise OptionError(
                f"criteria {criteria.name!r} give ratings after {', '.join(map(repr, unknown))}, which is no "
                f"class of contingency; known: {', '.join(sorted(known))}"
            )
    own = [tuple(name for name in part if name in named) for part in classes]
    number = {part: k for k, part in enumerate(dict.fromkeys(own))}
    groups = tuple(build_limits(net, case, criteria, "outage", part) for part in number)
    return OutageLimits(groups, np.array([number[part] for part in own], dtype=np.int64))


def list_groups(limits: OutageLimits, rows: Ints) -> list[tuple[int, Ints]]:
    """Sort outages by the limits they are held against: group, and positions among all."""
    return [(k, rows[limits.of[rows] == k]) for k in np.unique(limits.of[rows]).tolist()]
