# SPDX-License-Identifier: MIT
"""Servers that were started in an odd way, each through a full and an incremental and back."""
import concurrent.futures
import pathlib
import subprocess
import tempfile

import lsnsite
import mariadb
import pytest
import zoo

from conftest import AT_ONCE, start_server

pytestmark = pytest.mark.only_on("mariadb", "the parameters are those of mariadbd")

FILL = ("CREATE DATABASE shop; USE shop;"
        "CREATE TABLE rows_innodb (a INT PRIMARY KEY, b TEXT) ENGINE=InnoDB;"
        "CREATE TABLE rows_aria (a INT PRIMARY KEY, b TEXT) ENGINE=Aria;"
        "CREATE TABLE rows_packed (a INT PRIMARY KEY, b TEXT) ENGINE=InnoDB PAGE_COMPRESSED=1;"
        "INSERT INTO rows_innodb SELECT seq, REPEAT(MD5(seq), 10) FROM seq_1_to_2000;"
        "INSERT INTO rows_aria SELECT * FROM rows_innodb WHERE a < 200;"
        "INSERT INTO rows_packed SELECT * FROM rows_innodb;",
        "USE shop; UPDATE rows_innodb SET b = 'changed' WHERE a % 7 = 0;"
        "UPDATE rows_aria SET b = 'changed' WHERE a % 7 = 0; DELETE FROM rows_packed WHERE a < 100;"
        "CREATE TABLE later (a INT PRIMARY KEY) ENGINE=InnoDB; INSERT INTO later VALUES (1);")


