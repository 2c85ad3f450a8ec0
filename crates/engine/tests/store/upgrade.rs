//! What happens to files that others made.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use aftercall_domain::error::Code;
use aftercall_engine::store::{StoreError, check, latest_version, upgrade};
use rusqlite::Connection;
use rusqlite::types::Value;

use crate::place::{V0001, fill_old, folder, old_file, plain};

fn rows(conn: &Connection, sql: &str) -> Vec<Vec<Value>> {
    let mut statement = conn.prepare(sql).expect(sql);
    let width = statement.column_count();
    let rows = statement.query_map([], |row| (0..width).map(|at| row.get(at)).collect()).expect(sql);
    rows.collect::<Result<_, _>>().expect(sql)
}

fn number(conn: &Connection, sql: &str) -> i64 {
    conn.query_row(sql, [], |row| row.get(0)).expect(sql)
}

const OLD_COLUMNS: [&str; 3] = [
    "SELECT id, full_name, first_name, last_name, phone_e164, email, status, source, owner_user_id, tags, summary,
        notes, created_at_ms, updated_at_ms, last_contact_at_ms FROM leads ORDER BY id",
    "SELECT call_sid, parent_call_sid, lead_id, direction, from_number, to_number, status, duration_s, started_at_ms,
        summary, transcript, recording_url, has_recording, updated_at_ms FROM call_log ORDER BY call_sid",
    "SELECT id, lead_id, title, description, location, status, starts_at_ms, ends_at_ms, contact_name, contact_phone,
        created_at_ms, updated_at_ms FROM appointments ORDER BY id",
];

fn old_values(path: &Path) -> Vec<Vec<Vec<Value>>> {
    let conn = plain(path);
    OLD_COLUMNS.iter().map(|sql| rows(&conn, sql)).collect()
}

fn assert_sound(conn: &Connection) {
    assert_eq!(rows(conn, "PRAGMA foreign_key_check"), Vec::<Vec<Value>>::new());
    assert_eq!(
        number(
            conn,
            "SELECT count(*) FROM pragma_index_list('appointments') WHERE name = 'idx_appointments_calendar_id'"
        ),
        1
    );
    let column =
        rows(conn, "SELECT lower(type), \"notnull\" FROM pragma_table_info('appointments') WHERE name = 'calendar_id'");
    assert_eq!(column, [[Value::Text("integer".into()), Value::Integer(0)]]);
    let keys = rows(
        conn,
        "SELECT \"table\", on_delete FROM pragma_foreign_key_list('appointments') WHERE \"from\" = 'calendar_id'",
    );
    assert_eq!(keys, [[Value::Text("business_calendars".into()), Value::Text("SET NULL".into())]]);
}

#[test]
fn ten_thousand_old_appointments_keep_every_value_and_a_second_run_does_nothing() {
    let folder = folder();
    let path = old_file(folder.path(), 10_000);
    let before = old_values(&path);

    let done = upgrade(&path, None).expect("an upgrade");
    assert_eq!((done.from_version, done.to_version), (1, latest_version()));
    assert_eq!(done.applied.first().map(String::as_str), Some("V0002__business_calendars"));
    assert_eq!(done.applied.len(), usize::try_from(latest_version() - 1).expect("small"));
    assert_eq!(done.rows.get("appointments"), Some(&10_000));
    assert!(old_values(&path) == before, "a value changed");
    assert!(old_values(done.backup.as_deref().expect("a copy")) == before, "the copy differs");
    assert_eq!(&fs::read(&path).expect("file")[..15], b"SQLite format 3");

    let bytes = fs::read(&path).expect("file");
    let again = upgrade(&path, None).expect("a second run");
    assert_eq!((again.from_version, again.applied, again.backup), (latest_version(), vec![], None));
    assert!(fs::read(&path).expect("file") == bytes, "a second run wrote something");

    let conn = plain(&path);
    assert_sound(&conn);
    conn.execute_batch(
        "PRAGMA foreign_keys = ON; INSERT INTO business_calendars (id, name) VALUES (7, 'יומן');
         UPDATE appointments SET calendar_id = 7 WHERE id <= 10; DELETE FROM business_calendars WHERE id = 7;",
    )
    .expect("deleting a calendar");
    assert_eq!(number(&conn, "SELECT count(*) FROM appointments WHERE calendar_id IS NULL"), 10_000);
}

