#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A ServiceNow that knows one table, as its Table API is documented.

servicenow.py --certificate PEM --key KEY [--login FILE] DIR [BEHAVIOUR...]

Listens on a free port of 127.0.0.1 and writes it to DIR/port.  Request N (from 1) is kept as
DIR/N.request (method and path, then one header to a line) and DIR/N.body; DIR/records.json is what
the table holds.  As the real one it leaves out a condition that it does not understand or whose
field its user may not read, and silently drops a field that its user may not write.  FILE holds the
login that it knows, as USER:PASSWORD; without it everybody is welcome.

Request N is treated as the Nth BEHAVIOUR says, the last one again and again:

  ok        as documented                lost      done, but the connection is closed
  500       this status, nothing done    429/2     with "Retry-After: 2"
  accepted  done, but with the status 202
  html      200, and a page for people   hang      nothing, for ever
  blind     correlation_id cannot be read nor written by this user
  stubborn  a change of state is ignored
  longid    done, but with a sys_id of 32 hex digits and more
  oddid     done, but with a sys_id of 32 characters that are no hex digits
"""
import argparse
import base64
import http.server
import json
import os
import pathlib
import ssl
import sys
import time
import urllib.parse
import uuid

TABLE = "/api/now/table/incident"


def write(directory, name, data):
    draft = os.path.join(directory, "." + name)
    with open(draft, "wb") as out:
        out.write(data)
    os.rename(draft, os.path.join(directory, name))


def condition(text):
    """(field, holds) of one condition of an encoded query; None: it is not understood."""
    for sign, holds in (("!=", lambda got, wanted: got != wanted),
                        ("=", lambda got, wanted: got == wanted)):
        field, found, wanted = text.partition(sign)
        if found and field.replace("_", "").isalnum():
            return field, lambda got: holds(got, wanted)
    return None


class ServiceNow(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.take()

    do_POST = do_PATCH = do_GET

    def take(self):
        self.close_connection = True
        server = self.server
        server.requests += 1
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        lines = [f"{self.command} {self.path}"]
        lines += [f"{name.lower()}: {value}" for name, value in self.headers.items()]
        write(server.directory, f"{server.requests}.request", "\n".join(lines).encode() + b"\n")
        write(server.directory, f"{server.requests}.body", self.body)
        word = server.behaviours[min(server.requests, len(server.behaviours)) - 1]
        self.behaviour, _, self.detail = word.partition("/")
        self.behave()

    def behave(self):
        if self.behaviour == "hang":
            time.sleep(3600)
        elif self.behaviour == "html":
            self.answer(200, b"<html><body>Your instance is hibernating</body></html>", "text/html")
        elif self.behaviour.isdigit():
            self.fail(int(self.behaviour), "as told")
        elif not self.knows_login():
            self.fail(401, "User Not Authenticated")
        elif self.headers.get("Accept") != "application/json":
            self.fail(406, "Accept is missing")
        else:
            self.work()

    def knows_login(self):
        sent = self.headers.get("Authorization", "").removeprefix("Basic ")
        return self.server.login is None or base64.b64decode(sent) == self.server.login

    def work(self):
        path, _, query = self.path.partition("?")
        self.parameters = dict(urllib.parse.parse_qsl(query, strict_parsing=bool(query)))
        if path == TABLE and self.command == "GET":
            self.list()
        elif path == TABLE and self.command == "POST":
            self.create()
        elif path.startswith(TABLE + "/") and self.command == "PATCH":
            self.change(path.removeprefix(TABLE + "/"))
        else:
            self.fail(400, "Requested URI does not represent any resource")

    def list(self):
        records = list(reversed(self.server.records))  # as ORDERBYDESCsys_created_on has them
        for text in self.parameters.get("sysparm_query", "").split("^"):
            understood = condition(text)
            if understood and not (self.behaviour == "blind" and understood[0] == "correlation_id"):
                field, holds = understood
                records = [record for record in records if holds(record.get(field, ""))]
        records = records[:int(self.parameters.get("sysparm_limit", 10000))]
        self.give(200, [self.shown(record) for record in records])

    def create(self):
        number = f"INC{len(self.server.records) + 1:07}"
        record = {"sys_id": uuid.uuid4().hex, "number": number, "active": "true", "state": "1"}
        self.server.records.append(record)
        self.write_fields(record)
        self.give(201, self.shown(record))

    def change(self, sys_id):
        record = next((one for one in self.server.records if one["sys_id"] == sys_id), None)
        if record is None:
            self.fail(404, "No Record found")
            return
        self.write_fields(record)
        self.give(200, self.shown(record))

    def write_fields(self, record):
        for name, value in json.loads(self.body).items():
            if name == "work_notes":  # a journal: each is added
                record.setdefault("notes", []).append(value)
            elif not (self.behaviour == "blind" and name == "correlation_id" or
                      self.behaviour == "stubborn" and name == "state"):
                record[name] = value
        text = json.dumps(self.server.records, indent=1, ensure_ascii=False)
        write(self.server.directory, "records.json", text.encode())

    def shown(self, record):
        fields = self.parameters.get("sysparm_fields")
        shown = {name: record.get(name, "") for name in (fields.split(",") if fields else record)}
        if self.behaviour == "blind":
            shown.pop("correlation_id", None)
        if self.behaviour == "longid":
            shown["sys_id"] += "/../../sys_user"
        if self.behaviour == "oddid":
            shown["sys_id"] = "../" + shown["sys_id"][3:]
        return shown

    def give(self, status, result):
        if self.behaviour != "lost":
            status = 202 if self.behaviour == "accepted" else status
            self.answer(status, json.dumps({"result": result}).encode(), "application/json")

    def fail(self, status, message):
        error = {"error": {"message": message, "detail": ""}, "status": "failure"}
        self.answer(status, json.dumps(error).encode(), "application/json")

    def answer(self, status, data, kind):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        if status == 429:
            self.send_header("Retry-After", self.detail)
        self.end_headers()
        self.wfile.write(data)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--certificate", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--login")
    parser.add_argument("directory")
    parser.add_argument("behaviours", nargs="*", default=["ok"])
    args = parser.parse_args()

    sys.stderr = open(os.path.join(args.directory, "stderr"), "w", buffering=1)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), ServiceNow)
    server.directory = args.directory
    server.behaviours = args.behaviours
    server.login = pathlib.Path(args.login).read_bytes() if args.login else None
    server.requests = 0
    server.records = []
    server.handle_error = lambda *_: None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(args.certificate, args.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    write(args.directory, "port", str(server.server_port).encode())
    server.serve_forever()


main()
