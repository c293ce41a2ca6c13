# SPDX-License-Identifier: MIT
"""Debian's Alertmanager, on a free port of 127.0.0.1 with a directory of its own."""
import json
import pathlib
import re
import subprocess

import lsnsite

CONFIGURATION = """\
route: {{receiver: hook, group_by: ['...'], group_wait: 0s, group_interval: 1s}}
receivers: [{{name: hook, webhook_configs: [{{url: '{url}', send_resolved: true}}]}}]
"""


class Alertmanager:
    def __init__(self, place, notified):
        """What it tells people goes to `notified`, a receiver.Receiver."""
        self.place = pathlib.Path(place)
        self.place.mkdir()
        self.log = self.place / "log"
        configuration = self.place / "alertmanager.yml"
        configuration.write_text(CONFIGURATION.format(url=notified.url))
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                ["prometheus-alertmanager", f"--config.file={configuration}",
                 f"--storage.path={self.place / 'data'}", "--web.listen-address=127.0.0.1:0",
                 "--cluster.listen-address="],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        lsnsite.wait_until(self.find_url, limit=60)

    def find_url(self):
        assert self.process.poll() is None, self.log.read_text()
        found = re.search(r'"Listening on" address=(\S+)', self.log.read_text())
        self.url = f"http://{found[1]}" if found else None
        return self.url

    def firing(self):
        """As `amtool alert query` sees them."""
        done = subprocess.run(["amtool", f"--alertmanager.url={self.url}", "alert", "query",
                               "--output=json"], capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    def close(self):
        self.process.kill()
        self.process.wait()