#[test]
fn a_calendar_column_of_any_make_ends_as_ours_with_its_values() {
    const CALENDARS: &str = "CREATE TABLE business_calendars (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
        INSERT INTO business_calendars VALUES (3, 'מרפאה');";
    let index = "CREATE INDEX idx_appointments_calendar_id ON appointments(calendar_id);";
    let ours =
        "ALTER TABLE appointments ADD COLUMN calendar_id INTEGER REFERENCES business_calendars(id) ON DELETE SET NULL;";
    let variants: BTreeMap<&str, String> = [
        ("ours, with index", format!("{CALENDARS}{ours}{index}")),
        ("ours, without index", format!("{CALENDARS}{ours}")),
        ("no foreign key", format!("{CALENDARS}ALTER TABLE appointments ADD COLUMN calendar_id INTEGER;{index}")),
        ("no calendars at all", "ALTER TABLE appointments ADD COLUMN calendar_id INTEGER;".to_owned()),
        ("a key that does nothing", format!("{CALENDARS}ALTER TABLE appointments ADD COLUMN calendar_id INTEGER REFERENCES business_calendars(id);")),
        ("a key that deletes", format!("{CALENDARS}ALTER TABLE appointments ADD COLUMN calendar_id INTEGER REFERENCES business_calendars(id) ON DELETE CASCADE;")),
        ("not null", format!("{CALENDARS}ALTER TABLE appointments ADD COLUMN calendar_id INTEGER NOT NULL DEFAULT 3;")),
        ("text", format!("{CALENDARS}ALTER TABLE appointments ADD COLUMN calendar_id TEXT;")),
    ]
    .into();
    for (name, sql) in variants {
        let folder = folder();
        let path = old_file(folder.path(), 40);
        let before = old_values(&path);
        {
            let conn = plain(&path);
            conn.execute_batch(&sql).expect(name);
            // 3 is known where there are calendars, 99 nowhere.
            conn.execute_batch(
                "PRAGMA foreign_keys = OFF; UPDATE appointments SET calendar_id = 3 WHERE id <= 10;
                 UPDATE appointments SET calendar_id = 99 WHERE id BETWEEN 11 AND 15;",
            )
            .expect(name);
        }
        let done = upgrade(&path, None).expect(name);
        assert_eq!(done.from_version, 1, "{name}");
        assert!(old_values(&path) == before, "{name}: a value changed");
        let conn = plain(&path);
        assert_sound(&conn);
        assert_eq!(number(&conn, "SELECT count(*) FROM appointments WHERE id <= 10 AND calendar_id = 3"), 10, "{name}");
        assert_eq!(number(&conn, "SELECT count(*) FROM appointments WHERE calendar_id = 99"), 5, "{name}");
        assert_eq!(
            number(&conn, "SELECT count(*) FROM business_calendars WHERE id = 99 AND name IS NULL"),
            1,
            "{name}"
        );
        assert_eq!(
            number(
                &conn,
                "SELECT count(*) FROM pragma_index_list('appointments') WHERE name = 'idx_appointments_starts'"
            ),
            1,
            "{name}"
        );
        assert_eq!(upgrade(&path, None).expect(name).applied, Vec::<String>::new(), "{name}");
    }
}

#[test]
fn calendars_that_are_half_there_are_completed_and_keep_what_only_they_have() {
    let folder = folder();
    let path = old_file(folder.path(), 5);
    plain(&path)
        .execute_batch(
            "CREATE TABLE business_calendars (id INTEGER PRIMARY KEY, business_id INTEGER NOT NULL, name TEXT NOT NULL, color TEXT);
             INSERT INTO business_calendars VALUES (3, 12, 'מרפאה', 'כחול');",
        )
        .expect("half of it");
    upgrade(&path, None).expect("an upgrade");
    let conn = plain(&path);
    let kept = rows(&conn, "SELECT id, business_id, name, color, is_active FROM business_calendars");
    let text = |text: &str| Value::Text(text.into());
    assert_eq!(kept, [[Value::Integer(3), Value::Integer(12), text("מרפאה"), text("כחול"), Value::Integer(1)]]);
    conn.execute("INSERT INTO business_calendars (id, name) VALUES (4, NULL)", []).expect("a placeholder");
}

#[test]
fn a_file_with_one_of_the_old_tables_gets_the_others() {
    let folder = folder();
    let path = folder.path().join("part.db");
    let only = V0001.split("CREATE TABLE").find(|part| part.trim_start().starts_with("leads")).expect("leads");
    plain(&path).execute_batch(&format!("CREATE TABLE {only}; INSERT INTO leads (id) VALUES (1);")).expect("one table");
    let done = upgrade(&path, None).expect("an upgrade");
    assert_eq!((done.from_version, done.rows.get("leads"), done.rows.get("call_log")), (1, Some(&1), Some(&0)));
}

#[test]
fn old_rows_that_point_at_leads_nobody_knows_keep_their_value() {
    let folder = folder();
    let path = old_file(folder.path(), 5);
    plain(&path)
        .execute_batch(
            "PRAGMA foreign_keys = OFF; UPDATE appointments SET lead_id = 4242; UPDATE call_log SET lead_id = 4343",
        )
        .expect("orphans");
    let before = old_values(&path);
    upgrade(&path, None).expect("an upgrade");
    let conn = plain(&path);
    assert_sound(&conn);
    assert_eq!(old_values(&path)[1..], before[1..]);
    assert_eq!(number(&conn, "SELECT count(*) FROM leads WHERE placeholder = 1"), 2);
}

