# SPDX-License-Identifier: MIT
"""A webhook receiver that keeps every body it was sent, in JSON, and answers as it is told."""
import http.server
import json
import threading


class Receiver:
    def __init__(self, status=204):
        self.status = status
        self.text = ""
        self.first = []  # answers before that one: (status, text, headers)
        self.bodies = []
        self.raw = []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(length)
                receiver.raw.append(body)
                receiver.bodies.append(json.loads(body))
                usual = receiver.status, receiver.text, {}
                self.answer(*(receiver.first.pop(0) if receiver.first else usual))

            def answer(self, status, text, headers):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                if text:
                    self.wfile.write(text.encode())

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
