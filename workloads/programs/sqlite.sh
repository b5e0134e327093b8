#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
#
# about: sqlite3 builds, indexes, joins, changes and checks a database
# needs: sqlite3
# tier: fast
case $1 in
prepare)
    cat >script.sql <<'SCRIPT'
PRAGMA journal_mode = MEMORY;
CREATE TABLE item (id INTEGER PRIMARY KEY, kind TEXT, price INTEGER, note TEXT);
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 120000)
INSERT INTO item SELECT i, 'kind' || (i * 7919 % 311), i * 104729 % 9973,
    printf('%.*c', i % 70, 'n') FROM n;
CREATE INDEX item_kind ON item (kind, price);
COMMIT;
SELECT kind, count(*), sum(price), max(length(note)) FROM item GROUP BY kind ORDER BY 3 LIMIT 5;
SELECT count(*) FROM item a JOIN item b ON a.kind = b.kind AND a.price = b.price AND a.id < b.id;
UPDATE item SET note = note || kind WHERE id % 3 = 0;
DELETE FROM item WHERE price < 1000;
SELECT group_concat(kind) FROM (SELECT DISTINCT kind FROM item ORDER BY kind LIMIT 20);
WITH t AS (SELECT kind, price, row_number() OVER (PARTITION BY kind ORDER BY price, id) AS r FROM item)
SELECT sum(price * r) FROM t;
SELECT count(*), sum(length(note)) FROM item;
VACUUM;
PRAGMA integrity_check;
SCRIPT
    ;;
work)
    rm -f test.db
    sqlite3 -bail test.db <script.sql
    sqlite3 test.db .dump | cksum
    ;;
esac
