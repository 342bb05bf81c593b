"""Cold: import pandapower and lightsim2grid, read a network, solve every outage; seconds as JSON."""

import time

began = time.perf_counter()

import json  # noqa: E402
import sys  # noqa: E402

import numpy as np  # noqa: E402
import pandapower as pp  # noqa: E402
from lightsim2grid.lightsim2grid_cpp import ContingencyAnalysisCPP  # noqa: E402
from lightsim2grid.network import init_from_pandapower  # noqa: E402

imported = time.perf_counter()
net = pp.from_pickle(sys.argv[1])
read = time.perf_counter()
grid = init_from_pandapower(net)
start = grid.ac_pf(np.ones(len(net.bus), dtype=complex), 20, 1e-8)
analysis = ContingencyAnalysisCPP(grid)
analysis.nb_thread = int(sys.argv[2])
analysis.add_all_n1()
analysis.compute(start, 20, 1e-8)
analysis.compute_flows()
solved = int(np.sum(analysis.converged_mask()))
done = time.perf_counter()
steps = {"import": imported - began, "read": read - imported, "solve": done - read}
print(json.dumps({**steps, "solved": solved, "tried": analysis.nb_solved()}))  # noqa: T201
