use rusqlite::Connection;
use serde_json::json;

use crate::world::{World, keys, text};

const V0001: &str = include_str!("../../../../migrations/V0001__schema_of_older_installations.sql");
const APPOINTMENTS: i64 = 10_000;

#[expect(clippy::disallowed_methods, reason = "the file of an older installation is made here, from outside")]
fn open(path: &std::path::Path) -> Connection {
    Connection::open(path).unwrap()
}

/// All that an older installation had written, in one text.
fn old_rows(conn: &Connection) -> Vec<String> {
    let sql = "SELECT json_array(id, lead_id, title, description, location, status, starts_at_ms, ends_at_ms,
        contact_name, contact_phone, created_at_ms, updated_at_ms) FROM appointments ORDER BY id";
    let mut statement = conn.prepare(sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

#[test]
fn an_old_database_is_upgraded_without_losing_a_row_and_the_second_run_does_nothing() {
    let world = World::small();
    let file = world.path("old.db");
    let mut conn = open(&file);
    conn.execute_batch(V0001).unwrap();
    let tx = conn.transaction().unwrap();
    tx.execute("INSERT INTO leads (id, full_name) VALUES (1, 'דנה כהן')", []).unwrap();
    for n in 0..APPOINTMENTS {
        tx.execute(
            "INSERT INTO appointments (id, lead_id, title, status, starts_at_ms, ends_at_ms) VALUES (?1, 1, ?2, ?3, ?4, ?5)",
            (n, format!("פגישה {n}"), (n % 3 != 0).then_some("scheduled"), n * 1000, n * 1000 + 500),
        )
        .unwrap();
    }
    tx.commit().unwrap();
    let before = old_rows(&conn);
    drop(conn);

    let checked = world.run(&["db", "check", text(&file)]).ok();
    assert_eq!(keys(&checked), ["applied", "backup", "from_version", "rows", "to_version"]);
    assert_eq!((&checked["from_version"], &checked["backup"]), (&json!(1), &json!(null)));
    let upgraded = world.run(&["db", "upgrade", text(&file)]).ok();
    assert_eq!(upgraded["from_version"], 1);
    assert_eq!(upgraded["rows"]["appointments"], APPOINTMENTS);
    assert!(!upgraded["applied"].as_array().unwrap().is_empty());
    assert!(std::path::Path::new(upgraded["backup"].as_str().unwrap()).is_file());

    let conn = open(&file);
    assert_eq!(old_rows(&conn), before);
    let count = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("SELECT count(*) FROM pragma_foreign_key_check"), 0);
    assert_eq!(count("SELECT count(*) FROM sqlite_schema WHERE name = 'idx_appointments_calendar_id'"), 1);
    conn.execute_batch(
        "PRAGMA foreign_keys = ON; INSERT INTO business_calendars (id, name) VALUES (7, 'יומן');
         UPDATE appointments SET calendar_id = 7 WHERE id < 5; DELETE FROM business_calendars WHERE id = 7;",
    )
    .unwrap();
    assert_eq!(count("SELECT count(*) FROM appointments WHERE calendar_id IS NOT NULL"), 0);
    assert_eq!(count("SELECT count(*) FROM appointments"), APPOINTMENTS);
    drop(conn);

    let again = world.run(&["db", "upgrade", text(&file)]).ok();
    assert_eq!((&again["applied"], &again["backup"]), (&json!([]), &json!(null)));
    assert_eq!(again["from_version"], again["to_version"]);
}

#[test]
fn what_is_no_database_of_ours_is_refused_and_left_as_it_was() {
    let world = World::small();
    let file = world.path("file.db");
    for content in [Vec::new(), b"SQLite format 3\0 and then nonsense".to_vec(), vec![7; 50_000]] {
        std::fs::write(&file, &content).unwrap();
        for what in ["check", "upgrade"] {
            let ran = world.run(&["db", what, text(&file)]);
            assert_eq!(ran.error(), "store_damaged", "{}", ran.stdout);
            assert_eq!(std::fs::read(&file).unwrap(), content);
        }
    }
    assert_eq!(world.run(&["db", "check", text(&world.path("none.db"))]).error(), "not_found");
    assert!(!world.profile().exists(), "looking at a file makes no profile");
}

#[test]
fn the_profiles_own_library_is_checked_with_its_key() {
    let world = World::small().synced();
    let library = world.profile().join("library.db");
    let checked = world.run(&["db", "check", text(&library)]).ok();
    assert_eq!(checked["from_version"], checked["to_version"]);
    assert!(checked["rows"]["call_log"].as_u64().unwrap() > 0, "{checked}");
}
