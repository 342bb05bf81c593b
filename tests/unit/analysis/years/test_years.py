"""Plans over years against every combination of delays written out, with rooms solved one by one."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gridhub.analysis.hosting.hosting import hosting_capacity
from gridhub.analysis.works.works import add_circuit
from gridhub.analysis.years.inputs import find_wanted
from gridhub.analysis.years.projects import Project, complete_projects, draw_years, spread_spending
from gridhub.analysis.years.years import YearsPlan, plan_years
from gridhub.costs import Cost, Delay
from gridhub.errors import InputError, OptionError
from gridhub.model.files import write_network
from gridhub.model.network import Network, build_network
from gridhub.placement.hub import DataCenter, Hub, Storage
from gridhub.profiles.data_center import DataCenterLoad

COSTS = (Path(__file__).resolve().parents[4] / "networks" / "korea" / "costs.toml").read_text(
    encoding="utf-8"
)
YEARS = (2027, 2028, 2029)
RAMP = {2027: 600.0, 2028: 855.0, 2029: 1500.0}
HUB = Hub(DataCenter("hall", contract_mw=1500.0, bus="d"))
HALF = Delay(0.5, (1, 2), (3.0, 1.0), "test", "M")
MOST = Delay(0.75, (1,), (1.0,), "test", "M")


def build_mesh() -> Network:
    ends = {"ab": ("a", "b"), "bc": ("b", "c"), "cd": ("c", "d"), "da": ("d", "a"), "ac": ("a", "c")}
    line = pd.DataFrame.from_dict(ends, orient="index", columns=["from_bus", "to_bus"])
    line = line.assign(length_km=40.0, r_ohm=1.0, x_ohm=[12.0, 10.0, 14.0, 11.0, 13.0], rate_mva=500.0)
    return build_network(
        "mesh",
        bus=pd.DataFrame({"vn_kv": 345.0, "reference": [True, False, False, False]}, index=list("abcd")),
        line=line,
        load=pd.DataFrame({"bus": ["c", "b"], "p_mw": [200.0, 100.0]}, index=["lc", "lb"]),
        generator=pd.DataFrame(
            {"bus": ["a", "c"], "p_mw": [200.0, 100.0], "p_max_mw": 3000.0}, index=["ga", "gc"]
        ),
    )


def make_projects(first: Delay = HALF, second: Delay = MOST) -> list[Project]:
    price = Cost(8.0, 10.0, 15.0, "bn KRW", "2026", "test", "M", 2.0)
    return [
        Project("cd more", 2028, lambda net: add_circuit(net, "cd"), kind="line", delay=first, cost=price),
        Project("da more", 2027, lambda net: add_circuit(net, "da"), kind="line", delay=second, cost=price),
        Project(
            "ac more", 2028, lambda net: add_circuit(net, "ac"), kind="line", needs=("da more",), delay=MOST
        ),
    ]


def plan(projects: list[Project] | None = None, net: object = None, **options: object) -> YearsPlan:
    given = {"criteria": None, "draws": 4000, "screen_mw": 0.0, **options}
    chosen = make_projects() if projects is None else projects
    return plan_years(build_mesh() if net is None else net, HUB, YEARS, RAMP, chosen, given)  # type: ignore[arg-type]


def find_room(done: set[str]) -> float:
    net = build_mesh()
    for route in sorted(done):
        net = add_circuit(net, route)
    return float(hosting_capacity(net, ["d"], None).table["firm_mw"].iloc[0])


def enumerate_all() -> dict[int, list[tuple[float, float]]]:
    """Year -> (feasible MW, probability) of every combination of delays, written out."""
    first = {0: 0.5, 1: 0.375, 2: 0.125}
    second = {0: 0.75, 1: 0.25}
    rooms: dict[frozenset[str], float] = {}
    found: dict[int, list[tuple[float, float]]] = {year: [] for year in YEARS}
    for cd, da, ac in product(first, second, second):
        odds = first[cd] * second[da] * second[ac]
        when = {"cd": 2028 + cd, "da": 2027 + da}
        when["ac"] = max(2028 + ac, when["da"])
        for year in YEARS:
            done = frozenset(name for name, there in when.items() if there <= year)
            if done not in rooms:
                rooms[done] = find_room(set(done))
            found[year].append((min(rooms[done], RAMP[year]), odds))
    return found


@pytest.fixture(scope="module")
def mesh_plan() -> YearsPlan:
    return plan()


def test_draws_tend_to_the_sum_over_every_combination_of_delays(mesh_plan: YearsPlan):
    for year, outcomes in enumerate_all().items():
        mw, odds = (np.array(column) for column in zip(*outcomes, strict=True))
        assert odds.sum() == pytest.approx(1.0)
        row = mesh_plan.years.loc[year]
        mean = float(mw @ odds)
        spread = float(np.sqrt(np.maximum(mw**2 @ odds - mean**2, 0.0)))
        assert abs(row["mean_mw"] - mean) <= 4.0 * spread / np.sqrt(4000) + 1e-3
        met = float(odds[mw >= RAMP[year] - 1e-6].sum())
        assert abs(row["met_percent"] / 100.0 - met) <= 4.0 * np.sqrt(met * (1 - met) / 4000) + 1e-9
        for name, share in (("p10_mw", 0.1), ("p50_mw", 0.5), ("p90_mw", 0.9)):
            below = float(odds[mw <= row[name] + 1e-3].sum())
            above = float(odds[mw >= row[name] - 1e-3].sum())
            assert below >= share - 0.03 and above >= 1.0 - share - 0.03
    assert mesh_plan.years["met_percent"].nunique() > 1  # the delays matter


def test_every_state_met_has_the_room_of_a_run_of_its_own(mesh_plan: YearsPlan):
    seen = mesh_plan.states.drop_duplicates("done")
    assert len(seen) > 4
    for row in seen.itertuples():
        assert row.room_mw == pytest.approx(find_room({name[:2] for name in row.done}), abs=0.01)
    shares = mesh_plan.states.groupby("year")["draws_percent"].sum()
    assert shares.to_numpy() == pytest.approx(100.0)
    late = mesh_plan.states.iloc[0]
    assert not set(late["late"]) & set(late["done"])


def test_longer_delays_never_bring_anything_earlier():
    slow = Delay(0.3, (1, 2, 3), (1.0, 1.0, 1.0))
    first, other = plan(), plan(make_projects(slow, slow))
    for name in ("p10_mw", "p50_mw", "p90_mw", "mean_mw", "met_percent"):
        assert (other.years[name] <= first.years[name] + 1e-6).all()
    drawn = [draw_years(complete_projects(make_projects(one, MOST), None), 500, 3) for one in (HALF, slow)]
    assert (drawn[1] >= drawn[0]).all() and (drawn[1] > drawn[0]).any()


def test_a_seed_gives_the_same_plan_and_another_project_changes_no_draw():
    first, again, other = plan(seed=5), plan(seed=5), plan(seed=6)
    pd.testing.assert_frame_equal(first.years, again.years)
    assert not first.years["mean_mw"].equals(other.years["mean_mw"])
    few = complete_projects(make_projects()[:2], None)
    names = [one.name for one in few]
    more = complete_projects(make_projects(), None)
    columns = [[one.name for one in more].index(name) for name in names]
    assert np.array_equal(draw_years(few, 300, 7), draw_years(more, 300, 7)[:, columns])


def test_projects_of_one_group_are_late_together():
    pair = [Project(name, 2028, add_nothing, delay=HALF, group="permit") for name in ("one", "two")]
    drawn = draw_years(complete_projects(pair, None), 200, 1)
    assert np.array_equal(drawn[:, 0], drawn[:, 1]) and len(set(drawn[:, 0])) == 3


def add_nothing(net: Network) -> Network:
    return net


def test_nothing_late_and_nothing_there_are_the_two_ends(mesh_plan: YearsPlan):
    assert mesh_plan.years.at[2027, "room_without_mw"] == pytest.approx(find_room(set()), abs=0.01)
    assert mesh_plan.years.at[2029, "room_in_time_mw"] == pytest.approx(
        find_room({"cd", "da", "ac"}), abs=0.01
    )
    sure = plan([Project(one.name, one.year, one.apply, needs=one.needs) for one in make_projects()])
    wanted = np.minimum(sure.years["room_in_time_mw"], sure.years["wanted_mw"])
    for name in ("p10_mw", "p50_mw", "p90_mw"):
        assert sure.years[name].to_numpy() == pytest.approx(wanted.to_numpy())


def test_what_a_year_waits_for_is_the_room_without_it(mesh_plan: YearsPlan):
    waits = mesh_plan.waits.set_index(["year", "project"])
    both = waits.loc[(2028, "da more")]
    assert both["waiting"] == ("ac more",)
    assert both["without_mw"] == pytest.approx(min(find_room({"cd"}), 855.0), abs=0.01)
    assert waits.loc[(2028, "ac more"), "without_mw"] == pytest.approx(
        min(find_room({"cd", "da"}), 855.0), abs=0.01
    )
    assert (waits["lost_mw"] >= -1e-6).all()


def test_spending_adds_up_to_the_cost_where_the_years_hold_all_of_it(mesh_plan: YearsPlan):
    wide = plan_years(
        build_mesh(),
        HUB,
        range(2020, 2035),
        RAMP,
        make_projects(),
        {"criteria": None, "draws": 200, "costs": COSTS},
    )
    assert wide.years["capex_base"].sum() == pytest.approx(20.0)  # two have a cost
    assert wide.years["capex_high"].sum() == pytest.approx(30.0)
    assert wide.years["capex_usd_base"].sum() == pytest.approx(20.0 / 1400.0)
    assert any("cost of ac more" in text for text in wide.not_assessed)
    assert np.isnan(mesh_plan.years["capex_usd_base"]).all()  # no rate without costs
    share = spread_spending(np.array([2030, 2032]), 2.5, [2028, 2029, 2030, 2031, 2032])
    assert share == pytest.approx(np.array([[0.2, 0.4, 0.4, 0, 0], [0, 0, 0.2, 0.4, 0.4]]))


def test_own_storage_and_flexibility_cover_the_gap_of_the_late_year():
    found = plan(costs=COSTS, elsewhere=("b",)).alternatives.set_index("alternative")
    asked, cell, shed = (found.loc[name] for name in ("as asked", "own storage", "be flexible"))
    gap = found.at["own storage", "extra_mw"]
    assert gap > 100 and cell["p10_last_mw"] == pytest.approx(min(asked["p10_last_mw"] + gap, 1500.0))
    annuity = sum(1.045**-year for year in range(1, 26))
    assert cell["cost_base"] == pytest.approx(gap * 6 * 0.31)
    assert shed["cost_base"] == pytest.approx(gap * (0.03 + 0.04 * annuity))
    assert "a year for being ready" in shed["note"] and "hours of need not known" in shed["note"]
    assert found.at["build elsewhere", "bus"] == "b"
    assert found.at["build later", "met_last_percent"] == asked["met_last_percent"]


def test_by_ac_there_is_no_more_room_than_by_dc():
    dc, ac = (plan(make_projects()[1:2], method=method, draws=50) for method in ("dc", "ac"))
    assert (ac.years["room_in_time_mw"] <= dc.years["room_in_time_mw"] + 1.0).all()
    assert (ac.years["room_in_time_mw"] < dc.years["room_in_time_mw"] - 1.0).any()
    assert ac.method == "ac"


def test_a_screened_project_counts_as_there_and_is_named():
    far = [*make_projects(), Project("far", 2027, lambda net: add_circuit(net, "none"), delay=MOST)]
    exact, quick = plan(far), plan(far, screen_mw=0.5)
    pd.testing.assert_frame_equal(exact.years, quick.years)
    assert len(quick.states) < len(exact.states)
    assert any("dates of far" in text for text in quick.not_assessed)


def test_storage_is_a_stage_that_adds_its_power_to_the_room():
    cell = Storage("cell", p_mw=100.0, e_mwh=400.0, bus="d", output=1.0)
    found = plan([Project("cell", 2028, part=cell)], costs=COSTS)
    room = found.years["room_p50_mw"]
    assert room[2028] - room[2027] == pytest.approx(100.0, abs=1.0)
    assert found.projects.at["cell", "cost_base"] == pytest.approx(400 * 0.31)
    assert (
        found.projects.at["cell", "kind"] == "storage" and found.projects.at["cell", "on_time_percent"] < 100
    )


def test_a_bus_that_is_not_built_has_no_room():
    def add_bus(net: Network) -> Network:
        bus = pd.concat([net.bus, net.bus.loc[["d"]].assign(reference=False).set_axis(["e"])])
        line = pd.concat([net.line, net.line.loc[["cd"]].assign(from_bus="d", to_bus="e").set_axis(["de"])])
        return net.replace(bus=bus, line=line)

    hub = Hub(DataCenter("hall", contract_mw=100.0, bus="e"))
    project = [Project("station", 2028, add_bus, delay=HALF)]
    found = plan_years(build_mesh(), hub, YEARS, None, project, {"criteria": None})
    assert found.years.at[2027, "p90_mw"] == 0.0 and found.years.at[2028, "p90_mw"] == 100.0
    assert set(found.states.loc[found.states["year"] == 2027, "binding_kind"]) == {"not built"}
    assert found.waits.iloc[0]["lost_mw"] == pytest.approx(100.0)


def test_the_ramp_of_a_data_center_is_its_contract_power():
    load = DataCenterLoad("hall", it_mw=1000.0, pue=1.25, ramp={2028: 400.0, 2029: 1000.0})
    found = plan_years(build_mesh(), HUB, YEARS, load, [], {"criteria": None})
    assert found.years["wanted_mw"].tolist() == [0.0, 500.0, 1250.0]


@pytest.mark.slow
def test_planned_projects_of_a_network_that_are_late_are_not_in_it():
    hub = Hub(DataCenter("hall", contract_mw=300.0, bus="sinhaenam-345"))
    found = plan_years(
        "korea-2025-backbone",
        hub,
        [2030],
        projects=["sinhaenam", "sinhaenam--singangjin"],
        options={"draws": 300, "snapshots": ("summer_peak",)},
    )
    assert found.projects.at["sinhaenam--singangjin", "needs"] == ("sinhaenam",)
    assert found.projects.at["sinhaenam", "delay_mean_years"] == pytest.approx(0.64 * 4.5)
    assert found.projects.at["sinhaenam--singangjin", "cost_base"] > 0
    missing = found.states[["sinhaenam" not in done for done in found.states["done"]]]
    assert set(missing["binding_kind"]) == {"not built"}
    assert 50.0 < float(missing["draws_percent"].sum()) < 75.0


@pytest.mark.parametrize(
    ("kwargs", "error", "text"),
    [
        ({"projects": [Project("x", 2027, add_nothing, needs=("y",))]}, InputError, "no such project"),
        ({"projects": [Project("x", 2027, add_nothing)] * 2}, InputError, "stands twice"),
        (
            {
                "projects": [
                    Project("x", 2027, add_nothing, needs=("y",)),
                    Project("y", 2027, add_nothing, needs=("x",)),
                ]
            },
            InputError,
            "waits for itself",
        ),
        ({"seed": -1, "draws": 0}, OptionError, "draws = 0.*seed = -1"),
        ({"drws": 3}, OptionError, "did you mean draws"),
        ({"elsewhere": ("z",)}, KeyError, "no bus 'z'"),
        ({"maximum_states": 2}, OptionError, "maximum_states = 2"),
        ({"net": {2027: build_mesh()}}, OptionError, "no network is given for 2028, 2029"),
        ({"projects": ["line"]}, OptionError, "brings no plans"),
    ],
)
def test_bad_input_is_refused(kwargs: dict[str, object], error: type[Exception], text: str):
    with pytest.raises(error, match=text):
        plan(**kwargs)  # type: ignore[arg-type]


def test_a_network_without_plans_wants_the_network_of_each_year(tmp_path: Path):
    write_network(build_mesh(), tmp_path / "mesh")
    with pytest.raises(OptionError, match="has no plans"):
        plan(net=tmp_path / "mesh")


def test_a_project_is_a_change_or_a_part():
    with pytest.raises(InputError, match="either apply"):
        Project("x", 2027)


def test_ratings_of_the_season_set_the_room_of_every_year():
    season = "schema_version = 1\nname = 'test'\n[[season]]\nname = 'all'\nmonths = [{months}]\n".format(
        months=", ".join(map(str, range(1, 13)))
    )
    factor = "[[season.factor]]\ntable = 'line'\nfactor = 0.5\nsource = 'assumed'\nconfidence = 'assumed'\n"
    snapshot = pd.DataFrame({"time": ["2025-01-15T00:00"], "note": [""]}, index=["night"])
    net = build_mesh().replace(snapshot=snapshot, documents={"ratings": season + factor})
    line = net.line.assign(rate_mva=250.0)
    rooms = [
        plan_years(one, HUB, [2027], projects=[], options={"criteria": None, "draws": 1, "ratings": asked})
        for one, asked in ((net, "seasonal"), (net.replace(line=line), None), (net, None))
    ]
    seasonal, halved, plain = (float(one.years["room_in_time_mw"].iloc[0]) for one in rooms)
    assert seasonal == pytest.approx(halved) and seasonal < plain - 100.0


def test_a_hub_brings_its_own_ramp():
    center = DataCenter("hall", contract_mw=1500.0, it_mw=1250.0, bus="d", ramp={2027: 500.0, 2029: 1250.0})
    wanted = find_wanted(Hub(center), None, YEARS)
    assert wanted.tolist() == pytest.approx([600.0, 600.0, 1500.0])
    assert find_wanted(Hub(center), {2027: 7.0}, YEARS).tolist() == [7.0] * 3
    assert find_wanted(HUB, None, YEARS).tolist() == [1500.0] * 3
