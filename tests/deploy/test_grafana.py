"""The dashboard for Grafana asks for what a running guard exports, and for nothing else."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import urllib3
from guard.live import free_port, guarding, oip_app, serving
from guard.test_end_to_end import CONFIG, SECRET, ask, key_for
from guard.test_tracing import Model
from prometheus_client.parser import text_string_to_metric_families

from reticent.config import load_guard

DASHBOARD = Path(__file__).parents[2] / "deploy" / "grafana.json"
WIDTH = 24
#: What Grafana writes in the place of its variables; `.*` is what "All" stands for.
VARIABLES = {"$__rate_interval": "10s", "$__range": "60s", "$model": ".*", "$guard": ".*"}
SELECTED = re.compile(r"(reticent_[a-z_]+)(?:\{([^}]*)\})?")
LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")


@pytest.fixture(scope="module")
def dashboard() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(DASHBOARD.read_text("utf-8"))
    return loaded


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the operators' address of a guard that has answered, refused and suspected."""
    folder = tmp_path_factory.mktemp("guard")
    with serving(oip_app(Model())) as upstream:
        path = folder / "reticent.toml"
        path.write_text(CONFIG.format(upstream=upstream, guard="", endpoint="", rate=0.1, burst=4))
        file = load_guard(path)
        key = key_for(file)
        with guarding(file, SECRET) as (parts, callers, admin):
            x = np.ones((2, 30))
            said = [ask(callers, x, key).status for _ in range(3)] + [ask(callers, x).status]
            assert said == [200, 200, 429, 401]
            parts.metrics.suspected("cancer", "a-detector")
            yield admin


def expressions(dashboard: dict[str, Any]) -> list[str]:
    return [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]


def exported(admin: str) -> dict[str, set[str]]:
    """Return sample name -> its labels, as the guard exports them."""
    text = urllib3.request("GET", f"{admin}/metrics").data.decode()
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def test_it_is_a_dashboard_that_can_be_imported(dashboard: dict[str, Any]) -> None:
    assert dashboard["schemaVersion"] >= 39
    assert dashboard["id"] is None  # the database's own; a number would overwrite another's
    assert {"uid", "title", "panels", "templating", "time", "annotations"} <= set(dashboard)
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) >= 8
    variables = {each["name"]: each for each in dashboard["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    assert variables["datasource"]["query"] == "prometheus"
    for panel in panels:
        assert {"type", "title", "gridPos", "fieldConfig", "options"} <= set(panel)
        for asked in (panel, *panel["targets"]):
            assert asked["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        refs = [target["refId"] for target in panel["targets"]]
        assert len(set(refs)) == len(refs) >= 1


def test_no_panel_lies_on_another(dashboard: dict[str, Any]) -> None:
    places = [panel["gridPos"] for panel in dashboard["panels"]]
    assert all(p["x"] + p["w"] <= WIDTH for p in places)
    for a, b in combinations(places, 2):
        beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        assert beside or a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]


def test_every_metric_and_label_is_exported_by_a_running_guard(
    dashboard: dict[str, Any], admin: str
) -> None:
    there = exported(admin)
    queries = [each.get("definition", "") for each in dashboard["templating"]["list"]]
    used = set()
    for query in (*expressions(dashboard), *queries):
        for name, labels in SELECTED.findall(query):
            assert name in there, f"{name} in {query}"
            known = there[name] | {"instance"}  # which Prometheus adds
            assert set(LABEL.findall(labels)) <= known, query
            used.add(name.removesuffix("_bucket"))
    families = {re.sub("_(bucket|count|sum|created)$", "", name) for name in there}
    assert used == families, "a metric that no panel shows"


def test_every_variable_is_declared(dashboard: dict[str, Any]) -> None:
    declared = {f"${each['name']}" for each in dashboard["templating"]["list"]}
    asked = set(re.findall(r"\$\w+", " ".join(expressions(dashboard))))
    assert asked <= declared | {"$__rate_interval", "$__range"}


def test_prometheus_understands_and_answers_every_query(
    dashboard: dict[str, Any], admin: str, tmp_path: Path
) -> None:
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("Prometheus is not installed (Debian: apt-get install prometheus).")
    port = free_port()
    (tmp_path / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s}\n"
        "scrape_configs:\n"
        f"  - {{job_name: guard, static_configs: [{{targets: ['{admin.removeprefix('http://')}']}}]}}\n"
    )
    command = [
        program,
        f"--config.file={tmp_path}/prometheus.yml",
        f"--storage.tsdb.path={tmp_path}/data",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}/api/v1/query"
        wait_for_samples(url)
        for expression in expressions(dashboard):
            for name, value in VARIABLES.items():
                expression = expression.replace(name, value)
            reply = urllib3.request("GET", url, fields={"query": expression}).json()
            assert reply["status"] == "success", (expression, reply)
            if "reticent_suspicions" not in expression and "> 0" not in expression:
                assert reply["data"]["result"], expression
    finally:
        server.kill()
        server.wait()


def wait_for_samples(url: str) -> None:
    """Return when there is enough for a rate."""
    asked = "min_over_time(count_over_time(reticent_journal_up[60s])[1s:1s]) >= 3"
    for _ in range(300):
        try:
            reply = urllib3.request("GET", url, fields={"query": asked}, retries=False)
            if reply.status == 200 and reply.json()["data"]["result"]:
                return
        except urllib3.exceptions.HTTPError:
            pass
        time.sleep(0.1)
    raise AssertionError("Prometheus has no samples of the guard")
