from __future__ import annotations

from pathlib import Path

import pytest

from gridhub.errors import FileFormatError, InputError
from gridhub.study.study import read_study

GOOD = """\
schema_version = 1
name = "small"
network = "case"
snapshots = ["peak"]

[power_flow]
tolerance = 1e-9

[hub.data_center]
name = "hall"
contract_mw = 100
bus = "b1"

[[hub.plants]]
name = "sun"
p_mw = 50.0
bus = "b1"
output = { peak = 0.3 }

[[hub.storage]]
name = "cell"
p_mw = 10.0
e_mwh = 40.0
bus = "b1"
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "study.toml"
    path.write_text(text, encoding="utf-8")
    return path


def read_faults(tmp_path: Path, text: str) -> dict[str, tuple[str, str]]:
    with pytest.raises(InputError) as caught:
        read_study(write(tmp_path, text))
    assert all(issue.table == "study.toml" for issue in caught.value.issues)
    return {issue.column: (issue.code, issue.id) for issue in caught.value.issues}


def test_good_study_is_typed(tmp_path: Path):
    study = read_study(write(tmp_path, GOOD))
    assert (study.name, study.network, study.snapshots, study.seed) == ("small", "case", ("peak",), 0)
    assert study.power_flow == {"tolerance": 1e-9}
    assert study.hub.data_center.contract_mw == 100.0
    assert study.hub.plants[0].output == {"peak": 0.3}
    assert study.hub.storage[0].e_mwh == 40.0
    assert study.text == GOOD


def test_a_study_may_have_on_site_generation_a_ramp_and_an_uninterruptible_supply(tmp_path: Path):
    center = (
        'utilisation = "training"\nit_mw = 80\nramp = { "2028" = 40, "2030" = 80.0 }\n'
        "ups_mw = 90\nride_through_s = 0.2\nflexible_hours = 2\n"
    )
    unit = '[[hub.generators]]\nname = "gt"\np_mw = 60\ncost_per_mwh = 80\nstandby = true\n'
    text = GOOD.replace("contract_mw = 100\n", f"contract_mw = 100\n{center}") + unit
    hub = read_study(write(tmp_path, text)).hub
    assert hub.data_center.ramp == {2028: 40.0, 2030: 80.0}
    assert (hub.data_center.utilisation, hub.data_center.ups_mw) == ("training", 90.0)
    assert (hub.generators[0].p_mw, hub.generators[0].fuel, hub.generators[0].standby) == (60.0, "lng", True)
    bad = (
        text.replace('"2028"', '"soon"').replace('"gt"', '"gt"\nkind = "reactor"').replace("p_mw = 60\n", "")
    )
    faults = read_faults(tmp_path, bad)
    assert faults["hub.data_center.ramp"][0] == faults["hub.generators[0].kind"][0] == "E-STUDY-TYPE"
    assert read_faults(tmp_path, text.replace("p_mw = 60\n", ""))["hub.generators[0]"][0] == "E-STUDY-VALUE"
    with pytest.raises(InputError, match="a table with a whole number as key, each value a finite number"):
        read_study(write(tmp_path, bad))


def test_a_study_may_ask_for_a_planned_year(tmp_path: Path):
    assert read_study(write(tmp_path, GOOD)).year is None
    assert (
        read_study(write(tmp_path, GOOD.replace("[power_flow]", "year = 2030\n\n[power_flow]"))).year == 2030
    )
    faults = read_faults(tmp_path, GOOD.replace("[power_flow]", 'year = "soon"\n\n[power_flow]'))
    assert set(faults) == {"year"}


def test_a_study_may_ask_for_the_ratings_of_the_season(tmp_path: Path):
    text = GOOD.replace("[power_flow]", 'ratings = "seasonal"\n\n[power_flow]')
    assert read_study(write(tmp_path, GOOD)).ratings is None
    assert read_study(write(tmp_path, text)).ratings == "seasonal"


def test_a_study_may_ask_for_hours_of_dispatch(tmp_path: Path):
    assert read_study(write(tmp_path, GOOD)).dispatch is None
    text = GOOD + "\n[dispatch]\nhours = 24\nsecurity = 'none'\n[dispatch.options]\nshed_price = 2e7\n"
    part = read_study(write(tmp_path, text)).dispatch
    assert (part.hours, part.security, part.check, part.options) == (24, "none", "n", {"shed_price": 2e7})
    faults = read_faults(tmp_path, GOOD + "\n[dispatch]\nhour = 24\ncheck = 'ac'\n")
    assert set(faults) == {"dispatch.hour", "dispatch.check"}
    for bad in (
        "hours = 9000",
        "options = {shed_prize = 3.0}",
        "options = {flexible = 3.0}",
        "flexible = {hall = {MW = 3.0}}",
        "flexible = {hall = 3.0}",
        "ramp_mw_per_h = {unit = 0.0}",
        "flexible = {hall = {mw = 3.0, longest_h = -1.0}}",
        "hours = 3\nreserve_mw = [10.0, 20.0]",
        "hours = 2\nreserve_mw = [10.0, -20.0]",
        "hours = 2\nreserve_mw = [10.0, 20.0]\noptions = {reserve_mw = 3.0}",
    ):
        with pytest.raises(InputError):
            read_study(write(tmp_path, f"{GOOD}\n[dispatch]\n{bad}\n"))


def test_a_dispatch_of_a_study_has_flexible_loads_and_ramps(tmp_path: Path):
    tables = (
        '[dispatch.flexible."hub:hall"]\nmw = 20\nenergy_mwh = 100.0\n[dispatch.ramp_mw_per_h]\nunit = 50\n'
    )
    part = read_study(write(tmp_path, f"{GOOD}\n[dispatch]\nhours = 24\n{tables}")).dispatch
    assert part is not None
    assert part.settings == {
        "flexible": {"hub:hall": {"mw": 20.0, "energy_mwh": 100.0}},
        "ramp_mw_per_h": {"unit": 50.0},
    }


def test_a_dispatch_of_a_study_has_a_reserve_for_each_hour(tmp_path: Path):
    text = "[dispatch]\nhours = 2\nreserve_mw = [10, 20.5]\n[dispatch.options]\nreserve_load_share = 0.05\n"
    part = read_study(write(tmp_path, f"{GOOD}\n{text}")).dispatch
    assert part is not None
    assert part.settings["reserve_mw"] == (10.0, 20.5)
    assert part.settings["reserve_load_share"] == 0.05


def test_a_study_may_ask_for_its_carbon_free_energy(tmp_path: Path):
    assert read_study(write(tmp_path, GOOD)).carbon is None
    part = read_study(write(tmp_path, GOOD + "\n[carbon]\nshares = [0.5, 1]\ncost = 'low'\n")).carbon
    assert part is not None
    assert (part.shares, part.cost, part.typical_weeks) == ((0.5, 1.0), "low", 0)
    faults = read_faults(tmp_path, GOOD + "\n[carbon]\nshare = [0.5]\ncost = 'cheap'\n")
    assert set(faults) == {"carbon.share", "carbon.cost"}


def test_every_fault_is_named_at_once_with_its_line(tmp_path: Path):
    text = GOOD.replace('name = "small"', "name = 3").replace("seed", "sed")
    text = text.replace("contract_mw = 100", 'contract_mw = "1 GW"').replace(
        'bus = "b1"\n\n[[hub.plants]]', 'bus = "b1"\ncolling = "air"\n\n[[hub.plants]]'
    )
    text = text.replace("tolerance = 1e-9", "tolerence = 1e-9").replace("e_mwh = 40.0", "e_mwh = true")
    text = "sead = 1\n" + text
    faults = read_faults(tmp_path, text)
    assert faults == {
        "sead": ("E-STUDY-KEY", "line 1"),
        "name": ("E-STUDY-TYPE", "line 3"),
        "power_flow.tolerence": ("E-STUDY-OPTION", "line 8"),
        "hub.data_center.contract_mw": ("E-STUDY-TYPE", "line 12"),
        "hub.data_center.colling": ("E-STUDY-KEY", "line 14"),
        "hub.storage[0].e_mwh": ("E-STUDY-TYPE", "line 25"),
    }


def test_unknown_key_suggests_the_near_one(tmp_path: Path):
    with pytest.raises(InputError, match="did you mean contract_mw"):
        read_study(write(tmp_path, GOOD.replace("contract_mw", "contract_mv")))


@pytest.mark.parametrize(
    ("before", "after", "column", "code"),
    [
        ("contract_mw = 100", "contract_mw = nan", "hub.data_center.contract_mw", "E-STUDY-TYPE"),
        ("contract_mw = 100", "contract_mw = inf", "hub.data_center.contract_mw", "E-STUDY-TYPE"),
        ("contract_mw = 100", "contract_mw = -1", "hub.data_center", "E-STUDY-VALUE"),
        ("contract_mw = 100", "contract_mw = true", "hub.data_center.contract_mw", "E-STUDY-TYPE"),
        ('name = "cell"', 'name = "sun"', "hub", "E-STUDY-VALUE"),
        ('network = "case"\n', "", "network", "E-STUDY-MISSING"),
        ("schema_version = 1", "schema_version = 2", "schema_version", "E-STUDY-VERSION"),
        ('snapshots = ["peak"]', 'snapshots = "peak"', "snapshots", "E-STUDY-TYPE"),
        ("peak = 0.3", 'peak = "noon"', "hub.plants[0].output", "E-STUDY-TYPE"),
        ('name = "sun"', 'name = "sun"\nkind = "tidal"', "hub.plants[0].kind", "E-STUDY-TYPE"),
    ],
)
def test_bad_value_is_one_fault(tmp_path: Path, before: str, after: str, column: str, code: str):
    assert before in GOOD
    faults = read_faults(tmp_path, GOOD.replace(before, after, 1))
    assert {key: value[0] for key, value in faults.items()} == {column: code}


def test_hub_is_required(tmp_path: Path):
    assert read_faults(tmp_path, 'schema_version = 1\nname = "a"\nnetwork = "b"\n') == {
        "hub": ("E-STUDY-MISSING", "")
    }


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"name = ", "E-TOML"), (b"\xff\xfe\x00", "E-ENC"), ("name = '\uc194'".encode("cp949"), "E-ENC")],
)
def test_broken_file_is_told_with_its_place(tmp_path: Path, data: bytes, code: str):
    path = tmp_path / "study.toml"
    path.write_bytes(data)
    with pytest.raises(FileFormatError) as caught:
        read_study(path)
    assert [issue.code for issue in caught.value.issues] == [code]


def test_missing_file(tmp_path: Path):
    with pytest.raises(FileFormatError, match="cannot be read"):
        read_study(tmp_path / "none.toml")


def test_byte_order_mark_is_taken(tmp_path: Path):
    path = tmp_path / "study.toml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert read_study(path).name == "small"


def test_shipped_study_reads(repo_root: Path):
    study = read_study(repo_root / "studies" / "solaseado_1gw" / "study.toml")
    assert study.hub.data_center.contract_mw == 1000.0
    assert sum(plant.p_mw for plant in study.hub.plants if plant.kind == "solar") == 1500.0
    assert (study.hub.storage[0].p_mw, study.hub.storage[0].e_mwh) == (500.0, 3000.0)
