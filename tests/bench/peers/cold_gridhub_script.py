"""Cold: import gridhub, read a network folder, solve every outage; seconds of each step as a line of JSON."""

import time

began = time.perf_counter()

import json  # noqa: E402
import sys  # noqa: E402

import gridhub as gh  # noqa: E402

imported = time.perf_counter()
folder, options = sys.argv[1], json.loads(sys.argv[2])
with open(sys.argv[3], encoding="utf-8") as lines:  # noqa: PTH123
    wanted = set(lines.read().split())
net = gh.read_network(folder)
read = time.perf_counter()
contingencies = gh.list_contingencies(net)
contingencies = contingencies[[elements[0] in wanted for elements in contingencies["elements"]]]
result = gh.run_security(net, contingencies, screen=None, verify="all", options=options)
done = time.perf_counter()
solved = int(result.status["status"].isin(["CONVERGED", "ISLANDED"]).sum())
steps = {"import": imported - began, "read": read - imported, "solve": done - read}
print(json.dumps({**steps, "solved": solved, "violations": len(result.violations)}))  # noqa: T201
