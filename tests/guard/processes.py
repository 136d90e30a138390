"""Guards and their model server as processes of their own, and callers who keep asking them."""

import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import urllib3
from guard import served_model
from guard.live import free_port

from reticent.config import load_guard
from reticent.guard.admin.session import metrics_token
from reticent.guard.fingerprints import fingerprints
from reticent.guard.gates import open_gate
from reticent.guard.identity import open_key_changes
from reticent.guard.journal.chain import entry_of
from reticent.guard.journal.keys import journal_keys
from reticent.guard.journal.open import journal_store
from reticent.guard.journal.verify import verify
from reticent.guard.limits.scopes import ScopeMaker
from reticent.guard.secrets import read_secret
from reticent.guard.text_flow import shaped_reply
from reticent.guard.upstream import HttpUpstream
from reticent.guard.validation import Validator
from reticent.protocols import WireRequest, WireResponse

SECRET = {"RETICENT_GUARD_SECRET": hashlib.sha256(b"a secret of these tests").hexdigest()}
PATIENCE_S = 30.0
PATH = "/v2/models/m/infer"
CONFIG = """
[[policy]]
name = "shown"
defences = {defences}
[guard]
listen = "127.0.0.1:{port}"
admin = "127.0.0.1:{admin}"
state = "{state}"
{guard}
[[guard.endpoint]]
model = "m"
owner = "Oncology research"
protocol = "open-inference"
upstream = "{upstream}"
classes = [0, 1]
row_shape = [2]
outputs = {{predict = "label", predict_proba = "scores"}}
timeout_s = {timeout_s}
limits.identity = {{{limits}}}
"""
MANY = "rows_per_minute = 1e6, burst_rows = 1000000"
ROUND = '[{kind = "round", digits = 1}]'
NOISE = '[{kind = "keyed_noise", scale = 0.1}, {kind = "round", digits = 6}]'


def until(holds, patience_s=PATIENCE_S):
    """Wait until something holds; fail if it does not in time."""
    until_s = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < until_s, "it never came true"
        time.sleep(0.02)


@contextmanager
def model_server(port=None):
    server = ModelServer(port or free_port())
    server.start()
    try:
        yield server
    finally:
        server.kill()


