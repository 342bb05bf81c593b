"""The command ``warmup``: compile ahead, so that the first study does not wait for it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from gridhub.cli.console import print_json, print_line
from gridhub.cli.exits import exits
from gridhub.cli.inputs import JsonOption


@exits
def warmup(
    afresh: Annotated[
        bool, typer.Option("--afresh", help="Throw compiled code away first: after changing kernels.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Compile every kernel once; later processes load the code from numba's cache (NUMBA_CACHE_DIR)."""
    from gridhub.analysis.warming import warm_kernels

    done = warm_kernels(afresh)
    if as_json:
        print_json(asdict(done))
        return
    print_line(
        f"{done.kernels:,} kernels in {done.seconds:,.1f} s: {done.compiled:,} compiled, "
        f"{done.loaded:,} loaded from the cache"
    )
    for folder in done.folders:
        print_line(f"cache: {folder}")
