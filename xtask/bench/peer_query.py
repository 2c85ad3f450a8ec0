"""The peer of `cargo xtask bench query`: Python's sqlite3 asks the database that `peer_sync.py` made.

Prints one JSON object of medians in microseconds of CPU.
"""

import json
import random
import sqlite3
import statistics
import sys
import time

COLUMNS = "call_sid, lead_id, direction, from_number, to_number, status, duration_s, started_at, summary, has_recording"
LISTED = f"SELECT {COLUMNS} FROM calls WHERE listed = 1"


def median_us(db, asks, least=1):
    taken = []
    for sql, values in asks:
        start = time.process_time_ns()
        rows = db.execute(sql, values).fetchall()
        taken.append((time.process_time_ns() - start) / 1000)
        assert len(rows) >= least, sql
    return statistics.median(taken)


def main():
    db = sqlite3.connect(sys.argv[1])
    db.execute("PRAGMA cache_size = -16384")
    chance = random.Random(7)
    total = db.execute("SELECT count(*) FROM calls WHERE listed = 1").fetchone()[0]
    depths = [chance.randrange(total // 10, total - 100) for _ in range(25)]
    offset = [(f"{LISTED} ORDER BY started_at DESC LIMIT 50 OFFSET ?", (depth,)) for depth in depths]
    places = [db.execute("SELECT started_at FROM calls WHERE listed = 1 ORDER BY started_at DESC LIMIT 1 OFFSET ?",
                         (depth,)).fetchone()[0] for depth in depths]
    keyset = [(f"{LISTED} AND started_at < ? ORDER BY started_at DESC LIMIT 50", (place,)) for place in places]
    first = [(f"{LISTED} ORDER BY started_at DESC LIMIT 50", ())] * 100
    like = [(f"{LISTED} AND summary LIKE ? ORDER BY started_at DESC", (f"%{word}%",)) for word in ["מטבח", "הצעת מחיר"]]
    search = f"""SELECT {COLUMNS} FROM calls WHERE rowid IN
                 (SELECT rowid FROM calls_fts WHERE calls_fts MATCH ? ORDER BY rowid DESC LIMIT 50)"""
    words = [(search, (f'"{word}"*',)) for word in ["מט", "מטב", "מטבח", "+972505", "הצע", "הצעת"]] * 10
    print(json.dumps({
        "first_us": median_us(db, first),
        "keyset_us": median_us(db, keyset * 8),
        "offset_us": median_us(db, offset),
        "like_us": median_us(db, like, 0),
        "search_us": median_us(db, words, 0),
    }))


if __name__ == "__main__":
    main()
