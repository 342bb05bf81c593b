"""Run a study: network, hub, analysis, report, provenance, in one folder that appears whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

from gridhub.errors import GridhubError
from gridhub.study.carbon import summarise_carbon, trace_carbon
from gridhub.study.dispatch import dispatch_hub, summarise_dispatch
from gridhub.study.folder import RUN_FILE, RUN_KIND, write_run_folder
from gridhub.study.provenance import (
    describe_machine,
    hash_file,
    hash_folder,
    hash_network,
    hash_text,
    list_versions,
)
from gridhub.study.slug import build_slug
from gridhub.study.source import find_path, open_network, suggest
from gridhub.study.study import Study
from gridhub.study.toml_text import Value, render_toml

if TYPE_CHECKING:
    from gridhub.analysis.hub.hub import HubStudy
    from gridhub.model.network import Network

Progress = Callable[[str, float], None]
"""``report(step, done)``: the name of the step and the fraction of the whole that is done."""

STUDY_FILE = "study.toml"
RUN_VERSION = 1


@dataclass
class Clock:
    """Seconds each step took.

    Attributes
    ----------
    seconds : dict
        Step -> wall-clock seconds.
    """

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def time(self, step: str) -> Iterator[None]:
        """Time the block."""
        start = time.perf_counter()
        yield
        self.seconds[step] = round(time.perf_counter() - start, 3)


def run_study(
    study: Study,
    out: Path | str,
    *,
    base: Path | str = ".",
    force: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Run a study and write its folder.

    Parameters
    ----------
    study : Study
        What is asked (`gridhub.study.study.read_study`).
    out : path-like
        Folder of the results. It appears when everything in it is written: tables as Parquet and CSV,
        ``map.geojson``, ``report.html``, the study, and ``run.toml`` with the versions, the hashes of the
        inputs and of every file, the options, the timings and what is complete.
    base : path-like
        What a relative ``network`` of the study starts from.
    force : bool
        Replace an earlier run there; anything else is never replaced.
    progress : callable, optional
        Told each step and the fraction done.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    GridhubError
        If the network or a snapshot is not known.
    InputError
        If the network cannot be used; every fault listed.
    PlacementError
        If the hub cannot be connected.
    NotConverged
        If a base case has no solution.
    OutputError
        If the folder must not or cannot be written.
    """
    from gridhub.analysis.hub.hub import run_hub_study
    from gridhub.report.write import write_report

    tell = progress or (lambda _step, _done: None)
    clock = Clock()
    started = datetime.now(UTC)
    tell("network", 0.0)
    with clock.time("network"):
        net = open_network(study.network, Path(base), study.year, study.ratings)
    _check_snapshots(net, study)
    with write_run_folder(Path(out), force) as work:
        with clock.time("study"):
            result = run_hub_study(
                net,
                study.hub,
                snapshots=study.snapshots or None,
                options=dict(study.power_flow),
                seed=study.seed,
                progress=lambda step, done: tell(
                    step, 0.05 + (0.85 if study.carbon is None and study.dispatch is None else 0.65) * done
                ),
            )
        curve = None
        if study.carbon is not None:
            with clock.time("carbon"):
                curve = trace_carbon(
                    result.net_after,
                    study.hub,
                    study.carbon,
                    study.seed,
                    year=study.year,
                    progress=lambda step, done: tell(step, 0.7 + 0.1 * done),
                )
        hours = None
        if study.dispatch is not None:
            with clock.time("dispatch"):
                hours = dispatch_hub(
                    result.net_before,
                    result.net_after,
                    study.hub,
                    study.dispatch,
                    study.seed,
                    year=study.year,
                    progress=lambda step, done: tell(step, 0.8 + 0.1 * done),
                )
        tell("report", 0.9)
        document = _describe_run(study, net, Path(base), result, started)
        if curve is not None:
            document["carbon"] = summarise_carbon(curve)
        if hours is not None:
            document["dispatch"] = summarise_dispatch(hours)
        with clock.time("report"):
            results = (
                result,
                *(() if curve is None else (curve,)),
                *(() if hours is None else hours.results),
            )
            write_report(work, *results, title=study.title, provenance=_list_provenance(document))
        (work / STUDY_FILE).write_text(study.text, encoding="utf-8")
        document["timings_s"] = _list_timings(clock, result)
        document["files"] = hash_folder(work)
        (work / RUN_FILE).write_text(render_toml(document), encoding="utf-8")
        tell("done", 1.0)
    return Path(out)


