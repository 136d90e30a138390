"""A real HTTP server on loopback whose answers a function gives."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from reticent.protocols import WireRequest

Said = tuple[int, bytes, dict[str, str]]


@contextmanager
def served(answer: Callable[[WireRequest, dict[str, str]], Said]) -> Iterator[str]:
    """Serve what `answer` makes of requests and their headers; give the URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            named = {k.lower(): v for k, v in self.headers.items()}
            kind = named["content-type"]
            request = WireRequest(method="POST", path=self.path, body=body, media_type=kind)
            status, said, headers = answer(request, named)
            self.send_response(status)
            for name, value in ({"content-type": "application/json"} | headers).items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
