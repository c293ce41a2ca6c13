# SPDX-License-Identifier: MIT
"""A dead man's switch: it keeps every ping, and answers as it is told."""
import http.server
import threading
import time
import urllib.parse

HANG_S = 60


class Switch:
    """Ping N gets the Nth of `answers`, the last one again and again: a status, "hang", or a text
    that goes with 200.  `witness` is asked at each ping what is known so far."""

    def __init__(self, path="/c0ffee", answers=(200,), witness=lambda: None):
        self.pings = []
        self.bodies = []
        self.witnessed = []
        self.ids = set()
        switch = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                switch.take(self)

            def do_GET(self):
                switch.take(self)

            def log_message(self, *_):
                pass

        self.answers = list(answers)
        self.path = path
        self.witness = witness
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.place = f"http://127.0.0.1:{self.server.server_port}"
        self.url = self.place + path
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def take(self, request):
        self.bodies.append(request.rfile.read(int(request.headers.get("Content-Length", 0))).decode())
        self.witnessed.append(self.witness())
        path, _, query = request.path.partition("?")
        self.ids |= set(urllib.parse.parse_qs(query).get("rid", []))
        assert path.startswith(self.path), path
        self.pings.append(path.removeprefix(self.path) or "good")
        answer = self.answers[min(len(self.pings), len(self.answers)) - 1]
        if answer == "hang":
            time.sleep(HANG_S)
            return
        words = answer.encode() if isinstance(answer, str) else b""
        request.send_response(200 if words else answer)
        request.send_header("Content-Length", str(len(words)))
        request.end_headers()
        request.wfile.write(words)

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
