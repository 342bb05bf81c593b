"""What counts as data in a MATPOWER case, and what is refused, line by line."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridhub.errors import FileFormatError
from gridhub.interop.matpower_statements import scan_statements

HEAD = """function mpc = feeder
mpc.version = '2';
mpc.baseMVA = 10;
mpc.bus = [
 1 3 0 0 0 0 1 1 0 12.66 1 1 1;
 2 1 100 60 0 0 1 1 0 12.66 1 1.1 0.9;
];
mpc.gen = [1 0 0 10 -10 1 100 1 10 0];
mpc.branch = [1 2 0.0922 0.0470 0 0 0 0 0 0 1 -360 360];
"""
NAMES = """[PQ, PV, REF, NONE, BUS_I, BUS_TYPE, PD, QD, GS, BS, BUS_AREA, VM, ...
    VA, BASE_KV, ZONE, VMAX, VMIN, LAM_P, LAM_Q, MU_VMAX, MU_VMIN] = idx_bus;
[F_BUS, T_BUS, BR_R, BR_X, BR_B, RATE_A, RATE_B, RATE_C, ...
    TAP, SHIFT, BR_STATUS, PF, QF, PT, QT, MU_SF, MU_ST, ...
    ANGMIN, ANGMAX, MU_ANGMIN, MU_ANGMAX] = idx_brch;
