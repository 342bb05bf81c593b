"""power-grid-model in an environment of its own, on the model that gridhub solves."""

from __future__ import annotations

from gridhub.case.case import Complexes, Floats
from tests.bench.peers.session import Session
from tests.bench.plain_grid import PlainGrid


def start(python: str, plain: PlainGrid, injection: Complexes, vm: Floats, threads: int) -> Session:
    """Start a session; its answers hold the largest ``difference`` of |V| to ours [p.u.] and the ``hours``.

    Parameters
    ----------
    injection : (hours, n) complex
        Net injection of every node [p.u.]; that of the reference is not used.
    vm : (hours, n) float
        Our answer [p.u.], for the comparison.
    """
    arrays = {
        "base_mva": plain.base_mva,
        "reference": plain.reference,
        "reference_vm": plain.vm[plain.reference],
        "end": plain.end,
        "series": plain.series,
        "charging": plain.charging,
        "tap": plain.tap,
        "shift": plain.shift,
        "shunt": plain.shunt,
        "injection": injection,
        "vm": vm,
    }
    return Session(python, "pgm_script.py", arrays, str(threads))
