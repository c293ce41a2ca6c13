#!/bin/sh
# SPDX-License-Identifier: MIT
#
# sh RESTORE.sh NEW_DIRECTORY
#
# Restores this backup, with all links of its chain up to it, into NEW_DIRECTORY, which must be
# absent or empty.  Needs a shell, coreutils (sha256sum), lz4 and the engine that took the backup
# (mariadb-backup or xtrabackup of the same series), nothing else; not lsnchain, not find, sed, grep.
#
#   --anyway          go on although a link is quarantined
#   --engine=PROGRAM  use this engine
#   --memory=SIZE     memory for the engine's recovery (512M)
#
# Afterwards give the files to the server's user (chown -R) and start a server on them.
set -eu
umask 077

say() { printf '%s\n' "RESTORE.sh: $*" >&2; }
die() { say "$*"; exit 1; }

here=$(cd "$(dirname "$0")" && pwd -P)
backups=$(dirname "$here")
target='' anyway=no engine='' memory=512M
for argument in "$@"; do
    case $argument in
        --anyway) anyway=yes ;;
        --engine=*) engine=${argument#*=} ;;
        --memory=*) memory=${argument#*=} ;;
        -*) die "unknown option $argument; see the first lines of this file" ;;
        *) [ -z "$target" ] || die "one directory, please"; target=$argument ;;
    esac
done
[ -n "$target" ] || die "usage: sh RESTORE.sh NEW_DIRECTORY"

# value FILE KEY: what stands behind "KEY = "
value() {
    while IFS= read -r line; do
        case $line in
            "$2 = "*) printf '%s\n' "${line#"$2 = "}"; return ;;
        esac
    done < "$1"
}

# fact BACKUP KEY: one fact from its backup.ini
fact() { value "$backups/$1/backup.ini" "$2"; }

# check_facts BACKUP: is its backup.ini what was written?  The checksum is that of all below it.
check_facts() {
    [ -f "$backups/$1/backup.ini" ] || die "the chain needs $1, and it is not in $backups"
    want=$(fact "$1" checksum)
    have=$(tail -n +3 "$backups/$1/backup.ini" | sha256sum)
    [ "$want" = "${have%% *}" ] || die "$1/backup.ini is damaged"
}

for program in sha256sum lz4; do
    command -v "$program" >/dev/null || die "$program is needed, and it is not in PATH"
done

# The chain, from the full to this backup.
chain='' link=$(basename "$here")
while :; do
    check_facts "$link"
    chain="$link $chain"
    parent=$(fact "$link" parent)
    [ -n "$parent" ] || break
    link=$parent
done

for link in $chain; do
    mark=$backups/../marks/$link.ini
    if [ "$anyway" = no ] && [ -f "$mark" ] && [ "$(value "$mark" state)" = quarantined ]; then
        die "$link is quarantined: $(value "$mark" reason) (--anyway goes on)"
    fi
done

[ -n "$engine" ] || engine=$(fact "$(basename "$here")" engine)
command -v "$engine" >/dev/null || die "$engine is needed, and it is not in PATH"
version=$("$engine" --version 2>&1 | head -n 1)
say "engine: $version (the backup was taken with $(fact "$(basename "$here")" engine_version))"

if [ -e "$target" ] && [ -n "$(ls -A "$target")" ]; then
    die "$target is not empty"
fi
mkdir -p "$target"
target=$(cd "$target" && pwd -P)
# inside the target, which may be a mount point: the engine renames files from link to base
top=$target/.lsnchain
base=$top/base
work=$top/incr
unfinished=$target/lsnchain-restore.ini
printf '[restore]\nbackup = %s\n' "$(basename "$here")" > "$unfinished"
mkdir "$top"

