# SPDX-License-Identifier: MIT
"""A database that is not tidy: one of everything, through a full and two incrementals and back.

One server, one chain.  Each link is restored to a second server by lsnchain and by its RESTORE.sh,
and each test looks at its own part of what came back.
"""
import concurrent.futures
import pathlib
import subprocess
import tempfile

import lsnsite
import mariadb
import pytest
import zoo

from conftest import AT_ONCE, start_server

pytestmark = pytest.mark.only_on("mariadb", "its zoo has sequences, Aria and packages")

PLUGINS = ("--plugin-load-add=ha_archive", "--plugin-load-add=ha_blackhole")
# A file each: several parts of the system tablespace, and undo of its own.
FILES = ("--innodb-data-file-path=ibdata1:12M;ibdata2:8M:autoextend", "--innodb-undo-tablespaces=3")
QUERIES = {
    "words": "SELECT id, t FROM zoo.words WHERE MATCH (t) AGAINST ('giraffe meat')",
    "words_myisam": "SELECT id, t FROM zoo.words_myisam WHERE MATCH (t) AGAINST ('giraffe fish')",
    "places": "SELECT id FROM zoo.places WHERE ST_Within(g, ST_GeomFromText("
              "'POLYGON((0 0, 0 30, 30 30, 30 0, 0 0))'))",
    "generated": "SELECT a, v, s, w FROM zoo.generated_columns FORCE INDEX (w) WHERE w IN (3, 99)",
    "tickets": "SELECT next_not_cached_value, increment FROM zoo.tickets",
    "tickets_aria": "SELECT next_not_cached_value, increment FROM zoo.tickets_aria",
    "history": "SELECT a, b, ROW_START, ROW_END FROM zoo.history FOR SYSTEM_TIME ALL",
    "history_parts": "SELECT a, b FROM zoo.history_parts FOR SYSTEM_TIME ALL",
    "hidden": "SELECT a, p, hidden FROM zoo.child",
    "first_part": "SELECT a, b FROM zoo.part_range PARTITION (p0)",
    "aggregate": "SELECT zoo.total(a) FROM zoo.parent",
    "package": "SELECT zoo.`pack`.half(10)",
}


