# SPDX-License-Identifier: MIT
"""How xtrabackup reads its option files and its command line.

The table is tests/unit/data/xtrabackup/xtrabackup-options.tsv, whose header says where its facts
come from and how the binary refuses.  Exit statuses of a bad value are those of my_getopt: 4 no
argument allowed, 5 argument missing, 9 bad number, 13 bad name.  Where the table says that
something is not established, the stricter reading was taken: no abbreviations.
"""
import glob
import os
import pathlib
import re
import stat

TABLE = (pathlib.Path(__file__).resolve().parents[1]
         / "unit/data/xtrabackup/xtrabackup-options.tsv")
SHORT = {"u": "user", "H": "host", "P": "port", "p": "password", "S": "socket", "h": "datadir",
         "t": "tmpdir", "v": "version"}
NUMBERS = ("uint", "int", "long", "ulong", "longlong", "ulonglong", "double")
GLOBAL_FILES = ("/etc/my.cnf", "/etc/mysql/my.cnf")
LOADER = ("print-defaults", "no-defaults", "defaults-file", "defaults-extra-file",
          "defaults-group-suffix", "login-path")
TRUE, FALSE = ("1", "on", "true", ""), ("0", "off", "false")
NO_ARGUMENT, MISSING, BAD_NUMBER, BAD_NAME = 4, 5, 9, 13


class Refused(Exception):
    """Ends the program with this status; each line is logged as an error."""

    def __init__(self, status, *lines):
        super().__init__(*lines)
        self.status, self.lines = status, lines


def version_tuple(text):
    """(8, 0, 35, 34) of 8.0.35-34, (9, 7, 1, 1) of 9.7.1-rc1."""
    numbers = [int(number) for number in re.findall(r"\d+", text)]
    return tuple((numbers + [0, 0, 0, 0])[:4])


def dashed(name):
    return name.replace("_", "-")


class Option:
    def __init__(self, row, server):
        (self.name, self.argument, self.type, self.default, _, self.since, self.until,
         self.note) = row
        self.server = server
        names = re.search(r"\b([A-Z][A-Z0-9_]+(?: [A-Z][A-Z0-9_]+)+)", self.note)
        self.names = names[1].split() if names and self.type == "enum" else []

    def known_to(self, version):
        if self.until in ("absent", "2.4") or "debug builds only" in self.note:
            return False
        if self.name == "no-version-check" and version >= (9,):
            return False  # compiled in or not: here it is a build without it
        if self.until == "B" and version >= (8, 1):
            return False
        if self.since == "<=8.0":  # of a plugin that later series do not have
            return version < (8, 1)
        first = {"A..B": (8, 0, 28), "B..C": (8, 1), "D": (99,), "<=A": (), "<=2.4": (),
                 "-": ()}.get(self.since)
        if first is not None or self.since.startswith("<="):
            return version >= (first or ())
        return self._since_release(version)

    def _since_release(self, version):
        """"8.4.0-6; 9.7.1-rc1": in each series from that release on."""
        bounds = [version_tuple(text) for text in self.since.split(";")]
        own = [bound for bound in bounds if bound[:2] == version[:2]]
        return version >= (own[0] if own else min(bounds)) and (
            bool(own) or len(bounds) == 1 or version[:2] > max(bounds)[:2])

    def check(self, value):
        """Refuses as my_getopt does, while parsing."""
        if self.type in NUMBERS and not re.fullmatch(r"-?\d+(\.\d+)?[kKmMgGtTpPeE]?", value):
            raise Refused(BAD_NUMBER, f"Unknown suffix '{value[-1:]}' used for variable"
                          f" '{self.name}' (value '{value}')")
        if self.names and value.upper() not in self.names:
            raise Refused(BAD_NAME, f"Error while setting value '{value}' to '{self.name}'")


def load_table():
    table, server = {}, False
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        row = line.split("\t")
        if line.startswith("#") or row[0] == "option":
            continue
        server = server or row[0] == "datadir"
        table[dashed(row[0])] = Option(row, server)
    return table


# ---- option files -------------------------------------------------------------------------------

def unescaped(text):
    letters = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "s": " ", '"': '"', "'": "'",
               "\\": "\\"}
    return re.sub(r"\\(.)", lambda match: letters.get(match[1], match[0]), text)


def option_value(raw):
    raw = raw.strip()
    if raw[:1] in ("'", '"'):
        quote, kept, at = raw[0], "", 1
        while at < len(raw) and raw[at] != quote:
            step = 2 if raw[at] == "\\" else 1
            kept, at = kept + raw[at:at + step], at + step
        return unescaped(kept)
    return unescaped(raw.split("#", 1)[0].rstrip())


def file_lines(path):
    """(group, key, value or None) of a file and of what it includes."""
    group = None
    for line in pathlib.Path(path).read_text(errors="replace").splitlines():
        line = line.strip()
        if line.startswith("!includedir"):
            for other in sorted(glob.glob(line.split(None, 1)[1] + "/*.cnf")):
                yield from file_lines(other)
        elif line.startswith("!include"):
            yield from file_lines(line.split(None, 1)[1])
        elif line.startswith("["):
            group = line[1:line.index("]")]
        elif line and line[0] not in "#;":
            key, equals, raw = line.partition("=")
            yield group, dashed(key.strip()), option_value(raw) if equals else None


