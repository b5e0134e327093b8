#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
#
# about: python3 with JSON, syntax trees, sqlite3, threads, regular expressions and rings
# needs: python3
# tier: fast
case $1 in
prepare)
    cat >script.py <<'SCRIPT'
import ast, collections, gc, hashlib, json, os, re, sqlite3, threading, zlib

def draws(seed, n):
    for _ in range(n):
        seed = (seed * 1103515245 + 12345) % 2147483648
        yield seed >> 8

def tree(depth, it):
    if depth == 0:
        return "leaf %d" % (next(it) % 1000)
    return {"k%d" % i: [tree(depth - 1, it), next(it) % 7, None, True] for i in range(5)}

text = json.dumps(tree(6, draws(1, 40000)), sort_keys=True)
again = json.dumps(json.loads(text), sort_keys=True)
print("json", len(text), text == again, hashlib.sha256(again.encode()).hexdigest()[:16])

nodes = collections.Counter()
folder = os.path.dirname(ast.__file__)
for name in ("ast.py", "argparse.py", "typing.py", "inspect.py", "tarfile.py"):
    with open(os.path.join(folder, name), encoding="utf-8") as handle:
        source = handle.read()
    nodes.update(type(n).__name__ for n in ast.walk(ast.parse(source)))
    print("ast", name, len(compile(source, name, "exec").co_consts) > 0)
print("ast", nodes.most_common(5))

db = sqlite3.connect(":memory:")
db.execute("create table t (a integer, b text)")
db.executemany("insert into t values (?, ?)", ((d % 997, "b%d" % d) for d in draws(3, 30000)))
print("sqlite", db.execute("select count(*), count(distinct b), sum(a) from t").fetchone())

class Node:
    def __init__(self, value):
        self.value, self.next, self.table = value, self, {value: [value]}

gc.collect()
for i in range(30000):
    Node(i).next.table["ring"] = Node(i)
print("gc", gc.collect() >= 0, len(gc.garbage))

results = [0] * 4
def work(i):
    words = collections.defaultdict(list)
    for d in draws(i + 1, 25000):
        words["w%d" % (d % 500)].append(str(d))
    results[i] = zlib.crc32("".join("".join(v) for _, v in sorted(words.items())).encode())
team = [threading.Thread(target=work, args=(i,)) for i in range(4)]
for t in team:
    t.start()
for t in team:
    t.join()
print("threads", results)
print("re", len(re.findall(r"leaf (\d)\d*", text)), len(re.sub(r"k\d", lambda m: m[0] * 2, text)))
SCRIPT
    ;;
work) PYTHONHASHSEED=0 python3 -I -S script.py ;;
esac
