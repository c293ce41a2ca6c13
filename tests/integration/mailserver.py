# SPDX-License-Identifier: MIT
"""A private Exim of Debian's, as the mail server of a company is: TLS, a login, a mailbox.

Each connection gets an Exim of its own, with the connection as its stdin as inetd has it: there is
no daemon to find and no port to guess.  Configuration, spool and mailbox lie in one directory, and
all of it runs as an ordinary user; an Exim of the host is not touched.
"""
import email
import email.policy
import os
import pathlib
import pwd
import socketserver
import subprocess
import threading

EXIM = "/usr/sbin/exim4"
NAME = "backup"
PASSWORD = "PlantedMailPassw0rd"

CONFIGURATION = r"""
exim_user = {user}
exim_group = {group}
never_users =
primary_hostname = mail.example.org
keep_environment =
spool_directory = {place}/spool
log_file_path = {place}/%s.log
host_lookup =
rfc1413_query_timeout = 0s
message_size_limit = 10M
message_logs = false
tls_certificate = {certificate}
tls_privatekey = {key}
tls_advertise_hosts = {starttls}
auth_advertise_hosts = ${{if def:tls_in_cipher {{*}}{{}}}}
acl_smtp_rcpt = recipient
acl_smtp_data = data

begin acl
data:
  accept  delay = {data_delay}
recipient:
  warn    delay = {recipient_delay}
  deny    message = log in first
          !authenticated = *
  deny    message = no such mailbox
          local_parts = gone
  defer   message = greylisted, come back later
          local_parts = {greylisted}
          !condition = ${{if exists{{{place}/seen}}}}
  accept  domains = example.org
  deny    message = we do not relay

begin routers
everybody:
  driver = accept
  transport = mailbox

begin transports
mailbox:
  driver = appendfile
  directory = {place}/mailbox
  maildir_format
  batch_max = 100
  envelope_to_add
  return_path_add

begin authenticators
login:
  driver = plaintext
  public_name = {mechanism}
  server_prompts = {prompts}
  server_condition = ${{if and{{{{eq{{${name}}}{{{NAME}}}}}{{eq{{${password}}}{{{PASSWORD}}}}}}}}}
  server_set_id = ${name}
"""

MECHANISMS = {
    "PLAIN": {"prompts": ":", "name": "auth2", "password": "auth3"},
    "LOGIN": {"prompts": "Username:: : Password::", "name": "auth1", "password": "auth2"},
}


class Connection(socketserver.BaseRequestHandler):
    def handle(self):
        self.server.mail_server.serve(self.request)


class MailServer:
    """`greylisted`: these local parts are put off until a first connection has ended.  The delays:
    so long it thinks about each recipient, and about the whole mail."""

    def __init__(self, place, certificates, certificate="good", implicit=False, starttls=True,
                 mechanism="PLAIN", greylisted="", recipient_delay="0s", data_delay="0s"):
        self.place = pathlib.Path(place)
        self.place.mkdir()
        self.implicit = implicit
        is_root = os.geteuid() == 0
        self.owner = pwd.getpwnam("nobody") if is_root else pwd.getpwuid(os.geteuid())
        self.become = {"user": self.owner.pw_uid, "group": self.owner.pw_gid,
                       "extra_groups": []} if is_root else {}
        self.configuration = self.place / "exim.conf"
        self.configuration.write_text(CONFIGURATION.format(
            user=self.owner.pw_uid, group=self.owner.pw_gid, place=self.place,
            certificate=self.own(certificates / f"{certificate}.pem"),
            key=self.own(certificates / f"{certificate}.key"), starttls="*" if starttls else "",
            greylisted=greylisted, recipient_delay=recipient_delay,
            data_delay=data_delay, mechanism=mechanism, NAME=NAME, PASSWORD=PASSWORD,
            **MECHANISMS[mechanism]))
        self.own(self.place)
        self.sessions = []
        self.listener = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Connection)
        self.listener.mail_server = self
        self.thread = threading.Thread(target=self.listener.serve_forever, args=(0.05,),
                                       daemon=True)
        self.thread.start()

    def own(self, path):
        """A file of whom Exim runs as; of another directory, a copy of it."""
        if path.is_file():
            copy = self.place / path.name
            copy.write_bytes(path.read_bytes())
            copy.chmod(0o600)
            path = copy
        os.chown(path, self.owner.pw_uid, self.owner.pw_gid)
        return path

    @property
    def url(self):
        scheme = "smtps" if self.implicit else "smtp"
        return f"{scheme}://127.0.0.1:{self.listener.server_address[1]}"

    def serve(self, connection):
        command = [EXIM, "-C", self.configuration, "-bs", "-odf"]
        command += ["-tls-on-connect"] if self.implicit else []
        session = subprocess.Popen(
            command, stdin=connection, stdout=connection, stderr=subprocess.DEVNULL, cwd="/",
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}, **self.become)
        self.sessions.append(session)
        session.wait()
        (self.place / "seen").touch()

    def queued(self):
        """Mails that were taken and not delivered yet."""
        return list((self.place / "spool" / "input").rglob("*-H"))

    def raw_mails(self):
        """The bytes of each, in the order of delivery."""
        box = self.place / "mailbox" / "new"
        files = sorted(box.iterdir(), key=lambda path: path.stat().st_mtime_ns) \
            if box.exists() else []
        return [path.read_bytes() for path in files]

    def mails(self):
        return [email.message_from_bytes(raw, policy=email.policy.default)
                for raw in self.raw_mails()]

    def close(self):
        self.listener.shutdown()
        for session in self.sessions:
            session.kill()
        self.listener.server_close()
        self.thread.join()
