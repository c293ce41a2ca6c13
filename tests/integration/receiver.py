# SPDX-License-Identifier: MIT
"""Webhook receivers that keep every body they were sent, in JSON, and answer as they are told; and
a socket that is read as a log daemon reads it."""
import collections
import http.server
import json
import pathlib
import socket
import sys
import threading

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "fakes/receivers"))

import http_receiver  # noqa: E402


class Receiver:
    """`bodies` is all that was sent, `taken` what was answered with 2xx, `ids` the webhook-id of
    those.  Set `status` for what it answers, and `hang` for one that never does."""

    def __init__(self, status=204, token="hook"):
        self.status = status
        self.text = ""
        self.first = []  # answers before that one: (status, text, headers)
        self.bodies = []
        self.raw = []
        self.hang = False
        self.taken = []
        self.ids = []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(length)
                receiver.raw.append(body)
                receiver.bodies.append(json.loads(body))
                if receiver.hang:
                    self.rfile.read(1)  # until the other side hangs up
                    return
                usual = receiver.status, receiver.text, {}
                self.answer(*(receiver.first.pop(0) if receiver.first else usual))

            def answer(self, status, text, headers):
                if 200 <= status < 300:
                    receiver.taken.append(receiver.bodies[-1])
                    receiver.ids.append(self.headers.get("webhook-id"))
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
        self.url = f"http://127.0.0.1:{self.server.server_port}/{token}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def events(self, kind=None):
        return [body for body in self.bodies if kind is None or body["type"] == kind]

    def kinds(self):
        """The types of what it took, in order."""
        return [body["type"] for body in self.taken]

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Moody(http_receiver.Server):
    """Answers its requests one after the other as http_receiver.py says: Moody("500", "204")."""

    Got = collections.namedtuple("Got", "id type instance")

    def __init__(self, *answers, certificate=None):
        key = certificate.with_suffix(".key") if certificate else None
        super().__init__(answers or ["204"], certificate, key)
        scheme = "https" if certificate else "http"
        self.url = f"{scheme}://127.0.0.1:{self.server_port}/hook"
        self.got = []
        self.thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def take(self, request, body):
        event = json.loads(body)
        self.got.append(self.Got(request.headers["webhook-id"], event["type"],
                                 event["data"]["instance"]))
        return super().take(request, body)

    def keep(self, name, data):
        pass

    def turn(self, *answers):
        """From now on it answers so."""
        self.answers, self.requests = answers, 0

    def told(self, kind="backup_failed"):
        """The instances it was told of, in order; the same alert again counts once."""
        ids = {got.id: got.instance for got in self.got if got.type == kind}
        return list(ids.values())

    def close(self):
        self.ended.set()
        self.shutdown()
        self.server_close()
        self.thread.join()


class Log:
    """A log daemon's socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.settimeout(0)

    def lines(self):
        lines = []
        while True:
            try:
                lines.append(self.socket.recv(65536).decode())
            except BlockingIOError:
                return lines

    def close(self):
        self.socket.close()