class Files:
    """The option files of one run; a world-writable one is ignored, with a warning."""

    def __init__(self, argv, backup_config, warn):
        self.paths, self.required = [], None
        first = argv[1] if len(argv) > 1 else ""
        name, _, path = first.partition("=")
        if first == "--no-defaults":
            return
        if name == "--defaults-file":
            self.required = path
            self.paths = [path]
        else:
            self.paths = list(GLOBAL_FILES) + [os.path.expanduser("~/.my.cnf")]
            if name == "--defaults-extra-file":
                self.required = path
                self.paths.append(path)
            if backup_config:
                self.paths = [backup_config]
        self._check(warn)

    def _check(self, warn):
        if self.required is not None:
            if os.path.islink(self.required):
                raise Refused(1, f"{self.required} is a symbolic link")
            try:
                open(self.required, "rb").close()
            except OSError:
                raise Refused(1, f"Could not open required defaults file: {self.required}",
                              "Fatal error in defaults handling. Program aborted!") from None
        usable = []
        for path in self.paths:
            try:
                mode = os.stat(path).st_mode
            except OSError:
                continue
            if stat.S_ISREG(mode) and mode & stat.S_IWOTH:
                warn(f"World-writable config file '{path}' is ignored.")
            else:
                usable.append(path)
        self.paths = usable

    def arguments(self, groups):
        found = []
        for path in self.paths:
            for group, key, value in file_lines(path):
                if group in groups:
                    found.append(f"--{key}" if value is None else f"--{key}={value}")
        return found


# ---- the command line ---------------------------------------------------------------------------

class Options:
    """What was asked for: value("target-dir"), on("backup"), given("datadir"); and what nobody
    knows, to be refused later."""

    def __init__(self, argv, version, warn):
        self.version, self.warn, self.argv = version, warn, argv
        self.table = {name: option for name, option in load_table().items()
                      if option.known_to(version)}
        self.values, self.words, self.unknown = {}, [], []
        self.shown = {True: [], False: []}
        self._refuse_late_files()
        group = self._scanned("--defaults-group") or "mysqld"
        login = self._scanned("--login-path")
        self.files = Files(argv, self._backup_config(), warn)
        plain = [word for at, word in enumerate(argv[1:])
                 if not (at == 0 and word.partition("=")[0][2:] in LOADER)]
        xtrabackup = self.files.arguments(["xtrabackup"])
        others = self.files.arguments(["mysqld", group, "client"] + ([login] if login else []))
        self._parse(others, validated=False)
        self._parse(xtrabackup + plain, validated=True)

    def _scanned(self, name):
        found = [word.partition("=")[2] for word in self.argv[1:] if word.startswith(name + "=")]
        return found[-1] if found else None

    def _backup_config(self):
        """With --prepare the file in the target is read; a bare word counts as the target here."""
        if not any(word in ("--prepare", "--apply-log") for word in self.argv):
            return None
        target = None
        for word in self.argv[1:]:
            if word.startswith("--target-dir="):
                target = word.partition("=")[2]
            elif not word.startswith("-"):
                target = word
        return os.path.join(target, "backup-my.cnf") if target else None

    def _refuse_late_files(self):
        for word in self.argv[2:]:
            if word.partition("=")[0] in ("--defaults-file", "--defaults-extra-file"):
                name = word.partition("=")[0]
                raise Refused(1, f"{name} must be specified first on the command line")

    def _parse(self, words, validated):
        at = 0
        while at < len(words):
            word, at = words[at], at + 1
            if re.match(r"-[A-Za-z]", word) and word[1] in SHORT:
                value = word[2:]
                word = f"--{SHORT[word[1]]}" + (f"={value}" if value else "")
            if not word.startswith("--"):
                self.words.append(word)
                continue
            key, equals, value = word[2:].partition("=")
            option, on = self._find(dashed(key))
            if option is None:
                if validated and dashed(key) not in ("no-defaults", "login-path"):
                    self.unknown.append(word)
                continue
            if not equals and option.argument == "required" and on:
                if at >= len(words):
                    raise Refused(MISSING, f"option '--{option.name}' requires an argument")
                value, equals, at = words[at], "=", at + 1
            self._set(option, value if equals else None, on)

    def _find(self, key):
        if key in self.table:
            return self.table[key], True
        for prefix, on in (("skip-", False), ("disable-", False), ("enable-", True),
                           ("loose-", True)):
            option = self.table.get(key[len(prefix):]) if key.startswith(prefix) else None
            if option is not None and (option.type == "bool" or prefix == "loose-"):
                return option, on
        return None, True

    def _set(self, option, value, on):
        if option.argument == "none" and option.type != "bool" and value is not None:
            raise Refused(NO_ARGUMENT, f"option '--{option.name}' cannot take an argument")
        if option.type == "bool":
            value = self._truth(option, value or "") if on else "0"
        elif value is not None:
            option.check(value)
        elif option.argument == "none":
            value = "1"
        self.values[dashed(option.name)] = value if value is not None else ""
        if dashed(option.name) in ("password", "encrypt-key", "transition-key"):
            value = "*"
        self.shown[option.server].append(f"--{option.name}={'' if value is None else value}")

    def _truth(self, option, value):
        if value.lower() in TRUE:
            return "1"
        if value.lower() not in FALSE:
            self.warn(f"option '{option.name}': boolean value '{value}' was not recognized."
                      " Set to OFF.")
        return "0"

    # ---- asking ---------------------------------------------------------------------------------

    def given(self, name):
        return name in self.values

    def value(self, name, default=None):
        return self.values.get(name, default)

    def on(self, name):
        option = self.table.get(name)
        usual = "1" if option is not None and option.default == "true" else "0"
        return self.values.get(name, usual) == "1"

    def number(self, name, default):
        text = self.values.get(name)
        if text is None:
            return default
        factor = 1024 ** (" kmgtpe".index(text[-1].lower()) if text[-1:].isalpha() else 0)
        return int(float(text.rstrip("kKmMgGtTpPeE"))) * factor