"""
BASES = "Vbase = mpc.bus(1, BASE_KV) * 1e3;  %% in Volts\nSbase = mpc.baseMVA * 1e6;\n"
OHMS = "mpc.branch(:, [BR_R BR_X]) = mpc.branch(:, [BR_R BR_X]) / (Vbase^2 / Sbase);\n"
KILOWATTS = "mpc.bus(:, [PD, QD]) = mpc.bus(:, [PD, QD]) / 1e3;\n"


def list_codes(text: str) -> list[tuple[str, str]]:
    """Codes and lines of everything that is refused."""
    with pytest.raises(FileFormatError) as caught:
        scan_statements(text)
    return [(issue.code, issue.id) for issue in caught.value.issues]


def test_unit_conversions_are_evaluated() -> None:
    case = scan_statements(HEAD + NAMES + BASES + OHMS + KILOWATTS)
    branch, load = case.conversions
    assert (branch.table, branch.columns) == ("branch", (3, 4))
    assert math.isclose(branch.factor, 10 / 12.66**2, rel_tol=1e-15)
    assert (load.table, load.columns, load.factor) == ("bus", (3, 4), 1e-3)
    assert not case.ignored


@pytest.mark.parametrize(
    ("tail", "factor"),
    [
        (NAMES + "mpc.bus(:, [PD QD]) = mpc.bus(:, [PD QD]) * 1e-3;", 1e-3),
        (NAMES + "mpc.bus(:, [PD QD]) = mpc.bus(:, [PD QD]) ./ 1000;", 1e-3),
        ("mpc.bus(:, [3 4]) = mpc.bus(:, [3 4]) / 1e3;", 1e-3),
        (NAMES + "k = 2 * (1 + 3)^2;\nmpc.bus(:, PD) = mpc.bus(:, PD) / k;", 1 / 32),
    ],
)
def test_forms_of_a_factor(tail: str, factor: float) -> None:
    assert math.isclose(scan_statements(HEAD + tail).conversions[0].factor, factor)


@pytest.mark.parametrize(
    "tail",
    [
        "mpc.baseMVA = 10;",
        "mpc.bus = [1 3 7 7 0 0 1 1 0 12.66 1 1 1];",
        "mpc = scale_load(2, mpc);",
        "mpc.branch(1,3) = 5;",
        "mpc.bus(1, 3) = 5;",
        "mpc.bus(:, 3) = 2 * mpc.bus(:, 3);",
        "mpc.gen(:, 2) = mpc.gen(:, 2) / 1e3;",
        "mpc.branch(:, 5) = mpc.branch(:, 5) / 1e3;",
        "mpc.bus(:, [3 4]) = mpc.bus(:, [4 3]) / 1e3;",
        "mpc.bus(:, [3 4]) = mpc.branch(:, [3 4]) / 1e3;",
        "mpc.bus(:, [3 4]) = mpc.bus(:, [3 4]) / unknown;",
        "mpc.bus(:, [3 4]) = mpc.bus(:, [3 4]) / 0;",
        "mpc.bus(:, [3 4]) = mpc.bus(:, [3 4]) * (-1);",
        "mpc.bus(:, [PD QD]) = mpc.bus(:, [PD QD]) / 1e3;",
        "mpc.foo = zeros(3);",
        "mpc.foo = [1 2]';",
        "mpc.foo = bar;",
        "mpc.baseMVA++;",
        "mpc.baseMVA += 5;",
        "mpc(1).baseMVA = 10;",
        "[mpc, x] = something(mpc);",
        "[mpc.bus, x] = deal(1, 2);",
        "other = mpc; other.baseMVA = 1; mpc = other;",
        "eval('mpc.baseMVA = 10;');",
        "evalin('caller', 'x = 1');",
        "assignin('base', 'mpc', 1);",
        "load('other_case.mat');",
        "clear mpc",
        "global mpc",
        "my_script;",
        "if true, mpc.baseMVA = 10; end",
        "for i = 1:2\n mpc.bus(i, 3) = 5;\nend",
        "a = mpc.bus'; b = a'; mpc = b';",
        "if 1\n return\nend\nmpc.areas = [1 1];",
    ],
)
def test_other_assignments_are_refused_with_their_line(tail: str) -> None:
    lines = len((HEAD + tail).splitlines())
    found = list_codes(HEAD + tail)
    assert {code for code, _ in found} == {"E-MPC-STATEMENT"}
    assert all(10 <= int(line) <= lines for _, line in found)


def test_every_fault_is_listed() -> None:
    found = list_codes(HEAD + "mpc.baseMVA = 10;\nx = 1;\nmpc = f(mpc);\nmpc.bus(1,1) = 2;\n")
    assert found == [("E-MPC-STATEMENT", "10"), ("E-MPC-STATEMENT", "12"), ("E-MPC-STATEMENT", "13")]


def test_pf_conversion_of_some_distribution_cases_is_refused_not_ignored() -> None:
    tail = NAMES + "pf = 0.85;\nmpc.bus(:, QD) = mpc.bus(:, PD) * sin(acos(pf));\n"
    assert [code for code, _ in list_codes(HEAD + tail)] == ["E-MPC-STATEMENT"]


def test_same_conversion_twice_is_refused() -> None:
    assert [code for code, _ in list_codes(HEAD + NAMES + KILOWATTS + KILOWATTS)] == ["E-MPC-STATEMENT"]


def test_blocks_that_do_not_assign_are_listed() -> None:
    tail = "if nargout == 0\n\tname = mfilename('fullpath');\n\tsave([name '.mat'], 'mpc', '-v7');\nend\n"
    case = scan_statements(HEAD + tail)
    assert case.ignored == ("line 10: if nargout == 0",)
    assert case.name == "feeder"


@pytest.mark.parametrize(
    "text",
    [
        "%{\nmpc.baseMVA = 99;\n%}\n" + HEAD,
        HEAD + "% mpc.baseMVA = 99;\n",
        HEAD + "disp('mpc.baseMVA = 99;');\n",
        HEAD + 'x = "mpc.baseMVA = 99;";\n',
        HEAD + "function other = helper(mpc)\nmpc.baseMVA = 99;\n",
        HEAD.replace("12.66 1 1 1;", "12.66 ... 99\n 1 1 1; % mpc.baseMVA = 99;"),
        HEAD.replace("\n", "\r\n"),
        HEAD.replace("function mpc = feeder\n", ""),
    ],
)
def test_what_looks_like_an_assignment_but_is_none(text: str) -> None:
    case = scan_statements(text)
    assert case.literals["baseMVA"].rows == (("10",),)
    assert len(case.literals["bus"].rows) == 2
    assert len(case.literals["bus"].rows[0]) == 13


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (HEAD[: HEAD.index("];")], "E-TRUNC"),
        (HEAD + "%{\n", "E-TRUNC"),
        (HEAD + "x = 'abc;\n", "E-TRUNC"),
        (HEAD + "x = 3];\n", "E-FORMAT"),
        (HEAD.replace("100 60", "abc 60"), "E-MPC-VALUE"),
        (HEAD.replace("100 60", "50*2 60"), "E-MPC-VALUE"),
        (HEAD.replace("100 60", "- 100 60"), "E-MPC-VALUE"),
        (HEAD + "mpc.bus_name = {'a'; b};\n", "E-MPC-VALUE"),
        ("function [baseMVA, bus, gen] = case9\nbaseMVA = 100;\n", "E-FORMAT"),
        (HEAD.replace("function mpc", "function result"), "E-FORMAT"),
    ],
)
def test_faulty_text(text: str, code: str) -> None:
    assert list_codes(text)[0][0] == code


def test_strings_in_cells_keep_quotes_brackets_and_percent() -> None:
    case = scan_statements(HEAD + "mpc.bus_name = {\n\t'It''s 50 % of [it]; no';\n\t'나주';\n};\n")
    assert case.literals["bus_name"].rows == (("It's 50 % of [it]; no",), ("나주",))


@given(st.text(max_size=300))
def test_no_text_breaks_the_scanner(text: str) -> None:
    try:
        scan_statements(text)
    except FileFormatError as error:
        assert error.issues


@given(st.integers(0, len(HEAD + NAMES + BASES + OHMS)), st.characters(codec="ascii"))
def test_no_single_change_breaks_the_scanner(position: int, character: str) -> None:
    text = HEAD + NAMES + BASES + OHMS
    try:
        scan_statements(text[:position] + character + text[position + 1 :])
    except FileFormatError as error:
        assert all(issue.id.isdecimal() for issue in error.issues)
