import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest
from guard.live import guarding, oip_app, serving
from guard.test_end_to_end import SECRET, ask, key_for, written
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@pytest.fixture
def collector():
    """A collector that takes OTLP over HTTP, and keeps what it gets."""
    got = []

    class Taking(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Taking)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1/traces", got
    server.shutdown()
    server.server_close()
    thread.join(5)


class Model:
    def predict_proba(self, x):
        return np.tile([0.25, 0.75], (len(x), 1))

    def predict(self, x):
        return np.ones(len(x), dtype=int)


def test_a_span_a_request_and_nobody_in_it(tmp_path, collector):
    url, got = collector
    with serving(oip_app(Model())) as upstream:
        file = written(tmp_path, upstream, guard=f'traces = "{url}"')
        key = key_for(file)
        with guarding(file, SECRET) as (_, callers, _admin):
            assert ask(callers, np.ones((3, 30)), key).status == 200
            assert ask(callers, np.ones((3, 30))).status == 401
    spans = []
    for body in got:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                spans += scope.spans
    assert len(spans) == 2
    told = [{a.key: a.value for a in span.attributes} for span in spans]
    assert [t["reticent.outcome"].string_value for t in told] == ["answered", "unauthenticated"]
    assert told[0]["reticent.rows"].int_value == 3
    assert told[0]["reticent.policy"].string_value == file.policies["two-digits"].digest
    assert all(0 < s.end_time_unix_nano - s.start_time_unix_nano < 60 * 10**9 for s in spans)
    assert abs(spans[0].end_time_unix_nano / 1e9 - time.time()) < 60
    assert b"analyst" not in b"".join(got)
    assert b"127.0.0.1" not in b"".join(got)
