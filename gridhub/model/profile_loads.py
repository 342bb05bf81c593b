"""Hours of a network's loads: demand shared out to them, and data centers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridhub.errors import OptionError, name_ids
from gridhub.model.profile_weather import DECIMALS, Work
from gridhub.profiles.cooling import DEFAULT_COOLING, compute_hot_pue
from gridhub.profiles.data_center import Contract, DataCenterLoad, build_data_center_load
from gridhub.profiles.demand import build_demand, share_demand
from gridhub.profiles.region import Floats


def make_load_hours(work: Work, centers: list[DataCenterLoad | Contract]) -> pd.DataFrame:
    """Make the hours of demand and of data centers, in the order of the load table."""
    table = work.net.tables["load"]
    table = table[table["in_service"].astype(bool)]
    kind = table["kind"].fillna("").astype(str) if "kind" in table else pd.Series("", index=table.index)
    demand = _make_demand(work, table[kind.isin(["", "demand"])])
    halls = _make_halls(work, table[kind == "data_center"], centers)
    other = table[~kind.isin(["", "demand", "data_center"])]
    if len(other):
        work.notes.append(
            f"{len(other):,} loads of another kind keep their snapshot: {name_ids(other.index)}"
        )
    frame = pd.concat([demand, halls], axis=1)
    return frame[[name for name in table.index if name in frame.columns]]


def _make_demand(work: Work, table: pd.DataFrame) -> pd.DataFrame:
    """Make the hours of demand by load."""
    if table.empty:
        return pd.DataFrame(index=work.hours)
    region, energy = work.region, _find_energy(table)
    if "demand" in work.own:
        p_mw = work.own["demand"].to_numpy()[:, 0]
        work.tell("energy", float(p_mw.sum()) / 1e6, "TWh")
        work.tell("highest demand", float(p_mw.max()), "MW")
    else:
        scale = _find_scale(work, table, energy)
        fleet = work.cells.find(
            [one.lat for one in region.stations],
            [one.lon for one in region.stations],
            [one.name for one in region.stations],
        )
        climate, air = (values[:, fleet].mean(axis=1) for values in (work.climate_c, work.air_c))
        made = build_demand(region, work.hours, climate, air, work.seed, scale)
        p_mw = made.p_mw
        work.tell("energy", float(p_mw.sum()) / 1e6, "TWh", "energy_twh")
        work.tell("highest demand", float(p_mw.max()), "MW", "peak_mw")
        work.tell("lowest demand", float(p_mw.min()), "MW", "minimum_mw")
        work.tell("demand by the figures' year", scale, "1")
        work.tell("bend of the demand shape", made.bend, "1")
        if made.unknown_festivals:
            work.notes.append(
                f"the region's calendar has no festivals of {work.hours[0].year}: worked through"
            )
    group = (
        table["province"].isin(region.group).to_numpy() if "province" in table else np.zeros(len(table), bool)
    )
    values = share_demand(p_mw, energy, group, region["group_peak_share"] if region.group else None)
    if group.any() and not group.all():
        at = int(p_mw.argmax())
        work.tell(
            "share of the group at the peak",
            float(values[at, group].sum() / p_mw[at]),
            "1",
            "group_peak_share",
        )
    return pd.DataFrame(values.round(DECIMALS), index=work.hours, columns=table.index)


def _find_scale(work: Work, table: pd.DataFrame, energy: Floats) -> float:
    """Find the demand of the network over that of the region's figures: by energy, else by the peak."""
    if _has_energy(table):
        return float(energy.sum()) / 1e3 / work.region["sales_twh"]
    work.notes.append("loads have no annual_gwh: their p_mw is taken as their share of the highest demand")
    return float(energy.sum()) / work.region["peak_mw"]


def _has_energy(table: pd.DataFrame) -> bool:
    return "annual_gwh" in table and bool(pd.to_numeric(table["annual_gwh"], errors="coerce").notna().any())


def _find_energy(table: pd.DataFrame) -> Floats:
    """Find what loads share demand by: annual_gwh [GWh], where it is missing in proportion to p_mw."""
    p_mw = table["p_mw"].to_numpy(dtype=float)
    if not _has_energy(table):
        return p_mw
    energy = pd.to_numeric(table["annual_gwh"], errors="coerce").to_numpy(dtype=float)
    known = np.isfinite(energy)
    return np.where(known, energy, p_mw * energy[known].sum() / max(p_mw[known].sum(), 1e-9))


def _make_halls(work: Work, table: pd.DataFrame, centers: list[DataCenterLoad | Contract]) -> pd.DataFrame:
    """Make the hours of placed data centers; one that is split over several rows keeps their proportion."""
    models = [one if isinstance(one, DataCenterLoad) else DataCenterLoad.of(one) for one in centers]
    frames, left = [], table
    for model in models:
        names = left["name"].fillna("").astype(str)
        rows = left[(names == model.name) | names.str.startswith(f"{model.name} (")]
        if rows.empty:
            raise OptionError(
                f"no data center {model.name!r} in the network; there are {name_ids(table['name'])}"
            )
        frames.append(_make_hall(work, model, rows))
        left = left.drop(rows.index)
    for name, row in left.iterrows():
        # the table knows only its power at the point of connection
        model = DataCenterLoad(
            str(name), float(row["p_mw"]) / compute_hot_pue(DEFAULT_COOLING), DEFAULT_COOLING
        )
        frames.append(_make_hall(work, model, left.loc[[name]]))
        kind = f"{model.utilisation} use, {model.cooling}, load factor {model.load_factor}"
        work.notes.append(f"data center {name}: {kind} (assumed; data_centers= says otherwise)")
    return pd.concat(frames, axis=1) if frames else pd.DataFrame(index=work.hours)


def _make_hall(work: Work, model: DataCenterLoad, rows: pd.DataFrame) -> pd.DataFrame:
    """Make the hours of one data center."""
    cell = work.find_cells(rows)[0]
    made = build_data_center_load(model, work.hours, work.air_c[:, cell], work.seed)
    share = rows["p_mw"].to_numpy(dtype=float) / float(rows["p_mw"].sum())
    work.tell(f"{model.name}: contract", model.find_contract_mw(work.hours[0].year), "MW")
    work.tell(f"{model.name}: mean", float(made.p_mw.mean()), "MW")
    return pd.DataFrame((made.p_mw[:, None] * share).round(DECIMALS), index=work.hours, columns=rows.index)