def restore_sh(site, backup_id):
    target = site.new_target()
    done = subprocess.run(["sh", site.directory(backup_id) / "RESTORE.sh", target],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return target


def expect_back(site, directory, picture, options=()):
    own = pathlib.Path(tempfile.mkdtemp(dir=site.place, prefix="r."))
    own.chmod(0o755)
    copy = mariadb.Server(directory, own, options)
    try:
        copy.start()
        assert zoo.differences(picture, zoo.picture(copy)) == {}
        assert zoo.broken(copy) == []
    finally:
        copy.stop()


def there_and_back(site, fill=FILL, options=()):
    """A link after each step; each is proven and comes back by lsnchain and by RESTORE.sh."""
    pictures, ids = [], []
    for number, sql in enumerate(fill):
        site.server.sql(sql)
        pictures.append(zoo.picture(site.server))
        ids.append(site.backup("incremental" if number > 0 else "full"))
    site.good("verify", ids[-1], "--level=prepare")
    assert all(link["proven"] for link in site.links())
    for backup_id, picture in zip(ids, pictures):
        expect_back(site, site.restore(backup_id), picture, options)
    target = restore_sh(site, ids[-1])
    expect_back(site, target, pictures[-1], options)
    return ids


# ---- start parameters, three servers at a time ---------------------------------------------------

def case(*options, install=(), restored=None, fill=FILL):
    """`restored`: what the copy is started with; the options themselves when None."""
    return {"options": options, "install": install, "fill": fill,
            "restored": options if restored is None else restored}


CASES = {
    "pages of 4 KiB": case("--innodb-page-size=4k", install=("--innodb-page-size=4k",)),
    "pages of 64 KiB without a binary log": case(
        "--innodb-page-size=64k", "--skip-log-bin", install=("--innodb-page-size=64k",)),
    "names in lower case": case(
        "--lower-case-table-names=1",
        fill=("CREATE DATABASE ShOp; CREATE TABLE ShOp.`MiXeD-Ü` (a INT PRIMARY KEY) ENGINE=InnoDB"
              " PARTITION BY HASH (a) PARTITIONS 2; INSERT INTO shop.`mixed-ü` VALUES (1), (2);"
              "CREATE TABLE ShOp.CON (a INT) ENGINE=Aria",
              "INSERT INTO SHOP.`MIXED-ü` VALUES (3)")),
    "read_only": case("--read-only"),
    "an empty server": case(fill=("SELECT 1", "SELECT 1")),
    "tables in the shared tablespace": case(
        "--innodb-checksum-algorithm=strict_full_crc32",
        fill=("SET GLOBAL innodb_file_per_table = 0; CREATE DATABASE shop;"
              "CREATE TABLE shop.shared (a INT PRIMARY KEY, b TEXT); USE shop;"
              "INSERT INTO shared SELECT seq, REPEAT(MD5(seq), 10) FROM seq_1_to_2000;"
              "SET GLOBAL innodb_file_per_table = 1; CREATE TABLE shop.own (a INT)",
              "ALTER TABLE shop.own ADD COLUMN b INT; UPDATE shop.shared SET b = 'x' WHERE a < 50")),
}


@pytest.fixture(scope="module")
def outcomes(binary, session_place, template):
    """What went wrong in each case, "" for nothing."""
    def run(name):
        place = pathlib.Path(tempfile.mkdtemp(dir=session_place, prefix="odd."))
        place.chmod(0o755)
        asked = CASES[name]
        base = template
        if asked["install"]:
            base = mariadb.make_template(place / "template", *asked["install"])
        server = start_server(base, place / "server", 1, asked["options"])
        try:
            site = lsnsite.Site(binary, place, server).init()
            there_and_back(site, asked["fill"], asked["restored"])
        finally:
            server.stop()

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        running = {name: pool.submit(run, name) for name in CASES}
        return {name: future.exception() for name, future in running.items()}


@pytest.mark.parametrize("name", CASES)
def test_a_server_comes_back_that_has(outcomes, name):
    if outcomes[name] is not None:
        raise outcomes[name]


# ---- keys ----------------------------------------------------------------------------------------

OK, WARNINGS, ENGINE, CHAIN, KEY = 0, 3, 14, 18, 22


def write_keys(path, *keys):
    path.write_text("".join(f"{number};{key}\n" for number, key in enumerate(keys, 1)))
    path.chmod(0o644)


@pytest.fixture
def vault(binary, place, new_server, receiver):
    """A server on which all is encrypted: tables, redo log, binary log, temporary files."""
    site_keys = place / "keys"
    write_keys(site_keys, "a7" * 32, "b8" * 32)
    options = ("--plugin-load-add=file_key_management",
               f"--file-key-management-filename={site_keys}", "--innodb-encrypt-tables=ON",
               "--innodb-encrypt-log=ON", "--innodb-encryption-threads=1",
               "--aria-encrypt-tables=ON", "--encrypt-tmp-files=ON", "--encrypt-binlog=ON",
               "--innodb-encrypt-temporary-tables=ON")
    site = lsnsite.Site(binary, place, new_server(*options), receiver).init()
    site.keys, site.options = site_keys, options
    return site


SECRET = ("CREATE TABLE shop.secret (a TEXT) ENCRYPTED=YES ENCRYPTION_KEY_ID=2;"
          "INSERT INTO shop.secret VALUES ('in plain sight');")


def test_an_encrypted_server_comes_back_and_nothing_is_readable_on_the_way(vault):
    ids = there_and_back(vault, (FILL[0] + SECRET, FILL[1]), vault.options)
    for path in vault.directory().rglob("*"):
        if path.is_file() and path.suffix == ".lz4":
            plain = subprocess.run(["lz4", "-dc", path], capture_output=True, check=True).stdout
            assert b"in plain sight" not in plain, path
    assert len(ids) == 2


@pytest.mark.parametrize("spoil", [lambda keys: keys.unlink(),
                                   lambda keys: write_keys(keys, "00" * 32, "11" * 32)],
                         ids=["missing", "another"])
def test_a_key_that_is_missing_or_another_is_22_and_blames_no_backup(vault, spoil):
    vault.server.sql(FILL[0] + SECRET)
    backup_id = vault.backup("full")
    spoil(vault.keys)
    vault.ended(KEY, "verify", "--level=prepare", words=["encrypted", "backup-my.cnf", "hint: "])
    vault.ended(KEY, "restore", f"--target-dir={vault.new_target()}", words=["encrypted"])
    link = vault.link(backup_id)
    assert (link["state"], link["proof_failed"]) == ("complete", "none")
    assert vault.alerts("chain_broken") == []

    write_keys(vault.keys, "a7" * 32, "b8" * 32)
    vault.good("verify", "--level=prepare")
    assert vault.link(backup_id)["proven"]


# ---- files that are not in the data directory ----------------------------------------------------

def directory_of_server(path):
    path.mkdir()
    mariadb.give_to_server(path)
    return path


def contents(*directories):
    return {path: (path.stat().st_size, path.stat().st_mtime_ns)
            for directory in directories for path in directory.iterdir()}


def test_undo_logs_the_system_tablespace_and_the_redo_log_elsewhere_come_back_in_one_directory(
        binary, place):
    home, undo, redo = (directory_of_server(place / name) for name in ("home", "undo", "redo"))
    shared = ("--innodb-undo-tablespaces=3",
              "--innodb-data-file-path=ibdata1:12M;ibdata2:8M:autoextend")
    options = (*shared, f"--innodb-data-home-dir={home}", f"--innodb-undo-directory={undo}",
               f"--innodb-log-group-home-dir={redo}")
    server = start_server(mariadb.make_template(place / "template", *options), place / "server", 1,
                          options)
    try:
        site = lsnsite.Site(binary, place, server).init()
        ids = there_and_back(site, options=shared)
    finally:
        server.stop()
    live = contents(home, undo, redo)  # the next engine must not find its way to them
    assert {path.name for path in live} >= {"ibdata1", "ibdata2", "undo001", "undo003"}
    target = site.restore(ids[-1])
    site.good("verify", "--level=prepare")
    assert contents(home, undo, redo) == live
    assert all((target / path.name).exists() for path in (*home.glob("ibdata?"), *undo.iterdir()))


FAR = ("CREATE DATABASE far; USE far;"
       "CREATE TABLE innodb (a INT PRIMARY KEY) ENGINE=InnoDB DATA DIRECTORY='{far}';"
       "CREATE TABLE parts (a INT PRIMARY KEY) ENGINE=InnoDB PARTITION BY RANGE (a)"
       " (PARTITION p0 VALUES LESS THAN (10) DATA DIRECTORY='{far}', PARTITION p1 VALUES LESS THAN"
       " MAXVALUE); CREATE TABLE myisam (a INT) ENGINE=MyISAM DATA DIRECTORY='{far}' INDEX"
       " DIRECTORY='{far}'; INSERT INTO innodb VALUES (1); INSERT INTO parts VALUES (1), (100);"
       "INSERT INTO myisam VALUES (1);"
       "CREATE TABLE linked.t (a INT PRIMARY KEY) ENGINE=InnoDB;"
       "CREATE TABLE linked.m (a INT) ENGINE=MyISAM; INSERT INTO linked.t VALUES (1);"
       "INSERT INTO linked.m VALUES (1);",
       "INSERT INTO far.innodb VALUES (2); INSERT INTO far.parts VALUES (2), (200);"
       "INSERT INTO far.myisam VALUES (2); INSERT INTO linked.t VALUES (2);"
       "INSERT INTO linked.m VALUES (2);")


@pytest.fixture
def scattered(binary, place, template):
    """A server whose data directory, a schema and several tables are symbolic links."""
    real = place / "real"
    mariadb.copy_of_template(template, real)
    (place / "server").mkdir()
    (place / "server/data").symlink_to(real)
    site_far = directory_of_server(place / "far")
    (real / "linked").symlink_to(directory_of_server(place / "linked"))
    server = mariadb.Server(place / "server/data", place / "server",
                            ["--log-bin=bin", "--server-id=1", "--symbolic-links"])
    try:
        server.start().add_backup_user()
        site = lsnsite.Site(binary, place, server).init()
        site.far = site_far
        yield site
    finally:
        server.stop()


def rows_of_all(server):
    return {key: rows for key, rows in zoo.picture(server).items() if key[0] == "rows"}


def test_tables_and_schemas_that_are_links_come_back_inside_the_data_directory(scattered, restored):
    pictures, ids = [], []
    for kind, sql in zip(("full", "incremental"), FAR):
        scattered.server.sql(sql.format(far=scattered.far))
        pictures.append(rows_of_all(scattered.server))
        ids.append(scattered.backup(kind))
    assert {path.name for path in scattered.far.rglob("*")} >= {
        "innodb.ibd", "parts#P#p0.ibd", "myisam.MYD", "myisam.MYI"}
    for backup_id, picture in zip(ids, pictures):
        for target in (scattered.restore(backup_id), restore_sh(scattered, backup_id)):
            assert not any(path.is_symlink() or path.suffix == ".isl"
                           for path in target.rglob("*"))
            with restored(target) as copy:
                assert rows_of_all(copy) == picture
                assert zoo.broken(copy) == []
                copy.sql("INSERT INTO far.innodb VALUES (99); INSERT INTO far.myisam VALUES (99)")
    assert rows_of_all(scattered.server) == pictures[-1]


def test_an_aria_table_with_a_data_directory_is_refused_in_words(scattered):
    scattered.server.sql("CREATE DATABASE far; CREATE TABLE far.aria (a INT) ENGINE=Aria"
                         f" DATA DIRECTORY='{scattered.far}'; INSERT INTO far.aria VALUES (1)")
    scattered.ended(ENGINE, "backup", words=["far/aria.MAD", "Aria", "DATA DIRECTORY"])
    assert scattered.links() == [] and scattered.leftovers() == []


def test_an_aria_or_myisam_table_with_a_backtick_in_its_name_is_refused_in_words(own_site):
    own_site.server.sql("CREATE DATABASE odd; CREATE TABLE odd.`back``tick` (a INT) ENGINE=MyISAM")
    own_site.ended(ENGINE, "backup", words=["back`tick", "rename"])
    assert own_site.links() == [] and own_site.leftovers() == []


# ---- tables that no incremental can hold ---------------------------------------------------------

def test_a_table_with_too_long_a_name_for_an_incremental_costs_a_full_each_time(own_site, restored):
    site, name = own_site, "日" * 50  # 250 bytes in the name of a file
    site.backup("full")
    site.server.sql(f"CREATE DATABASE lang; USE lang; CREATE TABLE lang.`{name}` (a INT PRIMARY KEY);"
                    f"INSERT INTO lang.`{name}` SELECT seq FROM seq_1_to_2000")
    site.server.flush()
    words = [f"the changes of lang.{name}", "more than 255 bytes"]
    site.ended(CHAIN, "backup", "--type=incremental", words=[*words, "--type=full"])
    for _ in range(2):
        site.ended(WARNINGS, "backup", words=[*words, "so a full is taken"])
        newest = site.newest()
        assert (newest["type"], newest["full_rule"]) == ("full", "name-length")
    assert site.alerts("chain_broken") == []
    assert (site.directory(newest["id"]) / "data/lang" / ("@65e5" * 50 + ".ibd")).exists()
    for target in (site.restore(newest["id"]), restore_sh(site, newest["id"])):
        with restored(target) as copy:
            assert copy.checksums() == site.server.checksums()
            assert zoo.broken(copy) == []

    site.server.sql(f"RENAME TABLE lang.`{name}` TO lang.`{name[:49]}`")
    site.backup("incremental")


# ---- parts that are lost --------------------------------------------------------------------------

def test_a_lost_part_of_an_aria_or_myisam_table_is_noticed_at_the_backup(own_site):
    """The engine says that it is done; the table could not be opened after a restore."""
    own_site.server.sql("CREATE DATABASE parts; USE parts;" + "".join(
        f"CREATE TABLE {engine} (a INT PRIMARY KEY) ENGINE={engine} PARTITION BY HASH (a)"
        f" PARTITIONS 3; INSERT INTO {engine} SELECT seq FROM seq_1_to_100;"
        for engine in ("aria", "myisam", "innodb")))
    own_site.backup("full")
    own_site.backup("incremental")
    for engine, missing in (("aria", "MAD"), ("myisam", "MYD")):
        lost = list((own_site.server.data / "parts").glob(f"{engine}#P#p1.*"))
        kept = [path.rename(own_site.place / path.name) for path in lost]
        for kind in ("full", "incremental"):
            own_site.ended(ENGINE, "backup", f"--type={kind}",
                           words=[f"parts.{engine} (parts/{engine}#P#p1.{missing})", "hint: "])
        for path in kept:
            path.rename(own_site.server.data / "parts" / path.name)
    assert len(own_site.links()) == 2 and own_site.leftovers() == []
    own_site.backup("incremental")


# ---- start parameters that change between links --------------------------------------------------

def restart(server, *options):
    """All is purged first, for else the undo logs cannot change."""
    server.sql("SET GLOBAL innodb_fast_shutdown = 0")
    server.stop()
    server.options += options
    server.start()


CHANGED_FILES = {
    "undo logs in files of their own": ("--innodb-undo-tablespaces=3", "innodb_undo_tablespaces"),
    "one more file of the system tablespace": (
        "--innodb-data-file-path=ibdata1:12M;ibdata2:8M:autoextend", "innodb_data_file_path"),
}


@pytest.mark.parametrize("case", CHANGED_FILES)
def test_a_restart_with_other_shared_files_costs_a_full(own_site, case):
    """The engine makes no incremental then, or one that cannot be prepared."""
    option, parameter = CHANGED_FILES[case]
    own_site.backup("full")
    own_site.backup("incremental")
    restart(own_site.server, option)
    own_site.server.sql("UPDATE sbtest.sbtest1 SET c = 'after the restart'")
    words = ["parameters", f"restarted with {parameter} = ", "when 2"]
    own_site.ended(CHAIN, "backup", "--type=incremental", words=words)
    own_site.ended(WARNINGS, "backup", words=[*words, "so a full is taken"])
    newest = own_site.newest()
    assert (newest["type"], newest["full_rule"]) == ("full", "parameters")
    assert own_site.alerts("chain_broken")[0]["rule"] == "parameters"
    assert own_site.alerts("chain_recovered")
    own_site.server.sql("UPDATE sbtest.sbtest2 SET c = 'later'")
    last = own_site.backup("incremental")
    expect_back(own_site, own_site.restore(last), zoo.picture(own_site.server), [option])


def test_a_restart_with_names_in_lower_case_keeps_the_chain(own_site):
    own_site.backup("full")
    restart(own_site.server, "--lower-case-table-names=1")
    own_site.server.sql("CREATE TABLE sbtest.Later (a INT PRIMARY KEY); "
                        "INSERT INTO sbtest.LATER VALUES (1);"
                        "UPDATE sbtest.SBTEST1 SET c = 'after the restart'")
    last = own_site.backup("incremental")
    own_site.good("verify", "--level=prepare")
    expect_back(own_site, own_site.restore(last), zoo.picture(own_site.server),
                ["--lower-case-table-names=1"])