#[test]
fn a_failed_upgrade_leaves_the_file_as_it_was() {
    let folder = folder();
    let path = old_file(folder.path(), 20);
    {
        let conn = plain(&path);
        // A stranger's table whose rows point at nothing, for reasons that are not ours to mend.
        conn.execute_batch(
            "CREATE TABLE notes (id INTEGER PRIMARY KEY, lead_id INTEGER REFERENCES leads(id));
             PRAGMA foreign_keys = OFF; INSERT INTO notes VALUES (1, 777);",
        )
        .expect("a stranger's table");
    }
    let bytes = fs::read(&path).expect("file");
    assert!(matches!(upgrade(&path, None), Err(StoreError::DanglingRows(1))));
    assert!(fs::read(&path).expect("file") == bytes, "the file changed");
    assert_eq!(fs::read_dir(folder.path()).expect("folder").count(), 1, "and no copy is left of what did not change");
}

#[test]
fn files_that_cannot_be_upgraded_are_named_and_not_touched() {
    let folder = folder();
    let file = |name: &str| folder.path().join(name);
    fs::write(file("empty"), b"").expect("file");
    fs::write(file("garbage"), "זה לא מסד נתונים ".repeat(400)).expect("file");
    fs::write(file("short"), b"SQLite").expect("file");
    plain(&file("other")).execute_batch("CREATE TABLE recipes (id INTEGER PRIMARY KEY, name TEXT)").expect("other");
    plain(&file("namesake")).execute_batch("CREATE TABLE leads (name TEXT)").expect("namesake");
    {
        let conn = plain(&file("stamped"));
        conn.execute_batch(V0001).expect("V0001");
        conn.pragma_update(None, "application_id", 1234).expect("another's");
    }
    let newer = old_file(folder.path(), 5);
    upgrade(&newer, None).expect("an upgrade");
    plain(&newer)
        .execute("INSERT INTO refinery_schema_history VALUES (9999, 'later', '2027-01-01T00:00:00Z', '1')", [])
        .expect("a later version");
    fs::rename(&newer, file("newer")).expect("rename");
    {
        let conn = plain(&file("torn"));
        conn.execute_batch(V0001).expect("V0001");
        fill_old(&conn, 2_000);
    }
    let mut bytes = fs::read(file("torn")).expect("file");
    for at in (4096..bytes.len()).step_by(4096).skip(3).take(20) {
        bytes[at..at + 64].fill(0xee);
    }
    fs::write(file("torn"), bytes).expect("file");

    for (name, code) in [
        ("empty", Code::StoreDamaged),
        ("garbage", Code::StoreDamaged),
        ("short", Code::StoreDamaged),
        ("torn", Code::StoreDamaged),
        ("other", Code::InvalidInput),
        ("namesake", Code::InvalidInput),
        ("stamped", Code::InvalidInput),
        ("newer", Code::StoreTooNew),
        ("absent", Code::NotFound),
    ] {
        let before = fs::read(file(name)).ok();
        assert_eq!(check(&file(name), None).expect_err(name).code(), code, "check {name}");
        assert_eq!(upgrade(&file(name), None).expect_err(name).code(), code, "upgrade {name}");
        assert!(fs::read(file(name)).ok() == before, "{name} changed");
    }
}

#[test]
fn a_check_says_what_an_upgrade_would_do_and_changes_nothing() {
    let folder = folder();
    let path = old_file(folder.path(), 12);
    let bytes = fs::read(&path).expect("file");
    let found = check(&path, None).expect("a check");
    assert_eq!(
        (found.from_version, found.to_version, found.rows.get("appointments")),
        (1, latest_version(), Some(&12))
    );
    assert!(fs::read(&path).expect("file") == bytes);
    let names: Vec<_> = fs::read_dir(folder.path()).expect("folder").map(|e| e.expect("entry").file_name()).collect();
    assert_eq!(names, ["old.db"]);
}

#[test]
fn a_history_by_other_migrations_is_refused() {
    let folder = folder();
    let path = old_file(folder.path(), 3);
    upgrade(&path, None).expect("an upgrade");
    plain(&path)
        .execute_batch(
            "DELETE FROM refinery_schema_history WHERE version > 4;
            UPDATE refinery_schema_history SET checksum = '42' WHERE version = 3",
        )
        .expect("another history");
    assert!(matches!(upgrade(&path, None), Err(StoreError::Divergent)));
}

#[test]
fn three_copies_are_kept() {
    let folder = folder();
    let path = old_file(folder.path(), 3);
    for _ in 0..5 {
        upgrade(&path, None).expect("an upgrade");
        fs::remove_file(&path).expect("removed");
        old_file(folder.path(), 3);
    }
    let copies = fs::read_dir(folder.path())
        .expect("folder")
        .filter(|e| e.as_ref().expect("entry").file_name().to_string_lossy().contains("before-upgrade"));
    assert_eq!(copies.count(), 3);
}
