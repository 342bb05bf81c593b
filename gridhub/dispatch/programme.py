"""A linear programme on HiGHS that rows and columns are added to, each solve starting from the last basis."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from highspy import HighsBasis, HighsBasisStatus, HighsModelStatus
from highspy._core import _Highs
from scipy.sparse import csr_array

from gridhub.case.case import Floats, Ints

SMALLEST_COEFFICIENT = 1e-12
"""Smaller ones are left out: the least that HiGHS keeps."""

FEASIBILITY = 1e-8
"""By how much HiGHS may miss a bound [MW], or a reduced cost of prices scaled to about 1000."""

LARGEST_PRICE = 1000.0
"""Size that the largest price is scaled to: the tolerances of HiGHS are absolute."""


@dataclass(frozen=True, slots=True, eq=False)
class LpSolution:
    """How a linear programme ended.

    Attributes
    ----------
    status : str
        "optimal", "infeasible", or what else HiGHS says.
    x : (n_column,) float
    reduced_cost : (n_column,) float
        Change of the objective per unit of the column's bound.
    dual : (n_row,) float
        Change of the objective per unit of the row's bound.
    iterations : int
        Of the simplex method, in this solve.
    """

    status: str
    x: Floats
    reduced_cost: Floats
    dual: Floats
    iterations: int


class LinearProgramme:
    """Minimise price x with low <= x <= high and row_low <= A x <= row_high.

    Parameters
    ----------
    largest_price : float
        Size of the largest price that is to come [currency/MWh].
    once : bool
        It is solved a single time: by an interior point and crossover, which finds the same kind of solution
        (a vertex) sooner where nothing is there to start from.
    """

    def __init__(self, largest_price: float, once: bool = False) -> None:
        largest = largest_price
        # a power of two changes no digit
        self._scale = 2.0 ** round(np.log2(LARGEST_PRICE / largest)) if largest > 0 else 1.0
        # the class above it registers callbacks, which print a banner before anything can be silenced
        self._highs: Any = _Highs()
        options: dict[str, bool | int | float | str] = {
            "output_flag": False,
            "threads": 1,
            # presolve would throw away the basis of the last solve
            "presolve": "on" if once else "off",
            "solver": "ipm" if once else "simplex",
            "small_matrix_value": SMALLEST_COEFFICIENT,
            "primal_feasibility_tolerance": FEASIBILITY,
            "dual_feasibility_tolerance": FEASIBILITY,
        }
        for option, value in options.items():
            self._highs.setOptionValue(option, value)
        self.count = 0
        self.n_row = 0
        self._basic: list[tuple[Ints, Ints]] = []

    def add_columns(self, low: Floats, high: Floats, price: Floats) -> Ints:
        """Add columns that stand in no row yet; their positions."""
        added = self.count + np.arange(len(low))
        none, start = np.empty(0), np.zeros(len(low), dtype=np.int32)
        index = np.empty(0, dtype=np.int32)
        self._highs.addCols(len(low), self._scale * price, low, high, 0, start, index, none)
        self.count += len(low)
        return added

    def add_rows(self, matrix: csr_array, low: Floats, high: Floats) -> Ints:
        """Add rows ``low <= matrix x <= high``, (k, n_column or fewer); their positions."""
        matrix = csr_array(matrix, copy=True)
        matrix.data[np.abs(matrix.data) < SMALLEST_COEFFICIENT] = 0.0
        matrix.eliminate_zeros()
        self._highs.addRows(
            len(low),
            low,
            high,
            matrix.nnz,
            matrix.indptr[:-1].astype(np.int32),
            matrix.indices.astype(np.int32),
            matrix.data,
        )
        self.n_row += len(low)
        return np.arange(self.n_row - len(low), self.n_row)

    def start_from(self, basic_columns: Ints, basic_rows: Ints) -> None:
        """Let columns and rows be basic in the next solve, beside those named before; all else is at a bound.

        Of each row one is wanted: itself, or a column.
        """
        self._basic.append((basic_columns, basic_rows))

    def _set_basis(self) -> None:
        basis = HighsBasis()
        column = np.full(self.count, HighsBasisStatus.kNonbasic, dtype=object)
        row = np.full(self.n_row, HighsBasisStatus.kNonbasic, dtype=object)
        for basic_columns, basic_rows in self._basic:
            column[basic_columns] = HighsBasisStatus.kBasic
            row[basic_rows] = HighsBasisStatus.kBasic
        basis.col_status, basis.row_status, basis.valid = column.tolist(), row.tolist(), True
        self._highs.setBasis(basis)
        self._basic = []

    def change_bounds(self, column: int, low: float, high: float) -> None:
        """Give a column another range."""
        self._highs.changeColBounds(column, low, high)

    def solve(self) -> LpSolution:
        """Solve from the basis of the last solve."""
        if self._basic:
            self._set_basis()
        self._highs.run()
        status = self._highs.getModelStatus()
        names = {
            HighsModelStatus.kOptimal: "optimal",
            HighsModelStatus.kInfeasible: "infeasible",
            HighsModelStatus.kUnboundedOrInfeasible: "infeasible",
        }
        solution = self._highs.getSolution()
        return LpSolution(
            status=names.get(status) or str(self._highs.modelStatusToString(status)),
            x=np.array(solution.col_value),
            reduced_cost=np.array(solution.col_dual) / self._scale,
            dual=np.array(solution.row_dual) / self._scale,
            iterations=max(0, int(self._highs.getInfo().simplex_iteration_count)),
        )


class ProgrammePart:
    """Columns and rows of one hour in a programme of many, counted from 0 by the hour.

    Parameters
    ----------
    programme : LinearProgramme
    """

    def __init__(self, programme: LinearProgramme) -> None:
        self.programme = programme
        self.columns: Ints = np.empty(0, dtype=np.int64)
        self.rows: Ints = np.empty(0, dtype=np.int64)

    @property
    def count(self) -> int:
        """Columns so far."""
        return len(self.columns)

    def add_columns(self, low: Floats, high: Floats, price: Floats) -> Ints:
        """Add columns; their positions in the part."""
        first = self.count
        self.columns = np.concatenate([self.columns, self.programme.add_columns(low, high, price)])
        return np.arange(first, self.count)

    def add_rows(self, matrix: csr_array, low: Floats, high: Floats) -> Ints:
        """Add rows over the part's own columns; their positions in the part."""
        matrix = csr_array(matrix)
        shape = (matrix.shape[0], self.programme.count)
        wide = csr_array((matrix.data, self.columns[matrix.indices], matrix.indptr), shape=shape)
        first = len(self.rows)
        self.rows = np.concatenate([self.rows, self.programme.add_rows(wide, low, high)])
        return np.arange(first, len(self.rows))

    def start_from(self, basic_columns: Ints, basic_rows: Ints) -> None:
        """As `LinearProgramme.start_from`, in positions of the part."""
        self.programme.start_from(self.columns[basic_columns], self.rows[basic_rows])

    def read(self, solution: LpSolution) -> LpSolution:
        """Take the part out of a solution of the whole; what was added after it is not there."""
        columns = self.columns[self.columns < len(solution.x)]
        rows = self.rows[self.rows < len(solution.dual)]
        return replace(
            solution,
            x=solution.x[columns],
            reduced_cost=solution.reduced_cost[columns],
            dual=solution.dual[rows],
        )
