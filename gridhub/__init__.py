"""gridhub: where an AI data-center hub can stand on a transmission grid, and what it takes.

Public names load when they are first used, so that ``import gridhub`` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOME = {
    "DataCenter": "gridhub.placement.hub",
    "Hub": "gridhub.placement.hub",
    "InputError": "gridhub.errors",
    "Network": "gridhub.model.network",
    "NotConverged": "gridhub.errors",
    "PowerFlowOptions": "gridhub.solvers.options",
    "RenewablePlant": "gridhub.placement.hub",
    "Status": "gridhub.solvers.status",
    "Storage": "gridhub.placement.hub",
    "build_network": "gridhub.model.network",
    "from_pandapower": "gridhub.interop.pandapower",
    "hosting_capacity": "gridhub.analysis.hosting",
    "list_contingencies": "gridhub.analysis.contingencies",
    "list_networks": "gridhub.reference",
    "load_network": "gridhub.reference",
    "lodf": "gridhub.analysis.sensitivities",
    "place": "gridhub.placement.place",
    "ptdf": "gridhub.analysis.sensitivities",
    "rank_sites": "gridhub.analysis.siting",
    "read_case": "gridhub.interop.case_files",
    "read_network": "gridhub.model.files",
    "run_power_flow": "gridhub.analysis.power_flow",
    "run_security": "gridhub.analysis.security",
    "run_time_series": "gridhub.analysis.time_series",
    "to_pandapower": "gridhub.interop.pandapower",
    "validate": "gridhub.model.validate",
    "write_case": "gridhub.interop.case_files",
    "write_network": "gridhub.model.files",
    "write_report": "gridhub.report.write",
}
"""Public name -> module that defines it."""

__all__ = sorted(_HOME)  # pyright: ignore[reportUnsupportedDunderAll]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Load a public name from the module that defines it."""
    if name not in _HOME:
        raise AttributeError(f"module 'gridhub' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return [*__all__, "__version__"]


if TYPE_CHECKING:
    from gridhub.analysis.contingencies import list_contingencies as list_contingencies
    from gridhub.analysis.hosting import hosting_capacity as hosting_capacity
    from gridhub.analysis.power_flow import run_power_flow as run_power_flow
    from gridhub.analysis.security import run_security as run_security
    from gridhub.analysis.sensitivities import lodf as lodf
    from gridhub.analysis.sensitivities import ptdf as ptdf
    from gridhub.analysis.siting import rank_sites as rank_sites
    from gridhub.analysis.time_series import run_time_series as run_time_series
    from gridhub.errors import InputError as InputError
    from gridhub.errors import NotConverged as NotConverged
    from gridhub.interop.case_files import read_case as read_case
    from gridhub.interop.case_files import write_case as write_case
    from gridhub.interop.pandapower import from_pandapower as from_pandapower
    from gridhub.interop.pandapower import to_pandapower as to_pandapower
    from gridhub.model.files import read_network as read_network
    from gridhub.model.files import write_network as write_network
    from gridhub.model.network import Network as Network
    from gridhub.model.network import build_network as build_network
    from gridhub.model.validate import validate as validate
    from gridhub.placement.hub import DataCenter as DataCenter
    from gridhub.placement.hub import Hub as Hub
    from gridhub.placement.hub import RenewablePlant as RenewablePlant
    from gridhub.placement.hub import Storage as Storage
    from gridhub.placement.place import place as place
    from gridhub.reference import list_networks as list_networks
    from gridhub.reference import load_network as load_network
    from gridhub.report.write import write_report as write_report
    from gridhub.solvers.options import PowerFlowOptions as PowerFlowOptions
    from gridhub.solvers.status import Status as Status
