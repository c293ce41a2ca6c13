#!/bin/sh
# SPDX-License-Identifier: MIT
#
# sh RESTORE.sh NEW_DIRECTORY
#
# Restores this backup, with all links of its chain up to it, into NEW_DIRECTORY, which must be
# absent or empty.  Needs sha256sum, lz4 and the engine that took the backup (mariadb-backup or
# xtrabackup of the same series), nothing else; not lsnchain.
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

# fact BACKUP KEY: one fact from its backup.ini
fact() { sed -n "s/^$2 = //p" "$backups/$1/backup.ini" | head -n 1; }

# The chain, from the full to this backup.
chain='' link=$(basename "$here")
while :; do
    [ -f "$backups/$link/backup.ini" ] || die "the chain needs $link, and it is not in $backups"
    chain="$link $chain"
    parent=$(fact "$link" parent)
    [ -n "$parent" ] || break
    link=$parent
done

for link in $chain; do
    mark=$backups/../marks/$link.ini
    if [ "$anyway" = no ] && [ -f "$mark" ] && grep -q '^state = quarantined' "$mark"; then
        die "$link is quarantined: $(sed -n 's/^reason = //p' "$mark" | head -n 1) (--anyway goes on)"
    fi
done

[ -n "$engine" ] || engine=$(fact "$(basename "$here")" engine)
for program in sha256sum lz4 find "$engine"; do
    command -v "$program" >/dev/null || die "$program is needed, and it is not in PATH"
done
version=$("$engine" --version 2>&1 | head -n 1)
say "engine: $version (the backup was taken with $(fact "$(basename "$here")" engine_version))"

if [ -e "$target" ] && [ -n "$(ls -A "$target")" ]; then
    die "$target is not empty"
fi
mkdir -p "$target"
target=$(cd "$target" && pwd -P)
work=$target.lsnchain-link
[ ! -e "$work" ] || die "$work is in the way; remove it"
unfinished=$target/lsnchain-restore.ini
printf '[restore]\nbackup = %s\n' "$(basename "$here")" > "$unfinished"

# unseal BACKUP DIRECTORY: the files of one link, checked first, as the engine wrote them
unseal() {
    say "checking $1"
    want=$(fact "$1" sums)
    have=$(sha256sum < "$backups/$1/SHA256SUMS")
    [ "$want" = "${have%% *}" ] || die "$1/SHA256SUMS is not what was written"
    (cd "$backups/$1" && sha256sum --quiet --strict -c SHA256SUMS) || die "$1 is damaged"
    # what no sum names must not reach the engine
    named=$(sed -n 's/^\\\{0,1\}[0-9a-f]\{64\}  data\//&/p' "$backups/$1/SHA256SUMS" | wc -l)
    there=$(find "$backups/$1/data" -type f | wc -l)
    [ "$named" -eq "$there" ] || die "$1/data has $there files, SHA256SUMS names $named"
    say "unsealing $1"
    mkdir -p "$2"
    (
        cd "$backups/$1/data"
        find . -type d -exec sh -c 'cd "$0" && mkdir -p "$@"' "$2" {} +
        find . -type f ! -name '*.isl' ! -name '*.isl.lz4' -exec sh -c '
            target=$0
            for file in "$@"; do
                case $file in
                    *.lz4) new=${file%.lz4} && lz4 -dqf "$file" "$target/$new" || exit 1 ;;
                    *) new=$file && cp "$file" "$target/$new" || exit 1 ;;
                esac
                chmod u+w "$target/$new" || exit 1 # both give it the mode of the stored file
            done' "$2" {} +
    ) || die "cannot unseal $1"
}

# prepare [OPTION...]: the engine's recovery; its last words must be the good ones
prepare() {
    log=$target.lsnchain-log
    "$engine" --prepare --target-dir="$target" --use-memory="$memory" "$@" > "$log" 2>&1 ||
        { cat "$log" >&2; die "the engine failed"; }
    tail -n 1 "$log" | grep -q 'completed OK!' || { cat "$log" >&2; die "the engine did not say OK"; }
    if grep -q '\[ERROR\]' "$log"; then cat "$log" >&2; die "the engine wrote an error"; fi
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
        unseal "$link" "$target"
        # shellcheck disable=SC2086  # nothing, or one word
        prepare $apply
    else
        unseal "$link" "$work"
        # shellcheck disable=SC2086
        prepare --incremental-dir="$work" $apply
        rm -rf "$work"
    fi
done

rm -f "$unfinished"
sync
say "done: $target holds the data of $(fact "$(basename "$here")" data_until)"
say "binary log position: $(fact "$(basename "$here")" binlog_file) $(fact "$(basename "$here")" binlog_pos)"
say "now give it to the server's user, for example: chown -R mysql: '$target'"
