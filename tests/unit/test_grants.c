/* SPDX-License-Identifier: MIT */
/* Rows of SHOW GRANTS as MySQL 9.7.4 and MariaDB 10.11.19 gave them. */
#include "server/grants.h"

#include <criterion/criterion.h>
#include <string.h>

/* MySQL writes the dynamic privileges in a row of their own, and merges those of active roles. */
static const char *const mysql_backup[] = {
    "GRANT RELOAD, PROCESS, LOCK TABLES, REPLICATION CLIENT, SHOW VIEW ON *.* TO `b`@`localhost`",
    "GRANT BACKUP_ADMIN ON *.* TO `b`@`localhost`",
    "GRANT SELECT ON `performance_schema`.`keyring_component_status` TO `b`@`localhost`",
    "GRANT SELECT ON `performance_schema`.`log_status` TO `b`@`localhost`",
    "GRANT SELECT ON `performance_schema`.`replication_group_members` TO `b`@`localhost`",
    "GRANT `r`@`%` TO `b`@`localhost`",
    NULL};

/* With partial_revokes = ON. */
static const char *const mysql_revoked[] = {
    "GRANT SELECT, RELOAD, PROCESS, REPLICATION SLAVE, SHOW VIEW ON *.* TO `b`@`localhost`",
    "GRANT BACKUP_ADMIN ON *.* TO `b`@`localhost`",
    "REVOKE SELECT ON `performance_schema`.* FROM `b`@`localhost`",
    "GRANT `rr`@`%` TO `b`@`localhost`", NULL};

static const char *const mariadb_inactive[] = {
    "GRANT `r` TO `b`@`localhost`",
    "GRANT RELOAD, PROCESS, LOCK TABLES, BINLOG MONITOR, SHOW VIEW ON *.* TO `b`@`localhost` "
    "IDENTIFIED BY PASSWORD '*B69027D44F6E5EDC07F1AEAD1477967B16F28227'",
    "GRANT SELECT ON `mysql`.* TO `b`@`localhost`", NULL};

/* After SET ROLE r, which has a role of its own. */
static const char *const mariadb_active[] = {
    "GRANT `r` TO `b`@`localhost`",
    "GRANT RELOAD, PROCESS, LOCK TABLES, BINLOG MONITOR, SHOW VIEW ON *.* TO `b`@`localhost` "
    "IDENTIFIED BY PASSWORD '*B69027D44F6E5EDC07F1AEAD1477967B16F28227'",
    "GRANT `r2` TO `r`",
    "GRANT SUPER ON *.* TO `r`",
    "GRANT SLAVE MONITOR ON *.* TO `r2`",
    NULL};

static const char *const mariadb_all[] = {
    "GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` IDENTIFIED VIA mysql_native_password USING "
    "'invalid' OR unix_socket WITH GRANT OPTION",
    "GRANT PROXY ON ''@'%' TO 'root'@'localhost' WITH GRANT OPTION", NULL};

static const char *const schema_only[] = {
    "GRANT USAGE ON *.* TO `b`@`localhost`",
    "GRANT ALL PRIVILEGES ON `performance_schema`.* TO `b`@`localhost`", NULL};

static const char *const odd[] = {
    "GRANT SELECT (`a ON *.* TO b`), INSERT (`c`) ON `shop`.`orders` TO `b`@`localhost`",
    "GRANT EXECUTE ON PROCEDURE `shop`.`p` TO `b`@`localhost`",
    "GRANT PROCESS ON `a ON *.* TO x`.`t` TO `b`@`localhost`",
    "SET DEFAULT ROLE `r` FOR `b`@`localhost`",
    "GRANT",
    "",
    NULL};

typedef struct {
    const char *const *rows;
    const char *needed;
    gboolean has;
} Case;

static Grants *read_rows(const char *const *rows)
{
    Grants *grants = grants_new();
    for (; *rows != NULL; rows++)
        grants_add(grants, *rows);
    return grants;
}

Test(grants, count_for_what_they_are_granted_on)
{
    static const Case cases[] = {
        {mysql_backup, "RELOAD", TRUE},
        {mysql_backup, "REPLICATION CLIENT", TRUE},
        {mysql_backup, "BACKUP_ADMIN", TRUE},
        {mysql_backup, "SUPER", FALSE},
        {mysql_backup, "SELECT", FALSE},
        {mysql_backup, "SELECT ON performance_schema.log_status", TRUE},
        {mysql_backup, "SELECT ON performance_schema.metadata_locks", FALSE},
        {mysql_revoked, "SELECT", TRUE},
        {mysql_revoked, "SELECT ON performance_schema.log_status", FALSE},
        {mysql_revoked, "SELECT ON mysql.component", TRUE},
        {mariadb_inactive, "BINLOG MONITOR", TRUE},
        {mariadb_inactive, "SHOW VIEW", TRUE},
        {mariadb_inactive, "SUPER", FALSE},
        {mariadb_inactive, "SELECT ON mysql.user", TRUE},
        {mariadb_inactive, "SELECT ON mysqlx.user", FALSE},
        {mariadb_active, "SUPER", TRUE},
        {mariadb_active, "SLAVE MONITOR", TRUE},
        {mariadb_all, "SUPER", TRUE},
        {mariadb_all, "SELECT ON performance_schema.log_status", TRUE},
        {schema_only, "RELOAD", FALSE},
        {schema_only, "SELECT ON performance_schema.log_status", TRUE},
        {odd, "SELECT ON shop.orders", FALSE},
        {odd, "INSERT ON shop.orders", FALSE},
        {odd, "PROCESS", FALSE},
        {odd, "EXECUTE", FALSE},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Grants) grants = read_rows(cases[i].rows);
        cr_expect(grants_have(grants, cases[i].needed) == cases[i].has, "%s, case %zu",
                  cases[i].needed, i);
    }
}

Test(grants, show_whether_there_is_a_role_that_could_be_made_active)
{
    g_autoptr(Grants) mysql = read_rows(mysql_backup);
    g_autoptr(Grants) mariadb = read_rows(mariadb_inactive);
    g_autoptr(Grants) without = read_rows(mariadb_all);
    g_autoptr(Grants) strange = read_rows(odd);
    cr_expect(grants_have_role(mysql) && grants_have_role(mariadb));
    cr_expect(!grants_have_role(without) && !grants_have_role(strange));
}

Test(grants, to_type_are_one_statement_for_each_object)
{
    g_autoptr(GPtrArray) missing = g_ptr_array_new();
    g_ptr_array_add(missing, (gpointer) "SELECT ON performance_schema.log_status");
    g_autofree char *table = grants_to_type(missing, "b`x@y@localhost");
    cr_expect_str_eq(table,
                     "GRANT SELECT ON performance_schema.log_status TO `b``x@y`@`localhost`;");
    g_ptr_array_add(missing, (gpointer) "RELOAD");
    g_ptr_array_add(missing, (gpointer) "BACKUP_ADMIN");
    g_autofree char *both = grants_to_type(missing, "b@%");
    cr_expect_str_eq(both, "GRANT RELOAD, BACKUP_ADMIN ON *.* TO `b`@`%`; "
                           "GRANT SELECT ON performance_schema.log_status TO `b`@`%`;");
}
