"""A configuration that is right, and plain data written as TOML."""

from reticent.config.write import rendered

GOOD = """\
[model]
owner = "Credit risk team"
path = "model.skops"

[data]
members = "train.csv"
non_members = "SELECT * FROM 'holdout.parquet'"
target = "default"
features = ["age", "sex", "smoker"]
identifier = "id"

[[sensitive]]
column = "smoker"
harm = "severe"
positive = "yes"

[[sensitive]]
column = "age"
harm = "low"
continuous = true
tolerance = 2.5

[adversary]
known = ["age", "sex"]
hidden_together = [["smoker", "age"]]
seen = ["nothing", "scores"]
priors = {smoker = {yes = 0.25, no = 0.75}}
query_budget = 1000

[exposure]
channels = ["label", "scores", "weights"]

[[policy]]
name = "rounded"
defences = [
  {kind = "round", digits = 2},
  {kind = "top_k", k = 1},
]

[[policy]]
name = "open"

[audit]
attacks = ["lira", "map"]
seed = 7
declared = [{attack = "lira", policy = "rounded"}]
"""


def spelled(doc):
    """Return plain data as TOML: top-level tables under headers, all else inline."""
    lines = []
    for key, value in doc.items():
        if isinstance(value, dict):
            lines.append(f"[{rendered({key: 0})[1:-1].split(' = ')[0]}]")
            lines += [rendered({k: v})[1:-1] for k, v in value.items()]
    plain = {k: v for k, v in doc.items() if not isinstance(v, dict)}
    return "\n".join([*(rendered({k: v})[1:-1] for k, v in plain.items()), *lines]) + "\n"


def line_of(text, part):
    """Return the line, from 1, of the only line of `text` that holds `part`."""
    found = [i for i, line in enumerate(text.split("\n"), 1) if part in line]
    assert len(found) == 1, (part, found)
    return found[0]
