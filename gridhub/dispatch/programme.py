"""A linear programme on HiGHS that rows and columns are added to, each solve starting from the last basis."""

from __future__ import annotations

from dataclasses import dataclass
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
    low, high, price : (n_column,) float
    """

    def __init__(self, low: Floats, high: Floats, price: Floats) -> None:
        largest = float(np.abs(price[np.isfinite(price)]).max(initial=0.0))
        # a power of two changes no digit
        self._scale = 2.0 ** round(np.log2(LARGEST_PRICE / largest)) if largest > 0 else 1.0
        # the class above it registers callbacks, which print a banner before anything can be silenced
        self._highs: Any = _Highs()
        options: dict[str, bool | int | float | str] = {
            "output_flag": False,
            "threads": 1,
            "presolve": "off",  # it would throw away the basis of the last solve
            "solver": "simplex",
            "small_matrix_value": SMALLEST_COEFFICIENT,
            "primal_feasibility_tolerance": FEASIBILITY,
            "dual_feasibility_tolerance": FEASIBILITY,
        }
        for option, value in options.items():
            self._highs.setOptionValue(option, value)
        self.count = 0
        self.n_row = 0
        self.add_columns(low, high, price)

    def add_columns(self, low: Floats, high: Floats, price: Floats) -> Ints:
        """Add columns that stand in no row yet; their positions."""
        added = self.count + np.arange(len(low))
        none, start = np.empty(0), np.zeros(len(low), dtype=np.int32)
        index = np.empty(0, dtype=np.int32)
        self._highs.addCols(len(low), self._scale * price, low, high, 0, start, index, none)
        self.count += len(low)
        return added

    def add_rows(self, matrix: csr_array, low: Floats, high: Floats) -> None:
        """Add rows ``low <= matrix x <= high``, (k, n_column)."""
        matrix = csr_array(matrix)
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

    def start_from(self, basic_columns: Ints, basic_rows: Ints) -> None:
        """Start the next solve from a basis; all else stands at a bound."""
        basis = HighsBasis()
        column = np.full(self.count, HighsBasisStatus.kNonbasic, dtype=object)
        row = np.full(self.n_row, HighsBasisStatus.kNonbasic, dtype=object)
        column[basic_columns] = HighsBasisStatus.kBasic
        row[basic_rows] = HighsBasisStatus.kBasic
        basis.col_status, basis.row_status, basis.valid = column.tolist(), row.tolist(), True
        self._highs.setBasis(basis)

    def change_bounds(self, column: int, low: float, high: float) -> None:
        """Give a column another range."""
        self._highs.changeColBounds(column, low, high)

    def solve(self) -> LpSolution:
        """Solve from the basis of the last solve."""
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
