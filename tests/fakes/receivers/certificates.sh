#!/bin/sh
# SPDX-License-Identifier: MIT
# certificates.sh DIR: a CA of its own (ca.pem), and certificates that it signed for 127.0.0.1
# (good.pem) and for another host (other.pem), each with its key beside it (*.key).
set -eu
cd "$1"

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
    -subj "/CN=a CA for tests" -keyout ca.key -out ca.pem 2>/dev/null

issue() {
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" \
        -keyout "$1.key" -out "$1.csr" 2>/dev/null
    printf 'subjectAltName=%s\n' "$2" >"$1.ext"
    openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
        -extfile "$1.ext" -out "$1.pem" 2>/dev/null
}
issue good IP:127.0.0.1
issue other DNS:elsewhere.example
