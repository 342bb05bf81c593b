"""Compile kernels once before tests run side by side, so that the workers share one cache.

Kernels of ours with a written signature compile on import, those of pandapower on first use.
"""

from __future__ import annotations

import importlib
import pkgutil

import pandapower
import pandapower.networks

import gridhub.kernels


def main() -> None:
    """Import each module of ``gridhub.kernels`` and solve one small pandapower network by AC and DC."""
    for module in pkgutil.iter_modules(gridhub.kernels.__path__):
        importlib.import_module(f"gridhub.kernels.{module.name}")
    net = pandapower.networks.case9()
    pandapower.runpp(net)
    pandapower.rundcpp(net)


if __name__ == "__main__":
    main()
