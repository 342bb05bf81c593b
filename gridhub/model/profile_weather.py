"""What the makers of a network's hours share: one year of weather, and the figures they report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gridhub.model.network import Network
from gridhub.profiles.region import Floats, RegionProfiles
from gridhub.profiles.temperature import build_climate, build_temperature
from gridhub.profiles.weather import Cells, build_cells

DECIMALS = 3
"""Values are rounded to 1 kW: what computers differ in lies far below."""


@dataclass
class Work:
    """What the steps share: the network, its region and one year of weather.

    Attributes
    ----------
    net, region, cells, hours, seed
    own : mapping
        Series of the user that replace made ones, hours x series.
    air_c, climate_c : (n_hour, n_cell) float
        Outside temperature of this year, and by the climate [°C].
    rows, notes : list
        Lines of the summary, and what to tell the user.
    """

    net: Network
    region: RegionProfiles
    cells: Cells
    hours: pd.DatetimeIndex
    seed: int
    own: Mapping[str, pd.DataFrame]
    air_c: Floats
    climate_c: Floats
    rows: list[tuple[str, float, str, float, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def tell(self, figure: str, value: float, unit: str, held_to: str = "") -> None:
        """Add a line to the summary."""
        published = self.region.figures.get(held_to)
        target = published.value if published else np.nan
        source = f"{published.source} ({published.confidence})" if published else "outcome"
        self.rows.append((figure, value, unit, target, source))

    def find_cells(self, table: pd.DataFrame) -> NDArray[np.int64]:
        """Find the weather cell of every row by its bus."""
        bus = self.net.tables["bus"].reindex(table["bus"])
        lat, lon = (bus[key] if key in bus else np.full(len(bus), np.nan) for key in ("lat", "lon"))
        return self.cells.find(lat, lon, table["bus"].to_numpy())


def start_work(
    net: Network, region: RegionProfiles, hours: pd.DatetimeIndex, seed: int, own: Mapping[str, pd.DataFrame]
) -> Work:
    """Make the weather that the steps share."""
    cells = build_cells(region)
    climate = build_climate(region, cells, hours, "mean_c")
    if "temperature" in own:
        air = np.repeat(own["temperature"].to_numpy(), len(cells.lat), axis=1)
    else:
        air = build_temperature(region, cells, hours, seed)
    return Work(net, region, cells, hours, seed, own, air, climate)
