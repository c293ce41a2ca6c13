#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A mail server that keeps what it gets.

smtp_receiver.py [--certificate PEM --key KEY [--implicit]] [--user USER --password PASSWORD]
                 [--refuse ADDRESS] [--data ANSWER]... DIR

Listens on a free port of 127.0.0.1 and writes it to DIR/port.  With a certificate STARTTLS is
demanded (or the connection is TLS from the start); with a user a login is.  Mail N (from 1) is kept
as DIR/N.eml (its bytes), DIR/N.envelope (MAIL FROM, then each RCPT TO, one to a line), DIR/N.headers
("name: value" with encoded words decoded) and DIR/N.text (decoded).  --data is the answer to the
Nth mail, the last one again and again.  DIR/login says who tried to log in, and over what.
"""
import argparse
import asyncio
import email
import email.policy
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult


def write(directory, name, data):
    draft = os.path.join(directory, "." + name)
    with open(draft, "wb") as out:
        out.write(data)
    os.rename(draft, os.path.join(directory, name))


class Keeper:
    def __init__(self, args):
        self.args = args
        self.mails = 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address == self.args.refuse:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.mails += 1
        self.keep(envelope)
        answers = self.args.data
        return answers[min(self.mails, len(answers)) - 1] if answers else "250 OK"

    def keep(self, envelope):
        where, n = self.args.directory, self.mails
        message = email.message_from_bytes(envelope.original_content, policy=email.policy.default)
        text = message.get_body(("plain",)).get_content().replace("\r\n", "\n")
        headers = "".join(f"{k.lower()}: {v}\n" for k, v in message.items())
        lines = [envelope.mail_from] + envelope.rcpt_tos
        write(where, f"{n}.envelope", "".join(f"{line}\n" for line in lines).encode())
        write(where, f"{n}.headers", headers.encode("utf-8", "surrogateescape"))
        write(where, f"{n}.text", text.encode("utf-8", "surrogateescape"))
        write(where, f"{n}.eml", envelope.original_content)

    def login(self, server, session, envelope, mechanism, data):
        over = "tls" if session.ssl or self.args.implicit else "clear text"
        write(self.args.directory, "login", f"{data.login.decode()} over {over}\n".encode())
        sound = (data.login.decode(), data.password.decode()) == (self.args.user, self.args.password)
        return AuthResult(success=sound, handled=sound)


async def serve(args):
    context = None
    if args.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(args.certificate, args.key)
    keeper = Keeper(args)

    def connection():
        starttls = context is not None and not args.implicit
        return SMTP(keeper, hostname="receiver.example", require_starttls=starttls,
                    tls_context=context if starttls else None, authenticator=keeper.login,
                    auth_required=args.user is not None, auth_require_tls=starttls)

    loop = asyncio.get_running_loop()
    server = await loop.create_server(connection, "127.0.0.1", 0,
                                      ssl=context if args.implicit else None)
    write(args.directory, "port", str(server.sockets[0].getsockname()[1]).encode())
    await server.serve_forever()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.add_argument("--implicit", action="store_true")
    parser.add_argument("--user")
    parser.add_argument("--password")
    parser.add_argument("--refuse")
    parser.add_argument("--data", action="append")
    parser.add_argument("directory")
    args = parser.parse_args()
    sys.stderr = open(os.path.join(args.directory, "stderr"), "w", buffering=1)
    asyncio.run(serve(args))


main()
