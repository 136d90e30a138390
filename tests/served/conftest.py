"""The scripts in `_inside` run in the servers' environments: nothing here may import them."""

collect_ignore = ["_inside"]
