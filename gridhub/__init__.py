"""gridhub: where an AI data-center hub can stand on a transmission grid, and what it takes.

Public names load when they are first used, so that ``import gridhub`` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOME = {
    "GridhubError": "gridhub.errors",
    "InputError": "gridhub.errors",
    "NotConverged": "gridhub.errors",
    "OptionError": "gridhub.errors",
    "Network": "gridhub.model.network",
    "build_network": "gridhub.model.network",
    "PowerFlowOptions": "gridhub.solvers.options",
    "Status": "gridhub.solvers.status",
    "lodf": "gridhub.analysis.sensitivities",
    "ptdf": "gridhub.analysis.sensitivities",
    "run_power_flow": "gridhub.analysis.power_flow",
    "list_contingencies": "gridhub.analysis.contingencies",
    "run_security": "gridhub.analysis.security",
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
    from gridhub.errors import GridhubError as GridhubError
    from gridhub.errors import InputError as InputError
    from gridhub.errors import NotConverged as NotConverged
    from gridhub.errors import OptionError as OptionError
    from gridhub.analysis.contingencies import list_contingencies as list_contingencies
    from gridhub.analysis.power_flow import run_power_flow as run_power_flow
    from gridhub.analysis.security import run_security as run_security
    from gridhub.analysis.sensitivities import lodf as lodf
    from gridhub.analysis.sensitivities import ptdf as ptdf
    from gridhub.model.network import Network as Network
    from gridhub.model.network import build_network as build_network
    from gridhub.solvers.options import PowerFlowOptions as PowerFlowOptions
    from gridhub.solvers.status import Status as Status
