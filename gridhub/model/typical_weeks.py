"""Typical weeks or days of a year of hours, how many hours each stands for, and what they miss."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
import pandas as pd

from gridhub.errors import InputError, Issue, OptionError
from gridhub.model.own_series import Key
from gridhub.model.profiles import HourlyProfiles
from gridhub.profiles.medoids import (
    assign_periods,
    compare_durations,
    compute_distances,
    find_medoids,
    fit_weights,
)
from gridhub.profiles.region import Floats

LENGTHS = MappingProxyType({"week": 168, "day": 24})
"""Kind of period -> its hours."""

RESIDUAL = "residual load"

Extreme = Literal["peak", "surplus"]


@dataclass(frozen=True, eq=False)
class TypicalWeeks:
    """Hours that stand for a year.

    Attributes
    ----------
    length : str
        "week" (168 h) or "day" (24 h), counted from the first hour of the profiles.
    periods : DataFrame
        One row per chosen period, in time order, index its first hour; last_hour, weight (periods of the year
        it stands for; at least 1), members (periods nearest to it), kept ("peak", "surplus"; "" by choice).
    weight : Series
        Hour -> hours of the year it stands for; the hours of the chosen periods alone.
    assignment : Series
        First hour of every period -> first hour of the chosen one that it lies nearest to.
    energy : DataFrame
        By series (load, solar, wind …): year_mwh, typical_mwh (by the weights), error_percent.
    duration : DataFrame
        By series, and of residual load: highest_mw and lowest_mw of the year, typical_highest_mw,
        typical_lowest_mw, error_percent (root mean square between the duration curves, percent of the span
        of the year).
    not_represented : tuple of str
        What the choice leaves out, in words.
    """

    length: str
    periods: pd.DataFrame
    weight: pd.Series
    assignment: pd.Series
    energy: pd.DataFrame
    duration: pd.DataFrame
    not_represented: tuple[str, ...]

    def take(self, profiles: Mapping[Key, pd.DataFrame]) -> dict[Key, pd.DataFrame]:
        """Take the chosen hours out of profiles of the same year.

        Parameters
        ----------
        profiles : mapping
            (table, column) -> DataFrame hours x ids.

        Returns
        -------
        dict
            The same tables, rows of `weight` alone: chosen periods one below the other, not scaled.

        Raises
        ------
        InputError
            If hours are not there.
        """
        hours = self.weight.index
        faults = [
            Issue("error", "E-HOURS", str(key), "", "", str(hours[0]), "lacks hours of the typical periods")
            for key, frame in profiles.items()
            if not hours.isin(frame.index).all()
        ]
        if faults:
            raise InputError(faults, "profiles")
        return {key: frame.loc[hours] for key, frame in profiles.items()}


def pick_typical_weeks(
    profiles: Mapping[Key, pd.DataFrame],
    count: int = 4,
    *,
    length: str = "week",
    keep: Iterable[Extreme] = ("peak",),
    kinds: Mapping[str, str] | None = None,
) -> TypicalWeeks:
    r"""Choose typical weeks (or days) out of a year of hours, with weights that keep the year's energies.

    Parameters
    ----------
    profiles : mapping
        (table, column) -> DataFrame hours x ids [MW], rows an hour apart, such as `make_profiles` returns.
        ("load", "p_mw") and ("generator", "p_mw") decide; others are left to follow.
    count : int
        Periods to choose, kept ones included.
    length : {"week", "day"}
        Periods are counted from the first hour. Hours after the last whole one belong to none.
    keep : iterable of {"peak", "surplus"}
        Periods chosen in any case: those with the highest, with the lowest hour of residual load (load less
        what generators with a profile can give). Empty: none.
    kinds : mapping, optional
        Generator -> series it counts in, such as ``net.generator["fuel"]``. None: "solar" and "wind" as
        `make_profiles` knows them; generators of which nothing is known count in one series "generator".

    Returns
    -------
    TypicalWeeks

    Raises
    ------
    OptionError
        If count, length or keep are out of range.
    InputError
        If profiles lack values or are not of the same hours.

    Notes
    -----
    k-medoids on the hourly values of the series, each brought to 0 … 1, of every period [1]_, [2]_: building
    by the largest gain, then swapping while the sum of distances falls, so a local optimum. A kept period is
    a medoid that is never swapped and stands for those nearest to it. The weights :math:`w_c \ge 1` of the
    chosen periods sum to all hours and stay as near to the number of members :math:`m_c` as energies allow:

    .. math:: \min_w \; M^2 \sum_s \left(\frac{\sum_c w_c E_{cs} - E_s}{\max_s E_s}\right)^2
              + \frac1{k^2} \sum_c \left(\frac{w_c - m_c}{m_c}\right)^2 , \quad M = 10^4

    so that the energy of each series is kept where weights of at least 1 can [3]_; what error is left stands
    in `TypicalWeeks.energy`. Values are not scaled: a kept peak stays the peak.

    References
    ----------
    .. [1] F. Domínguez-Muñoz, J. M. Cejudo-López, A. Carrillo-Andrés, "Selection of typical demand days for
       CHP optimization", Energy and Buildings 43(11), 2011, doi:10.1016/j.enbuild.2011.07.024
    .. [2] M. Hoffmann, L. Kotzur, D. Stolten, M. Robinius, "A Review on Time Series Aggregation Methods for
       Energy System Models", Energies 13(3), 2020, doi:10.3390/en13030641
    .. [3] K. Poncelet, H. Höschle, E. Delarue, A. Virag, W. D'haeseleer, "Selecting Representative Days for
       Capturing the Implications of Integrating Intermittent Renewables in Generation Expansion Planning
       Problems", IEEE Transactions on Power Systems 32(3), 2017, doi:10.1109/TPWRS.2016.2596803

    Examples
    --------
    >>> hours = pd.date_range("2025-01-01", periods=8760, freq="h")
    >>> load = pd.DataFrame({"a": 100 + 20 * np.cos(2 * np.pi * np.arange(8760) / 8760)}, index=hours)
    >>> typical = pick_typical_weeks({("load", "p_mw"): load}, count=4)
    >>> len(typical.weight), round(float(typical.weight.sum())), typical.energy.shape
    (672, 8760, (1, 3))
    """
    kept = tuple(dict.fromkeys(keep))
    _check_options(count, length, kept)
    if kinds is None:
        kinds = profiles.kinds if isinstance(profiles, HourlyProfiles) else {}
    series, residual = _build_series(profiles, kinds)
    hours, size = series.index, LENGTHS[length]
    whole = len(hours) // size
    if whole <= count:
        raise OptionError(
            f"count = {count}: {len(hours):,} hours have {whole} whole {length}s; choose fewer than that"
        )
    values = series.to_numpy()
    blocks = values[: whole * size].reshape(whole, size, -1)
    extreme = residual[: whole * size].reshape(whole, size)
    forced = {"peak": int(extreme.max(axis=1).argmax()), "surplus": int(extreme.min(axis=1).argmin())}
    distance = compute_distances(blocks)
    chosen = find_medoids(distance, count, [forced[name] for name in kept])
    place = assign_periods(distance, chosen)
    members = np.bincount(place, minlength=count).astype(float)
    total = len(hours) / size
    weight = fit_weights(blocks[chosen].sum(axis=1), values.sum(axis=0), members, total)
    rows = (chosen[:, None] * size + np.arange(size)).ravel()
    by_hour = np.repeat(weight, size)
    starts = hours[: whole * size : size]
    periods = pd.DataFrame(
        {
            "last_hour": hours[(chosen + 1) * size - 1],
            "weight": weight,
            "members": members.astype(int),
            "kept": [", ".join(name for name in kept if forced[name] == one) for one in chosen.tolist()],
        },
        index=pd.Index(starts[chosen], name="first_hour"),
    )
    energy = _compare_energies(series, values[rows], by_hour)
    everything = series.assign(**{RESIDUAL: residual})
    duration = _compare_durations(everything, rows, by_hour)
    return TypicalWeeks(
        length=length,
        periods=periods,
        weight=pd.Series(by_hour, index=pd.Index(hours[rows], name="hour"), name="weight"),
        assignment=pd.Series(starts[chosen][place], index=starts, name="typical"),
        energy=energy,
        duration=duration,
        not_represented=_list_missing(length, len(hours) - whole * size, energy, duration),
    )


def _check_options(count: int, length: str, kept: tuple[str, ...]) -> None:
    """Refuse options that mean nothing, all at once."""
    faults = []
    if length not in LENGTHS:
        faults.append(f"length = {length!r} is not {' or '.join(LENGTHS)}")
    unknown = [name for name in kept if name not in ("peak", "surplus")]
    if unknown:
        faults.append(f"keep = {', '.join(unknown)}: there are peak and surplus")
    if count < max(1, len(kept)):
        faults.append(f"count = {count} is fewer than the {max(1, len(kept))} that must be chosen")
    if faults:
        raise OptionError("; ".join(faults))


def _build_series(
    profiles: Mapping[Key, pd.DataFrame], kinds: Mapping[str, str]
) -> tuple[pd.DataFrame, Floats]:
    """Sum the profiles to few series, hours x series, and to residual load [MW]."""
    load, plants = profiles.get(("load", "p_mw")), profiles.get(("generator", "p_mw"))
    faults = []
    if load is None or load.empty:
        faults.append(Issue("error", "E-EMPTY", "load", "", "p_mw", "", "no hours of load to choose by"))
    if load is not None and plants is not None and not load.index.equals(plants.index):
        text = "has other hours than load: give both the same"
        faults.append(Issue("error", "E-HOURS", "generator", "", "p_mw", str(plants.index[0]), text))
    for table, frame in (("load", load), ("generator", plants)):
        bad = [] if frame is None else frame.columns[~np.isfinite(frame.to_numpy(dtype=float)).all(axis=0)]
        faults += [
            Issue("error", "E-NAN", table, str(name), "p_mw", "", "has hours without value") for name in bad
        ]
    if faults or load is None:
        raise InputError(faults, "profiles")
    series = {"load": load.sum(axis=1)}
    if plants is not None and plants.shape[1]:
        group = [str(kinds.get(str(name), "generator")) for name in plants.columns]
        series |= {str(name): one for name, one in plants.T.groupby(group).sum().T.items()}
    frame = pd.DataFrame(series)
    return frame, 2.0 * frame["load"].to_numpy() - frame.to_numpy().sum(axis=1)


def _compare_energies(series: pd.DataFrame, typical: Floats, weight: Floats) -> pd.DataFrame:
    year, found = series.to_numpy().sum(axis=0), weight @ typical
    error = 100.0 * (found - year) / np.where(year != 0.0, year, 1.0)
    return pd.DataFrame(
        {"year_mwh": year, "typical_mwh": found, "error_percent": error},
        index=pd.Index(series.columns, name="series"),
    )


def _compare_durations(series: pd.DataFrame, rows: np.ndarray, weight: Floats) -> pd.DataFrame:
    table = {}
    for name, one in series.items():
        full = one.to_numpy()
        part, span = full[rows], max(float(np.ptp(full)), 1e-9)
        error = compare_durations(full, part, weight)
        table[name] = (full.max(), full.min(), part.max(), part.min(), 100.0 * error / span)
    columns = ["highest_mw", "lowest_mw", "typical_highest_mw", "typical_lowest_mw", "error_percent"]
    found = pd.DataFrame.from_dict(table, orient="index", columns=columns)
    return found.rename_axis(index="series")


def _list_missing(length: str, left: int, energy: pd.DataFrame, duration: pd.DataFrame) -> tuple[str, ...]:
    """Say in words what typical periods leave out."""
    curve, off = duration["error_percent"], energy["error_percent"].abs()
    texts = [
        f"duration curves are off by {curve.max():.1f} % of the span at most ({curve.idxmax()})",
        f"what goes on from one {length} to the next: storage over longer times, order of the {length}s",
    ]
    if off.max() > 0.01:
        texts.append(f"energies are off by {off.max():.2f} % at most ({off.idxmax()})")
    for end in ("highest", "lowest"):
        both = duration.loc[[RESIDUAL], [f"{end}_mw", f"typical_{end}_mw"]].to_numpy(dtype=float)[0]
        lost = abs(float(both[0] - both[1]))
        if lost > 1e-6:
            texts.append(f"the {end} residual load of the year lies {lost:,.0f} MW beyond the typical one")
    if left:
        texts.append(f"the last {left} hours are in no {length}; the weights stand for them too")
    return tuple(texts)
