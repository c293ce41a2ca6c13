#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A webhook receiver that answers as it is told.

http_receiver.py [--certificate PEM --key KEY] [--secret whsec_BASE64]... DIR ANSWER...

Listens on a free port of 127.0.0.1 and writes it to DIR/port.  Request N (from 1) is kept as
DIR/N.body (its bytes) and DIR/N.headers (path, method, then one header to a line, names in lower
case) and gets the Nth ANSWER, the last one again and again.  With secrets DIR/N.signature is what its
webhook-signature should be.

  204       this status                   429/2     with "Retry-After: 2"
  302/URL   with "Location: URL"          429/+2    the same as a date, 2 to 3 s from now
  close     hangs up                      flood     200, and 100 MB
  hang      nothing, for ever             flood/N   200, and N MB
  half      200, of its body a half,      trickle   200, and a byte every half second,
            then nothing, for ever                  for ever
  nonsense  what is no HTTP               404=TEXT  with this text, also after a detail:
  late/N    204 after N seconds                     429/2=TEXT

Another program may import it: Server(answers) is a server for its own process, whose keep() may be
overridden.
"""
import argparse
import base64
import email.utils
import hashlib
import hmac
import http.server
import math
import os
import ssl
import sys
import threading
import time


def write(directory, name, data):
    draft = os.path.join(directory, "." + name)
    with open(draft, "wb") as out:
        out.write(data)
    os.rename(draft, os.path.join(directory, name))


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.do_POST()

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.close_connection = True
        words, _, text = self.server.take(self, body).partition("=")
        self.answer(*words.partition("/")[::2], text.encode())

    def answer(self, word, detail, text):
        if word in ANSWERS:
            ANSWERS[word](self, detail)
            return
        self.send_response(int(word))
        if detail:
            self.send_header("Retry-After" if word in ("429", "503") else "Location",
                             http_date(int(detail)) if detail.startswith("+") else detail)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def close(self, _):
        pass

    def hang(self, _):
        self.server.ended.wait(3600)

    def late(self, seconds):
        self.server.ended.wait(float(seconds))
        self.answer("204", "", b"")

    def nonsense(self, _):
        self.wfile.write(b"who is calling?\r\n")

    def half(self, _):
        self.send_response(200)
        self.send_header("Content-Length", "20")
        self.end_headers()
        self.wfile.write(b"x" * 10)
        self.server.ended.wait(3600)

    def trickle(self, _):
        self.send_response(200)
        self.end_headers()
        while not self.server.ended.wait(0.5):
            self.wfile.write(b"x")

    def flood(self, megabytes):
        self.send_response(200)
        self.end_headers()
        sent = 0
        try:
            for _ in range(int(megabytes or 100)):
                self.wfile.write(b"x" * 1000000)
                sent += 1000000
        except OSError:
            pass
        self.server.keep("flooded", str(sent).encode())


ANSWERS = {answer.__name__: answer for answer in (
    Receiver.close, Receiver.hang, Receiver.late, Receiver.nonsense, Receiver.half,
    Receiver.trickle, Receiver.flood)}


def http_date(seconds):
    """So many seconds from now, or up to one more: a date has no parts of a second."""
    return email.utils.formatdate(math.ceil(time.time() + seconds), usegmt=True)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, answers, certificate=None, key=None, directory=None, secrets=()):
        super().__init__(("127.0.0.1", 0), Receiver)
        self.answers = answers
        self.directory = directory
        self.secrets = secrets
        self.requests = 0
        self.ended = threading.Event()
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            self.socket = context.wrap_socket(self.socket, server_side=True)

    def handle_error(self, *_):
        """Who hangs up on us is no error here."""

    def keep(self, name, data):
        write(self.directory, name, data)

    def take(self, request, body):
        """Keeps it; how it is to be answered."""
        self.requests += 1
        headers = {name.lower(): value for name, value in request.headers.items()}
        lines = [request.path, f"method: {request.command}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.keep(f"{self.requests}.headers", "\n".join(lines).encode() + b"\n")
        self.keep(f"{self.requests}.signature", self.signature(headers, body).encode())
        self.keep(f"{self.requests}.body", body)
        return self.answers[min(self.requests, len(self.answers)) - 1]

    def signature(self, headers, body):
        signed = f"{headers.get('webhook-id')}.{headers.get('webhook-timestamp')}.".encode() + body
        keys = [base64.b64decode(secret.removeprefix("whsec_")) for secret in self.secrets]
        macs = [hmac.new(key, signed, hashlib.sha256).digest() for key in keys]
        return " ".join("v1," + base64.b64encode(mac).decode() for mac in macs)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.add_argument("--secret", action="append", default=[])
    parser.add_argument("directory")
    parser.add_argument("answers", nargs="+")
    args = parser.parse_args()

    sys.stderr = open(os.path.join(args.directory, "stderr"), "w", buffering=1)
    server = Server(args.answers, args.certificate, args.key, args.directory, args.secret)
    server.keep("port", str(server.server_port).encode())
    server.serve_forever()


if __name__ == "__main__":
    main()
