"""Import every kernel once before tests run side by side, so that they share one compiled cache."""

from __future__ import annotations

import importlib
import pkgutil

import gridhub.kernels


def main() -> None:
    """Import each module of ``gridhub.kernels``; kernels with a written signature compile on import."""
    for module in pkgutil.iter_modules(gridhub.kernels.__path__):
        importlib.import_module(f"gridhub.kernels.{module.name}")


if __name__ == "__main__":
    main()