def restore_sh(site, backup_id):
    target = site.new_target()
    done = subprocess.run(["sh", site.directory(backup_id) / "RESTORE.sh", target],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return target


WAYS = {"restore": lsnsite.Site.restore, "RESTORE.sh": restore_sh}


class Copy:
    """What came back of one link, beside what its server showed when it was taken."""

    def __init__(self, site, link, way):
        directory = WAYS[way](site, site.ids[link])
        server = mariadb.Server(directory, site.place / f"copy-{link}-{way}", [*PLUGINS, *FILES])
        try:
            server.start()
            self.seen = zoo.picture(server, QUERIES)
            self.broken = zoo.broken(server)
        finally:
            server.stop()
        self.source = site.pictures[link]
        self.directory = directory
        self.link = link

    def expect_same(self, chosen):
        """Of all keys that are chosen, of which there must be one: the same on both sides."""
        assert any(chosen(key) for key in self.source)
        assert zoo.differences(self.source, self.seen, chosen) == {}

    def expect_tables(self, *names):
        self.expect_same(lambda key: key[1] == "zoo" and key[2] in names)
        for name in names:
            assert ("rows", "zoo", name) in self.seen

    def expect_queries(self, *names):
        for name in names:
            assert self.source["query", name] != []
        self.expect_same(lambda key: key[0] == "query" and key[1] in names)


@pytest.fixture(scope="module")
def site(binary, session_place):
    place = pathlib.Path(tempfile.mkdtemp(dir=session_place, prefix="zoo."))
    place.chmod(0o755)
    server = start_server(mariadb.make_template(place / "template", *FILES), place / "server", 1, [*PLUGINS, *FILES])
    try:
        site = lsnsite.Site(binary, place, server).init()
        site.ids, site.pictures = [], []
        for link in range(zoo.LINKS):
            zoo.live(server, link)
            site.pictures.append(zoo.picture(server, QUERIES))
            site.ids.append(site.backup("full" if link == 0 else "incremental"))
        assert zoo.broken(server) == []
        yield site
    finally:
        server.stop()


@pytest.fixture(scope="module")
def copies(site):
    """All links restored in all ways, three at a time."""
    wanted = [(link, way) for link in range(zoo.LINKS) for way in WAYS]
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        made = pool.map(lambda case: Copy(site, *case), wanted)
        return dict(zip(wanted, made))


@pytest.fixture(params=[(link, way) for link in range(zoo.LINKS) for way in WAYS],
                ids=lambda case: f"link {case[0]} by {case[1]}")
def copy(request, copies):
    return copies[request.param]


# ---- nothing is lost and nothing is more ---------------------------------------------------------

def test_all_of_it_comes_back_but_the_rows_of_memory_tables(copy):
    assert set(zoo.differences(copy.source, copy.seen)) == {("rows", "zoo", "memory_rows")}


def test_check_table_finds_nothing_wrong_in_what_came_back(copy):
    assert copy.broken == []


def test_each_link_is_proven_by_a_prepare(site, copies):
    site.good("verify", "--all", "--level=prepare")
    assert all(link["proven"] for link in site.links())


# ---- names ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", zoo.NAMES, ids=ascii)
def test_a_schema_a_table_a_column_and_a_key_of_an_odd_name_come_back(copies, name):
    for copy in copies.values():
        engines = zoo.engines_of(name)
        for engine in engines:
            table = zoo.table_name(name, engine)
            assert ("rows", name, table) in copy.source
            copy.expect_same(lambda key: key[1:] == (name, table))


def test_a_table_whose_file_has_no_room_for_a_suffix_is_stored_as_it_is_and_comes_back(copy, site):
    copy.expect_tables(zoo.LONGEST, zoo.LONGEST[:-1] + "M")
    stored = [path.name for path in (site.directory(site.ids[copy.link]) / "data/zoo").iterdir()]
    suffixes = ".ibd.delta" if copy.link else ".ibd.lz4"
    assert "@65e5" * 49 + suffixes in stored


def test_partitions_with_odd_names_come_back(copy):
    assert any("p-1 é" in row for row in copy.seen["list", "parts"])


# ---- kinds of tables -----------------------------------------------------------------------------

def test_partitions_and_subpartitions_come_back_each_with_its_rows(copy):
    copy.expect_tables("part_range", "part_sub", "part_exchange")
    copy.expect_same(lambda key: key == ("list", "parts"))
    copy.expect_queries("first_part")


def test_partitioned_myisam_and_aria_tables_come_back(copy):
    copy.expect_tables("part_myisam", "part_aria")


def test_compressed_tables_come_back(copy):
    copy.expect_tables("packed_pages", "packed_still", "packed_rows", "packed_column")


def test_a_page_compressed_table_takes_no_more_room_than_on_its_server(copy, site):
    """What the engine writes again while it prepares has no holes, so one that stood still."""
    source = (site.server.data / "zoo/packed_still.ibd").stat()
    restored = (copy.directory / "zoo/packed_still.ibd").stat()
    assert source.st_blocks * 512 < source.st_size / 2, "the file system keeps no holes"
    assert restored.st_blocks <= source.st_blocks * 1.1


def test_full_text_and_spatial_indexes_answer_as_before(copy):
    copy.expect_tables("words", "words_myisam", "places")
    copy.expect_queries("words", "words_myisam", "places")


def test_generated_columns_and_the_indexes_on_them_come_back(copy):
    copy.expect_tables("generated_columns")
    copy.expect_queries("generated")


def test_sequences_go_on_where_they_were(copy):
    copy.expect_tables("tickets", "tickets_aria")
    copy.expect_queries("tickets", "tickets_aria")


def test_system_versioned_tables_come_back_with_their_history(copy):
    copy.expect_tables("history", "history_parts")
    copy.expect_queries("history", "history_parts")


def test_foreign_keys_invisible_columns_and_instant_columns_come_back(copy):
    copy.expect_tables("parent", "child", "widened")
    copy.expect_same(lambda key: key == ("list", "keys"))
    copy.expect_queries("hidden")


def test_aria_and_myisam_tables_come_back(copy):
    copy.expect_tables("aria_pages", "aria_plain", "myisam_dynamic", "myisam_fixed")


def test_merge_csv_archive_and_blackhole_tables_come_back(copy):
    copy.expect_tables("merge_one", "merge_two", "csv_text", "archived", "hole")
    if copy.link < 2:
        copy.expect_tables("merged")
    else:
        assert ("rows", "zoo", "merged") not in copy.seen


def test_a_memory_table_comes_back_empty(copy):
    assert copy.source["rows", "zoo", "memory_rows"] != copy.seen["rows", "zoo", "memory_rows"]
    assert copy.seen["rows", "zoo", "memory_rows"] == ["zoo.memory_rows\t0"]
    copy.expect_same(lambda key: key == ("definition", "zoo", "memory_rows"))


# ---- what has no rows ----------------------------------------------------------------------------

def test_views_triggers_and_events_come_back(copy):
    copy.expect_same(lambda key: key[0] in ("view", "trigger"))
    copy.expect_same(lambda key: key[1] in ("views", "triggers", "events"))
    assert (("event", "zoo", "an event") in copy.seen) == (copy.link < 2)


def test_procedures_functions_and_packages_come_back_and_work(copy):
    copy.expect_same(lambda key: key[0] == "routine" or key == ("list", "routines"))
    copy.expect_queries("aggregate", "package")


def test_users_roles_and_grants_come_back(copy):
    copy.expect_same(lambda key: key in (("list", "users"), ("list", "grants")))
    assert any("keeper" in row for row in copy.seen["list", "users"])


# ---- DDL between links ---------------------------------------------------------------------------

def test_created_dropped_renamed_and_truncated_tables_are_as_they_were_at_each_link(copy):
    there = {key[2] for key in copy.seen if key[0] == "rows" and key[1] == "zoo"}
    assert ("ddl_dropped" in there) == (copy.link != 1)
    assert ("ddl_renamed" in there, "ddl re-named" in there) == (copy.link == 0, copy.link == 1)
    assert ("ddl_created" in there) == (copy.link > 0)
    copy.expect_tables("ddl_truncated", "ddl_swap_one", "ddl_swap_two")


def test_tables_altered_in_place_by_copy_and_by_optimize_come_back(copy):
    copy.expect_tables("ddl_copied", "ddl_in_place", "ddl_optimized")


def test_a_table_that_wanders_from_engine_to_engine_comes_back_in_each(copy):
    copy.expect_tables("ddl_wanders")
    engine = ("InnoDB", "Aria", "MyISAM")[copy.link]
    assert f"ENGINE={engine}" in copy.seen["definition", "zoo", "ddl_wanders"][0]
    files = {path.suffix for path in (copy.directory / "zoo").glob("ddl_wanders.*")}
    assert files == {".frm", *((".ibd",), (".MAD", ".MAI"), (".MYD", ".MYI"))[copy.link]}


def test_schemas_dropped_and_made_again_with_another_collation_come_back(copy):
    copy.expect_same(lambda key: key == ("list", "schemas") or key[1] == "zoo_again")
    assert (copy.directory / "zoo_dropped").exists() == (copy.link == 0)


# ---- the server's own files ----------------------------------------------------------------------

def test_all_parts_of_the_system_tablespace_and_all_undo_tablespaces_come_back(copy, site):
    sealed = site.directory(site.ids[copy.link]) / "data"
    for name in ("ibdata1", "ibdata2", "undo001", "undo002", "undo003"):
        assert list(sealed.glob(f"{name}*.lz4")), name
        assert (copy.directory / name).stat().st_size > 0