# marks_of_files DIRECTORY: a line for each file below it
marks_of_files() (
    for entry in "$1"/* "$1"/.[!.]* "$1"/..?*; do
        if [ -d "$entry" ] && [ ! -L "$entry" ]; then
            marks_of_files "$entry"
        elif [ -e "$entry" ] || [ -L "$entry" ]; then
            echo file
        fi
    done
)

# named_data BACKUP: a line for each file below data/ that has a sum
named_data() {
    while IFS= read -r line; do
        case ${line#*  } in
            data/*) echo file ;;
        esac
    done < "$backups/$1/SHA256SUMS"
}

# unseal_file FROM TO: with holes where it has zeros; lz4 by itself makes only large ones
unseal_file() {
    # shellcheck disable=SC2216  # /dev/stdin is what it reads
    { lz4 -dqc "$1" || : > "$top/failed"; } | cp --sparse=always /dev/stdin "$2" &&
        [ ! -e "$top/failed" ]
}

# unseal_files FROM TO: a directory of sealed files, as the engine wrote them
unseal_files() (
    mkdir -p "$2" || exit 1
    for entry in "$1"/* "$1"/.[!.]* "$1"/..?*; do
        to=$2/${entry##*/}
        if [ -d "$entry" ]; then
            unseal_files "$entry" "$to" || exit 1
        elif [ -f "$entry" ]; then
            case $entry in
                *.isl | *.isl.lz4) ;; # it would lead the server to files of the source
                *.lz4) unseal_file "$entry" "${to%.lz4}" || exit 1 ;;
                # it copies the mode too, and what is stored may not be written
                *) { cp --sparse=always "$entry" "$to" && chmod u+w "$to"; } || exit 1 ;;
            esac
        fi
    done
)

# unseal BACKUP DIRECTORY: the files of one link, checked first
unseal() {
    say "checking $1"
    want=$(fact "$1" sums)
    have=$(sha256sum < "$backups/$1/SHA256SUMS")
    [ "$want" = "${have%% *}" ] || die "$1/SHA256SUMS is not what was written"
    (cd "$backups/$1" && sha256sum --quiet --strict -c SHA256SUMS) || die "$1 is damaged"
    # what no sum names must not reach the engine
    named=$(named_data "$1" | wc -l)
    there=$(marks_of_files "$backups/$1/data" | wc -l)
    [ "$named" -eq "$there" ] || die "$1/data has $there files, SHA256SUMS names $named"
    say "unsealing $1"
    unseal_files "$backups/$1/data" "$2" || die "cannot unseal $1"
}

# prepare [OPTION...]: the engine's recovery; its last words must be the good ones
prepare() {
    log=$top/log
    "$engine" --defaults-file="$base/backup-my.cnf" --prepare --target-dir="$base" --use-memory="$memory" "$@" > "$log" 2>&1 ||
        { cat "$log" >&2; die "the engine failed"; }
    case $(tail -n 1 "$log") in
        *'completed OK!'*) ;;
        *) cat "$log" >&2; die "the engine did not say OK" ;;
    esac
    case $(cat "$log") in
        *'[ERROR]'*) cat "$log" >&2; die "the engine wrote an error" ;;
    esac
    rm -f "$log"
}

# only_apply LINK: xtrabackup must not roll back before the last link; mariadb-backup never does
only_apply() {
    case $(fact "$1" engine) in
        xtrabackup) [ "$1" = "$(basename "$here")" ] || printf '%s\n' --apply-log-only ;;
    esac
}

for link in $chain; do
    apply=$(only_apply "$link")
    if [ -z "$(fact "$link" parent)" ]; then
        unseal "$link" "$base"
        # shellcheck disable=SC2086  # nothing, or one word
        prepare $apply
    else
        unseal "$link" "$work"
        # shellcheck disable=SC2086
        prepare --incremental-dir="$work" $apply
        rm -rf "$work"
    fi
done

# A server on this host would take a log of the source that an index names for its own, and remove
# it one day; without any index, its recovery would not know what was committed.
for index in "$base"/*.index; do
    [ -f "$index" ] || continue
    while IFS= read -r line || [ -n "$line" ]; do
        name=${line##*/}
        [ ! -f "$base/$name" ] || printf './%s\n' "$name"
    done < "$index" > "$top/index"
    cat "$top/index" > "$index"
done

for entry in "$base"/* "$base"/.[!.]* "$base"/..?*; do
    [ ! -e "$entry" ] || mv "$entry" "$target/" || die "cannot move $entry into place"
done
rm -rf "$top"
sync
rm -f "$unfinished"
say "done: $target holds the data of $(fact "$(basename "$here")" data_until)"
binlog=$(fact "$(basename "$here")" binlog_file)
[ -z "$binlog" ] || say "binary log position: $binlog $(fact "$(basename "$here")" binlog_pos)"
say "now give it to the server's user, for example: chown -R mysql: '$target'"