@dataclass
class ModelServer:
    port: int
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def origin(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        command = [sys.executable, served_model.__file__, str(self.port)]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        until(self._listens)

    def _listens(self):
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        return False

    def kill(self):
        self.process.kill()
        self.process.wait(PATIENCE_S)

    def hang(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def slow_ones(self):
        """Return how many questions that take their time it has begun."""
        return int(urllib3.request("GET", f"{self.origin}/slow", timeout=PATIENCE_S).data)


@dataclass
class GuardProcess:
    """A guard that `reticent guard` runs; start it, end it, start it again on the same ports.

    Attributes:
        timeout_s: longest wait for the model server.
        before: Python that its process runs first.
    """

    folder: Path
    upstream: str
    name: str = "one"
    guard: str = ""
    limits: str = MANY
    defences: str = ROUND
    timeout_s: float = PATIENCE_S
    before: str = ""
    port: int = field(default_factory=free_port)
    admin: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    def __post_init__(self):
        self.write()

    @property
    def path(self):
        return self.folder / f"{self.name}.toml"

    @property
    def log(self):
        return self.folder / f"{self.name}.log"

    @property
    def origin(self):
        return f"http://127.0.0.1:{self.port}"

    def write(self, **changed):
        """Write the configuration, changed if need be."""
        for name, value in changed.items():
            setattr(self, name, value)
        text = CONFIG.format(
            defences=self.defences,
            port=self.port,
            admin=self.admin,
            state=f"state-{self.name}",
            guard=self.guard,
            upstream=self.upstream,
            timeout_s=self.timeout_s,
            limits=self.limits,
        )
        self.path.write_text(text)

    @property
    def file(self):
        return load_guard(self.path)

    @property
    def state(self):
        return self.file.state

    def start(self):
        run = f"{self.before}\nimport sys; from reticent.cli import main; sys.exit(main())"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", run, "guard", str(self.path)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **SECRET},
            )
        before = self.log.read_bytes().count(b"Guarding")
        until(lambda: self.log.read_bytes().count(b"Guarding") > before or self._ended())
        assert not self._ended(), self.log.read_text()[-3000:]

    def _ended(self):
        return self.process.poll() is not None

    def kill(self):
        """Kill -9."""
        self.process.kill()
        self.process.wait(PATIENCE_S)

    def end(self):
        """End in good order; return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)

    def reload(self, **changed):
        before = self.log.read_bytes().count(b"was read again")
        self.write(**changed)
        self.process.send_signal(signal.SIGHUP)
        until(lambda: self.log.read_bytes().count(b"was read again") > before)

    def troubles(self):
        """Return what readiness says: [] for ready."""
        reply = urllib3.request("GET", f"http://127.0.0.1:{self.admin}/readyz", timeout=PATIENCE_S)
        assert (reply.status == 200) == (reply.json()["troubles"] == [])
        return reply.json()["troubles"]

    def in_flight(self):
        """Return how many requests it has begun and not answered."""
        headers = {"Authorization": f"Bearer {metrics_token(read_secret(self.file, SECRET))}"}
        url = f"http://127.0.0.1:{self.admin}/metrics"
        told = urllib3.request("GET", url, headers=headers, timeout=PATIENCE_S).data.decode()
        (line,) = (line for line in told.splitlines() if line.startswith("reticent_in_flight "))
        return float(line.split()[1])

    def takes_nobody(self):
        """Return whether new callers find its port closed."""
        try:
            socket.create_connection(("127.0.0.1", self.port), PATIENCE_S).close()
        except ConnectionRefusedError:
            return True
        return False

    def key(self, identity="app"):
        changes = self.key_changes()
        issued = changes.issue(tenant="default", identity=identity, models=("m",), lifetime_s=None)
        changes.close()
        return issued.key.text

    def key_changes(self):
        secret = read_secret(self.file, SECRET)
        return open_key_changes(self.file.guard, self.state, secret=secret, clock=time.time)

    def gate(self):
        """Return this guard's gate, to work out what it must send."""
        file, secret = self.file, read_secret(self.file, SECRET)
        endpoint = file.guard.endpoint[0]
        return open_gate(
            file,
            endpoint,
            secret=secret,
            validator=Validator(endpoint),
            scopes=ScopeMaker(endpoint, secret=secret),
            upstream=HttpUpstream(endpoint.upstream),
        )

    def journal(self):
        """Return all entries, after checking that nothing is wrong with them."""
        store = journal_store(self.file.guard, self.state)
        try:
            report = verify(store, journal_keys(read_secret(self.file, SECRET)))
            assert not report.problems, list(map(str, report.problems))
            return [entry_of(row.payload) for c in store.chains() for row in store.rows(c)]
        finally:
            store.close()


@contextmanager
def guards(*them):
    try:
        for guard in them:
            guard.start()
        yield them
    finally:
        for guard in them:
            if guard.process is not None and guard.process.poll() is None:
                guard.kill()


def question(*rows):
    data = [cell for row in rows for cell in row]
    given = {"name": "x", "shape": [len(rows), 2], "datatype": "FP64", "data": data}
    return json.dumps({"inputs": [given]}).encode()


def expected(gate, body):
    """Return what the policy leaves of the model server's answer to a question."""
    asked = gate.protocol.read_question(
        WireRequest(method="POST", path=gate.path, body=body), gate.interface
    )
    at_server = gate.protocol.write_question(asked, gate.interface).body
    reply = WireResponse(status=200, body=served_model.answer(at_server))
    return bytes(shaped_reply(gate, reply, asked))


@dataclass(frozen=True)
class Told:
    """What came back to a question; status 0 if the connection broke."""

    row: tuple[float, float]
    status: int
    body: bytes = b""
    digest: str = ""
    retry_after: str = ""


def ask(origin, key, *rows, timeout_s=PATIENCE_S):
    line = http.client.HTTPConnection(origin.removeprefix("http://"), timeout=timeout_s)
    try:
        return _asked(line, key, rows)
    finally:
        line.close()


def _asked(line, key, rows):
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    try:
        line.request("POST", PATH, body=question(*rows), headers=headers)
        reply = line.getresponse()
        body = reply.read()
    except (OSError, http.client.HTTPException):
        line.close()
        return Told(rows[0], 0)
    assert served_model.CANARY.encode() not in body
    assert served_model.CANARY not in str(reply.getheaders())
    digest = reply.getheader("reticent-policy", "")
    return Told(rows[0], reply.status, body, digest, reply.getheader("retry-after", ""))


class Load:
    """Callers who ask one row at a time, never the same twice, until they are told to stop."""

    _first = 0

    def __init__(self, origins, key, *, callers=4, pause_s=0.002):
        self._stop = threading.Event()
        self._key = key
        self._pause_s = pause_s
        self.told: list[Told] = []
        Load._first += 1_000_000
        self._threads = [
            threading.Thread(
                target=self._run, args=(origins[i % len(origins)], Load._first + i * 10_000)
            )
            for i in range(callers)
        ]

    def _run(self, origin, number):
        line = http.client.HTTPConnection(origin.removeprefix("http://"), timeout=PATIENCE_S)
        while not self._stop.is_set():
            number += 1
            told = _asked(line, self._key, [(float(number), 0.25)])
            self.told.append(told)
            time.sleep(self._pause_s if told.status == 200 else 0.02)
        line.close()

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE_S)

    def count(self, status):
        return sum(told.status == status for told in tuple(self.told))

    def until_more(self, status, more=20, patience_s=PATIENCE_S):
        """Wait until that many more have come back with a status."""
        before = self.count(status)
        until(lambda: self.count(status) >= before + more, patience_s)

    def until_each(self, status, patience_s=PATIENCE_S):
        """Wait until every caller has been told a status anew: nothing older is under way."""
        before = len(self.told)

        def told():
            return {told.row[0] // 10_000 for told in self.told[before:] if told.status == status}

        until(lambda: len(told()) == len(self._threads), patience_s)

    @property
    def statuses(self):
        return {told.status for told in self.told}

    def answered(self):
        return [told for told in self.told if told.status == 200]


def no_unfiltered_byte(told, *gates):
    """Check every answer against what the policy that it names leaves of the model's."""
    by_digest = {gate.digest: gate for gate in gates}
    assert told
    for one in told:
        assert one.body == expected(by_digest[one.digest], question(one.row)), one


def no_row_lost(told, gate, entries):
    """Check that every answer is in the journal, once."""
    kept = [print_ for e in entries if e.kind == "query" for print_ in e.fingerprints]
    assert len(kept) == len(set(kept))
    answered = {fingerprints(gate.fingerprint_key, [list(one.row)])[0] for one in told}
    assert len(answered) == len(told)
    assert answered <= set(kept)
