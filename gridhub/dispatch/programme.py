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

Options = dict[str, bool | int | float | str]

QUICK: Options = {
    "simplex_scale_strategy": 0,  # rows are MW at nodes: scaling triples the iterations
    "dual_simplex_cost_perturbation_multiplier": 0.0,  # has to be taken back at the end of every solve
    "simplex_dual_edge_weight_strategy": 1,  # Devex: exact weights are lost, and paid for, at every new row
}
"""Options for many solves that each start near their end."""

CAREFUL: Options = {
    "simplex_scale_strategy": 1,
    "dual_simplex_cost_perturbation_multiplier": 1.0,
    "simplex_dual_edge_weight_strategy": -1,
}
"""What HiGHS does by itself: for a programme that the quick way cannot end."""


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
    cold : bool
        The first solve is by an interior point and crossover: where nothing is there to start from, it finds
        the same kind of solution (a vertex) sooner. Later ones start from its basis.
    """

    def __init__(self, largest_price: float, cold: bool = False) -> None:
        largest = largest_price
        # a power of two changes no digit
        self._scale = 2.0 ** round(np.log2(LARGEST_PRICE / largest)) if largest > 0 else 1.0
        # the class above it registers callbacks, which print a banner before anything can be silenced
        self._highs: Any = _Highs()
        self._quick: Options = {} if cold else QUICK
        options: Options = {
            "output_flag": False,
            "threads": 1,
            # presolve would throw away the basis of the last solve
            "presolve": "on" if cold else "off",
            "solver": "ipm" if cold else "simplex",
            **self._quick,
            "small_matrix_value": SMALLEST_COEFFICIENT,
            "primal_feasibility_tolerance": FEASIBILITY,
            "dual_feasibility_tolerance": FEASIBILITY,
        }
        self._set_options(options)
        self.count = 0
        self.n_row = 0
        self._cold = cold
        self._own: Ints = np.empty(0, dtype=np.int64)
        self._whose: Ints = np.empty(0, dtype=np.int64)
        self._basic: list[tuple[Ints, Ints]] = []

    def add_columns(self, low: Floats, high: Floats, price: Floats) -> Ints:
        """Add columns that stand in no row yet; their positions."""
        added = self.count + np.arange(len(low))
        none, start = np.empty(0), np.zeros(len(low), dtype=np.int32)
        index = np.empty(0, dtype=np.int32)
        self._highs.addCols(len(low), self._scale * price, low, high, 0, start, index, none)
        self._own = np.concatenate([self._own, len(self._whose) + np.arange(len(low))])
        self._whose = np.concatenate([self._whose, added])
        self.count += len(low)
        return added

    def add_pieces(self, column: Ints, width: Floats, price: Floats) -> Ints:
        """Let columns go on at other prices: further pieces, from 0 to `width` each; their numbers.

        A column is the sum of its pieces and stands as such in every row, before or after. The first piece
        is the column as it was added. Prices have to rise from piece to piece, or a dear one is used first.
        """
        own = self._own[column].astype(np.int32)
        chosen, back = np.unique(own, return_inverse=True)
        _, start, index, value = self._highs.getColsEntries(len(chosen), chosen)
        entries = csr_array((value, index, np.append(start, len(value))), shape=(len(chosen), self.n_row))
        entries = entries[back]
        self._highs.addCols(
            len(own),
            self._scale * price,
            np.zeros(len(own)),
            width,
            entries.nnz,
            entries.indptr[:-1].astype(np.int32),
            entries.indices.astype(np.int32),
            entries.data,
        )
        added = len(self._whose) + np.arange(len(own))
        self._whose = np.concatenate([self._whose, column])
        return added

    def find_first_piece(self, column: Ints) -> Ints:
        """Find the number of the first piece of columns."""
        return self._own[column]

    def resize_pieces(self, piece: Ints, width: Floats) -> None:
        """Let pieces range from 0 to another width."""
        self._highs.changeColsBounds(len(piece), piece.astype(np.int32), np.zeros(len(piece)), width)

    def add_rows(self, matrix: csr_array, low: Floats, high: Floats) -> Ints:
        """Add rows ``low <= matrix x <= high``, (k, n_column or fewer); their positions."""
        matrix = self._spread(matrix)
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

    def _spread(self, matrix: csr_array) -> csr_array:
        """Write rows over columns as rows over their pieces."""
        matrix = csr_array(matrix, copy=True)
        pieces = len(self._whose)
        if pieces == self.count:
            return csr_array(
                (matrix.data, self._own[matrix.indices], matrix.indptr), (matrix.shape[0], pieces)
            )
        matrix.resize(matrix.shape[0], self.count)
        member = csr_array((np.ones(pieces), (self._whose, np.arange(pieces))), shape=(self.count, pieces))
        return csr_array(matrix @ member)

    def start_from(self, basic_columns: Ints, basic_rows: Ints) -> None:
        """Let columns and rows be basic in the next solve, beside those named before; all else is at a bound.

        Of each row one is wanted: itself, or a column.
        """
        self._basic.append((basic_columns, basic_rows))

    def _set_basis(self) -> None:
        basis = HighsBasis()
        column = np.full(len(self._whose), HighsBasisStatus.kNonbasic, dtype=object)
        row = np.full(self.n_row, HighsBasisStatus.kNonbasic, dtype=object)
        for basic_columns, basic_rows in self._basic:
            column[self._own[basic_columns]] = HighsBasisStatus.kBasic
            row[basic_rows] = HighsBasisStatus.kBasic
        basis.col_status, basis.row_status, basis.valid = column.tolist(), row.tolist(), True
        self._highs.setBasis(basis)
        self._basic = []

    def change_bounds(self, column: int, low: float, high: float) -> None:
        """Give a column another range."""
        self._highs.changeColBounds(int(self._own[column]), low, high)

    def change_row(self, row: int, low: float, high: float) -> None:
        """Give a row another range."""
        self._highs.changeRowBounds(row, low, high)

    def solve(self) -> LpSolution:
        """Solve from the basis of the last solve."""
        if self._basic:
            self._set_basis()
        iterations = self._run()
        if self._cold:
            self._set_options({"solver": "simplex", "presolve": "off"})
            self._cold = False
        names = {
            HighsModelStatus.kOptimal: "optimal",
            HighsModelStatus.kInfeasible: "infeasible",
            HighsModelStatus.kUnboundedOrInfeasible: "infeasible",
        }
        if self._highs.getModelStatus() not in names:
            # the basis is what led there
            self._highs.clearSolver()
            self._set_options(CAREFUL)
            iterations += self._run()
            self._set_options(self._quick)
        status = self._highs.getModelStatus()
        solution = self._highs.getSolution()
        return LpSolution(
            status=names.get(status) or str(self._highs.modelStatusToString(status)),
            x=np.bincount(self._whose, solution.col_value, self.count).astype(float),
            reduced_cost=self._reduce(np.array(solution.col_dual)) / self._scale,
            dual=np.array(solution.row_dual) / self._scale,
            iterations=iterations,
        )

    def _set_options(self, options: Options) -> None:
        for option, value in options.items():
            self._highs.setOptionValue(option, value)

    def _run(self) -> int:
        """Run HiGHS; the iterations it took."""
        self._highs.run()
        return max(0, int(self._highs.getInfo().simplex_iteration_count))

    def _reduce(self, dual: Floats) -> Floats:
        """Reduced cost of columns out of those of their pieces: of the first at 0, the last at the end."""
        low = dual[self._own]
        if len(dual) == self.count:
            return low
        high = low.copy()
        np.minimum.at(low, self._whose, dual)
        np.maximum.at(high, self._whose, dual)
        many = np.bincount(self._whose, minlength=self.count) > 1
        return np.where(many, np.clip(0.0, low, high), low)


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

    def add_pieces(self, column: Ints, width: Floats, price: Floats) -> Ints:
        """As `LinearProgramme.add_pieces`; the pieces are numbered by the whole."""
        return self.programme.add_pieces(self.columns[column], width, price)

    def find_first_piece(self, column: Ints) -> Ints:
        """As `LinearProgramme.find_first_piece`."""
        return self.programme.find_first_piece(self.columns[column])

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
