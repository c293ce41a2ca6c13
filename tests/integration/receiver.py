# SPDX-License-Identifier: MIT
"""A webhook receiver that keeps every body it was sent."""
import http.server
import json
import threading


class Receiver:
    def __init__(self, status=204):
        self.status = status
        self.bodies = []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers.get("Content-Length", 0))
                receiver.bodies.append(json.loads(self.rfile.read(length)))
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def events(self, kind=None):
        return [body for body in self.bodies if kind is None or body["type"] == kind]

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