def _check_snapshots(net: Network, study: Study) -> None:
    unknown = [name for name in study.snapshots if name not in net.snapshots]
    if unknown:
        hint = suggest(unknown[0], net.snapshots)
        raise GridhubError(f"network {net.name!r} has no snapshot {', '.join(map(repr, unknown))}; {hint}")


def _describe_run(
    study: Study, net: Network, base: Path, result: HubStudy, started: datetime
) -> dict[str, Value]:
    """Collect what ``run.toml`` says, all but the files."""
    inputs: dict[str, Value] = {STUDY_FILE: hash_text(study.text)}
    path = find_path(study.network, base)
    if path is not None and path.is_file():
        inputs[f"file {path.name}"] = hash_file(path)
    return {
        "run": {
            "kind": RUN_KIND,
            "run_version": RUN_VERSION,
            "name": study.name,
            "slug": build_slug(study.name),
            "title": study.title,
            "network": study.network,
            **({} if study.year is None else {"year": study.year}),
            **({} if study.ratings is None else {"ratings": study.ratings}),
            "started": started.isoformat(timespec="seconds"),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "seed": study.seed,
        },
        "versions": list_versions(),
        "machine": describe_machine(),
        "inputs": {**inputs, **hash_network(net)},
        "options": _describe_options(result),
        "result": summarise(result),
        "completeness": _describe_completeness(result),
    }


def _list_provenance(document: Mapping[str, Value]) -> dict[str, str]:
    """Say on the page how it was made; ``run.toml`` beside it has everything."""
    run, inputs, options = (cast(Mapping[str, Value], document[key]) for key in ("run", "inputs", "options"))
    network = hash_text("\n".join(f"{key} {value}" for key, value in inputs.items() if key != STUDY_FILE))
    return {
        "Study": f"{run['name']}, SHA-256 of {STUDY_FILE} {inputs[STUDY_FILE]}",
        "Network": f"{run['network']}, SHA-256 over all tables and documents {network}",
        "Options": ", ".join(f"{key} = {value}" for key, value in options.items()),
        "Seed": str(run["seed"]),
        "Run": f"{run['started']}, see {RUN_FILE} beside this page for every hash and timing",
    }


def _list_timings(clock: Clock, result: HubStudy) -> dict[str, Value]:
    steps = {f"study: {key}": round(value, 3) for key, value in result.timings_s.items()}
    return {**clock.seconds, **steps}


def _describe_options(result: HubStudy) -> dict[str, Value]:
    """Give the options every power flow ran under; threads say nothing about the result."""
    settled = next(iter(result.security_before.values())).options.as_mapping()
    settled.pop("threads")
    return {"criteria": result.criteria, "snapshots": list(result.snapshots), **settled}


def summarise(result: HubStudy) -> dict[str, Value]:
    """Give the answer of a hub study in a few lines.

    Parameters
    ----------
    result : HubStudy
        Outcome of `run_hub_study`.

    Returns
    -------
    dict
        outcome, verdict, violations caused and worsened, headroom [MW] and what binds it, works, their cost
        in ``money_unit``, earliest energisation by part, sites that public data do not carry.
    """
    change = result.violations["change"]
    summary: dict[str, Value] = {
        "outcome": result.outcome,
        "verdict": result.verdict,
        "violations_caused": int((change == "caused").sum()),
        "violations_worsened": int((change == "worsened").sum()),
        "headroom_mw": float(result.headroom.near_mw),
        "headroom_binds": str(result.headroom.binding_kind),
        "works": len(result.package),
        "sites_not_assessable": len(result.not_assessable),
    }
    if len(result.package):
        for end in ("low", "base", "high"):
            summary[f"works_{end}"] = float(result.package[f"cost_{end}_bn"].sum())
        summary["works_unit"] = result.money_unit
        summary["violations_left"] = int(result.package["left_violations"].iloc[-1])
    dates = zip(result.placements["part"], result.placements["earliest_energisation"], strict=True)
    summary["earliest_energisation"] = {str(part): str(date) for part, date in dates if date}
    return summary


def _describe_completeness(result: HubStudy) -> dict[str, Value]:
    """Count, per snapshot with the hub, the outages listed and how each was judged."""
    rows: dict[str, Value] = {}
    for name, sec in result.security_after.items():
        status = sec.status["status"].astype(str)
        counts: dict[str, Value] = {"outages": len(status)}
        counts |= {str(key).lower(): int(count) for key, count in status.value_counts().items()}
        rows[name or "tables"] = counts
    missing = [name for name in result.snapshots if name not in result.security_after]
    rows["snapshots_without_solution"] = missing
    rows["complete"] = not missing
    return rows
