# SPDX-License-Identifier: MIT
"""A server that holds one of everything, and what it looks like from outside.

zoo.sql has what each link adds and changes; the names that no sane person gives a table are made
here.  picture() tells all that a restored server must have in common with the one it came from.
"""
import pathlib
import re

LINKS = 3
SQL = pathlib.Path(__file__).with_name("zoo.sql")

# Of schemas, tables, columns and indexes at once.
NAMES = ("with space", "dot.ted", "quo'te", 'dou"ble', "back\\slash", "back`tick", "#hash", "#sql-1",
         "P#P#p0", "t#P#p0#SP#s0", "x.lz4", "x.isl", "con", "NUL", "ümläut", "Ünïcode", "日本語", "кот",
         "percent%s", "semi;colon", "-dash", "@0041", "new\nline", "tab\tbed", "*", "n" * 64, "ü" * 60)
ENGINES = ("InnoDB", "Aria", "MyISAM")
LONGEST = "日" * 49  # five bytes each in the name of a file; ".ibd.delta" makes it 255


def quoted(name):
    return "`" + name.replace("`", "``") + "`"


def full_name(schema, name):
    return f"{quoted(schema)}.{quoted(name)}"


def literal(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def engines_of(name):
    """The engine cannot lock a table that has a backtick in its name, but for InnoDB it need not."""
    return ("InnoDB",) if "`" in name else ENGINES


def table_name(name, engine):
    return name if engine == "InnoDB" else name[:58] + engine


def named_tables(link):
    """A schema for each name with a table of that name for each engine: rows and, later, changes."""
    lines = []
    for name in NAMES:
        schema = quoted(name)
        if link == 0:
            lines.append(f"CREATE DATABASE {schema} CHARACTER SET utf8mb4")
        for engine in engines_of(name):
            table = full_name(name, table_name(name, engine))
            if link == 0:
                lines.append(f"CREATE TABLE {table} ({schema} INT PRIMARY KEY, b TEXT, "
                             f"KEY {schema} (b(5))) ENGINE={engine} COMMENT={literal(name)}")
            lines.append(f"INSERT INTO {table} VALUES ({link}, {literal(name)})")
    return ";\n".join(lines) + ";\n"


def part(link):
    """The statements of zoo.sql for one link."""
    return SQL.read_text().split(f"-- ==== link {link}\n")[1].split("-- ==== link")[0]


def live(server, link):
    """What happens on the server before this link is taken."""
    server.sql(part(link))
    server.sql(named_tables(link))
    if link == 0:
        server.flush()  # the other links find their rows in the redo log


# ---- what a server looks like from outside -------------------------------------------------------

OWN_SCHEMAS = "('mysql', 'sys', 'performance_schema', 'information_schema', 'lsnchain')"
# Its sum is taken before virtual columns are filled, so it is not that of the rows.
UNSUMMABLE = ("generated_columns",)
LISTS = {
    "schemas": "SELECT schema_name, default_character_set_name, default_collation_name FROM"
               f" information_schema.schemata WHERE schema_name NOT IN {OWN_SCHEMAS}",
    "tables": "SELECT table_schema, table_name, table_type, engine, row_format, table_collation,"
              " create_options, table_comment FROM information_schema.tables"
              f" WHERE table_schema NOT IN {OWN_SCHEMAS}",
    "parts": "SELECT table_schema, table_name, partition_name, subpartition_name,"
             " partition_description FROM information_schema.partitions"
             f" WHERE partition_name IS NOT NULL AND table_schema NOT IN {OWN_SCHEMAS}",
    "views": "SELECT table_schema, table_name, view_definition FROM information_schema.views"
             f" WHERE table_schema NOT IN {OWN_SCHEMAS}",
    "triggers": "SELECT trigger_schema, trigger_name, action_order, action_statement"
                f" FROM information_schema.triggers WHERE trigger_schema NOT IN {OWN_SCHEMAS}",
    "routines": "SELECT routine_schema, routine_name, routine_type, routine_definition"
                f" FROM information_schema.routines WHERE routine_schema NOT IN {OWN_SCHEMAS}",
    "events": "SELECT event_schema, event_name, event_definition, status, starts"
              f" FROM information_schema.events WHERE event_schema NOT IN {OWN_SCHEMAS}",
    "keys": "SELECT constraint_schema, constraint_name, referenced_table_name, delete_rule"
            " FROM information_schema.referential_constraints",
    "users": "SELECT host, user, priv FROM mysql.global_priv",
    "grants": "SELECT * FROM mysql.tables_priv",
}
SHOWN = {"VIEW": "views", "TRIGGER": "triggers", "EVENT": "events"}


def batch(server, statements):
    """The rows of each statement, escaped by the client: one line a row, whatever is in it."""
    script = "".join(f"SELECT '@@@@';\n{sql};\n" for sql in statements)
    done = server.client(script, raw=False)
    assert done.returncode == 0, done.stderr
    answers = done.stdout.split("@@@@\n")[1:]
    assert len(answers) == len(statements)
    return [sorted(answer.splitlines()) for answer in answers]


def unescaped(text):
    for seen, meant in (("\\n", "\n"), ("\\t", "\t"), ("\\\\", "\\")):
        text = text.replace(seen, meant)
    return text


def asked(server, sql):
    return [tuple(unescaped(field) for field in row.split("\t")) for row in batch(server, [sql])[0]]


def definitions(server, lists):
    """What to SHOW, and the rows of what cannot be summed."""
    wanted = {}
    for row in asked(server, LISTS["tables"]):
        schema, name, kind = row[:3]
        wanted["definition", schema, name] = f"SHOW CREATE TABLE {full_name(schema, name)}"
        if kind == "VIEW" or name in UNSUMMABLE:
            wanted["rows", schema, name] = f"SELECT * FROM {full_name(schema, name)}"
        else:
            wanted["rows", schema, name] = f"CHECKSUM TABLE {full_name(schema, name)} EXTENDED"
    for schema, name, kind, _ in asked(server, LISTS["routines"]):
        wanted["routine", schema, name, kind] = f"SHOW CREATE {kind} {full_name(schema, name)}"
    for kind, listed in SHOWN.items():
        for row in asked(server, LISTS[listed]):
            wanted[kind.lower(), row[0], row[1]] = f"SHOW CREATE {kind} {full_name(*row[:2])}"
    return wanted


def picture(server, queries=None):
    """All that two servers have in common when one was restored from the other; key -> rows.
    `queries` are more of them, by name."""
    wanted = {("list", name): sql for name, sql in LISTS.items()}
    wanted |= definitions(server, LISTS)
    wanted |= {("query", name): sql for name, sql in (queries or {}).items()}
    seen = dict(zip(wanted, batch(server, wanted.values())))
    # a restart counts on from the highest row, so it is no fact of the table
    return {key: [re.sub(r" AUTO_INCREMENT=\d+", "", row) for row in rows]
            if key[0] == "definition" else rows for key, rows in seen.items()}


def broken(server):
    """What CHECK TABLE says of the tables that are not OK."""
    names = [full_name(*row[:2]) for row in asked(server, LISTS["tables"])]
    answers = batch(server, [f"CHECK TABLE {name} EXTENDED" for name in names])
    return [row for rows in answers for row in rows
            if "\terror\t" in row or ("\tstatus\t" in row and not row.endswith("\tOK"))]


def differences(one, other, chosen=lambda key: True):
    return {key: (one.get(key), other.get(key)) for key in one.keys() | other.keys()
            if chosen(key) and one.get(key) != other.get(key)}
