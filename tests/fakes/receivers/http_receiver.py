#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A webhook receiver that answers as it is told.

http_receiver.py [--certificate PEM --key KEY] [--secret whsec_BASE64]... DIR ANSWER...

Listens on a free port of 127.0.0.1 and writes it to DIR/port.  Request N (from 1) is kept as
DIR/N.body (its bytes) and DIR/N.headers (path, method, then one header to a line, names in lower
case) and gets the Nth ANSWER, the last one again and again.  With secrets DIR/N.signature is what its
webhook-signature should be.


  204       this status          429/2     with "Retry-After: 2"
  302/URL   with "Location: URL" hang      nothing, for ever
  close     hangs up             flood     200, and 100 MB
  404=TEXT  with this text, also after a detail: 429/2=TEXT
"""
import argparse
import base64
import hashlib
import hmac
import http.server
import os
import ssl
import sys
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
        server = self.server
        server.requests += 1
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        lines = [self.path, f"method: {self.command}"] + [f"{k.lower()}: {v}" for k, v in self.headers.items()]
        write(server.directory, f"{server.requests}.headers", "\n".join(lines).encode() + b"\n")
        write(server.directory, f"{server.requests}.signature", self.signature(body).encode())
        write(server.directory, f"{server.requests}.body", body)
        answers = server.answers
        words, _, text = answers[min(server.requests, len(answers)) - 1].partition("=")
        self.answer(*words.partition("/")[::2], text.encode())

    def signature(self, body):
        signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + body
        keys = [base64.b64decode(secret.removeprefix("whsec_")) for secret in self.server.secrets]
        macs = [hmac.new(key, signed, hashlib.sha256).digest() for key in keys]
        return " ".join("v1," + base64.b64encode(mac).decode() for mac in macs)

    def answer(self, word, detail, text):
        self.close_connection = True
        if word == "hang":
            time.sleep(3600)
        elif word == "flood":
            self.flood()
        elif word != "close":
            self.send_response(int(word))
            if detail:
                self.send_header("Retry-After" if word in ("429", "503") else "Location", detail)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    def flood(self):
        self.send_response(200)
        self.end_headers()
        sent = 0
        try:
            for _ in range(100):
                self.wfile.write(b"x" * 1000000)
                sent += 1000000
        except OSError:
            pass
        write(self.server.directory, "flooded", str(sent).encode())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.add_argument("--secret", action="append", default=[])
    parser.add_argument("directory")
    parser.add_argument("answers", nargs="+")
    args = parser.parse_args()

    sys.stderr = open(os.path.join(args.directory, "stderr"), "w", buffering=1)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.directory = args.directory
    server.answers = args.answers
    server.secrets = args.secret
    server.requests = 0
    server.handle_error = lambda *_: None
    if args.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(args.certificate, args.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    write(args.directory, "port", str(server.server_port).encode())
    server.serve_forever()


main()
