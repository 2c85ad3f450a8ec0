"""The peer of `cargo xtask bench sync`: sqlite-utils reads the pages that were saved to disk.

Same columns, same indexes, an FTS5 table over the same texts with the same prefix sizes, kept by triggers; the rest is
as sqlite-utils does it by itself. Prints one JSON object.
"""

import json
import os
import pathlib
import sys

import sqlite_utils

COLUMNS = {
    "call_sid": str,
    "parent_call_sid": str,
    "source": str,
    "lead_id": int,
    "direction": str,
    "from_number": str,
    "to_number": str,
    "status": str,
    "duration_s": int,
    "started_at": str,
    "summary": str,
    "transcript": str,
    "has_recording": int,
    "listed": int,
    "heard": int,
    "outcome": str,
}
# Those of call_log, on the time where ours are on list_key.
INDEXES = [
    "ON calls(started_at DESC)",
    "ON calls(started_at DESC, has_recording, heard, direction, outcome) WHERE listed = 1",
    "ON calls(started_at DESC, direction) WHERE listed = 1 AND has_recording = 1 AND heard = 0",
    "ON calls(started_at DESC, direction) WHERE listed = 1 AND outcome = 'missed'",
    "ON calls(lead_id, started_at DESC, has_recording, heard) WHERE listed = 1",
    "ON calls(parent_call_sid) WHERE parent_call_sid IS NOT NULL",
]
# Texts that a call is found by.
TEXTS = ["from_number", "to_number", "summary", "transcript"]


def row(call):
    return {
        "call_sid": call["sid"],
        "parent_call_sid": call["parent_call_sid"],
        "source": "crm",
        "lead_id": call["lead_id"],
        "direction": call["direction"],
        "from_number": call["from_e164"],
        "to_number": call["to_e164"],
        "status": call["status"],
        "duration_s": call["duration"],
        "started_at": call["at"],
        "summary": call["summary"],
        "transcript": call["final_transcript"] or call["transcript"],
        "has_recording": int(call["hasRecording"]),
        "listed": 1,
        "heard": 0,
        "outcome": "missed" if call["status"] == "no-answer" else "answered",
    }


def rows(pages):
    for page in sorted(pages.glob("*.json")):
        for call in json.loads(page.read_bytes())["calls"]:
            yield row(call)


def main():
    pages, file = pathlib.Path(sys.argv[1]), sys.argv[2]
    db = sqlite_utils.Database(file)
    db.enable_wal()
    calls = db["calls"]
    calls.create(COLUMNS, pk="call_sid")
    for number, what in enumerate(INDEXES):
        db.execute(f"CREATE INDEX idx_calls_{number} {what}")
    calls.enable_fts(TEXTS, fts_version="FTS5", create_triggers=True)
    # enable_fts has no word for prefix indexes: the same table and triggers, with them.
    sql = db["calls_fts"].schema.replace("content=", "prefix='1 2 3', content=")
    db.execute("DROP TABLE calls_fts")
    db.execute(sql)
    assert "prefix" in db["calls_fts"].schema, db["calls_fts"].schema
    calls.insert_all(rows(pages), pk="call_sid")
    count = calls.count
    db.close()
    print(json.dumps({"rows": count, "bytes": os.path.getsize(file)}))


if __name__ == "__main__":
    main()
