//! Files that are broken, strange or in the way, each with the end that it must have.

use std::fs;
use std::path::{Path, PathBuf};

use rand::Rng as _;
use rand::rngs::StdRng;

use crate::migrations::{Plan, Report};
use crate::old::{self, HISTORY, connect};
use crate::program::{Answer, Profile, finish};
use crate::{Failure, pause};

/// How an upgrade must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// At the latest version, with the rows that V0001 had.
    Upgraded,
    /// With one of these codes, and the file as it was, byte for byte.
    Refused(&'static [&'static str]),
}

struct Case {
    name: &'static str,
    make: fn(&Path) -> Result<(), Failure>,
    end: End,
}

const ROWS: u32 = 60;
const DAMAGED: End = End::Refused(&["store_damaged"]);

fn v1(path: &Path) -> Result<rusqlite::Connection, Failure> {
    old::make(path, None, 1, ROWS, false)?;
    connect(path, None)
}

fn latest(path: &Path) -> Result<rusqlite::Connection, Failure> {
    old::make(path, None, old::migrations()?.len(), ROWS, true)?;
    connect(path, None)
}

fn changed(path: &Path, sql: &str) -> Result<(), Failure> {
    let conn = v1(path)?;
    conn.execute_batch("PRAGMA foreign_keys = OFF")?;
    Ok(conn.execute_batch(sql)?)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    fs::write(path, bytes).map_err(Failure::file(path))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(Failure::file(path))
}

const CALENDARS: &str = "CREATE TABLE business_calendars (id INTEGER PRIMARY KEY, name TEXT);
    INSERT INTO business_calendars VALUES (1, 'לוח');";

const CASES: &[Case] = &[
    Case {
        name: "the column without its index",
        make: |path| {
            changed(
                path,
                &format!(
                    "{CALENDARS} ALTER TABLE appointments ADD COLUMN calendar_id INTEGER
                REFERENCES business_calendars(id) ON DELETE SET NULL; UPDATE appointments SET calendar_id = 1"
                ),
            )
        },
        end: End::Upgraded,
    },
    Case {
        name: "an index of that name over something else",
        make: |path| changed(path, "CREATE INDEX idx_appointments_calendar_id ON appointments(status)"),
        end: End::Upgraded,
    },
    Case {
        name: "the table of calendars without the column",
        make: |path| changed(path, CALENDARS),
        end: End::Upgraded,
    },
    Case {
        name: "the column without a foreign key",
        make: |path| {
            changed(
                path,
                "ALTER TABLE appointments ADD COLUMN calendar_id INTEGER; UPDATE appointments SET calendar_id = 7",
            )
        },
        end: End::Upgraded,
    },
    Case {
        name: "the column as text, with words in it",
        make: |path| {
            changed(
                path,
                "ALTER TABLE appointments ADD COLUMN calendar_id TEXT;
                UPDATE appointments SET calendar_id = CASE id % 3 WHEN 0 THEN '5' WHEN 1 THEN 'יומן של רן' ELSE '' END",
            )
        },
        end: End::Upgraded,
    },
    Case {
        name: "the column as NOT NULL",
        make: |path| changed(path, "ALTER TABLE appointments ADD COLUMN calendar_id INTEGER NOT NULL DEFAULT 0"),
        end: End::Upgraded,
    },
    Case {
        name: "rows that point at calendars and leads that nobody knows",
        make: |path| {
            changed(
                path,
                &format!(
                    "{CALENDARS} ALTER TABLE appointments ADD COLUMN calendar_id INTEGER
                REFERENCES business_calendars(id) ON DELETE SET NULL;
                UPDATE appointments SET calendar_id = 90 + id, lead_id = 70000 + id;
                UPDATE call_log SET lead_id = 80000"
                ),
            )
        },
        end: End::Upgraded,
    },
    Case {
        name: "an upgrade to version 3 of which only the tables were made",
        make: |path| {
            let conn = v1(path)?;
            for (_, sql) in old::migrations()?.iter().skip(1).take(2) {
                conn.execute_batch(sql)?;
            }
            Ok(conn.execute_batch("DROP INDEX idx_appointments_calendar_id")?)
        },
        end: End::Upgraded,
    },
    Case {
        name: "a first migration recorded from a checkout with CRLF",
        make: |path| {
            old::make(path, None, 1, ROWS, true)?;
            let sql = old::migrations()?.swap_remove(0).1.replace('\n', "\r\n");
            let crlf = refinery_core::Migration::unapplied("V0001__schema_of_older_installations.sql", &sql);
            let checksum = crlf.map_err(|error| Failure::Setup(error.to_string()))?.checksum().to_string();
            connect(path, None)?.execute(&format!("UPDATE {HISTORY} SET checksum = ?1"), [checksum])?;
            Ok(())
        },
        end: End::Upgraded,
    },
    Case {
        name: "a WAL that holds the newest rows",
        make: |path| {
            // The connection is left open over the copy, so that the WAL is not folded in.
            let whole = old::beside(path, ".whole");
            let conn = v1(&whole)?;
            conn.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
            conn.execute_batch("INSERT INTO leads (id, full_name) VALUES (999999, 'אחרונה')")?;
            old::copy_with_companions(&whole, path)
        },
        end: End::Upgraded,
    },
    Case {
        name: "a WAL of another database",
        make: |path| {
            v1(path)?;
            let other = old::beside(path, ".other");
            let conn = connect(&other, None)?;
            conn.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
            conn.execute_batch("CREATE TABLE leads (id INTEGER PRIMARY KEY); INSERT INTO leads VALUES (5)")?;
            fs::copy(old::beside(&other, "-wal"), old::beside(path, "-wal")).map_err(Failure::file(&other))?;
            Ok(())
        },
        end: End::Upgraded,
    },
    Case {
        name: "a WAL's file without its WAL",
        make: |path| {
            let conn = v1(path)?;
            conn.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
            conn.close().map_err(|(_, error)| error)?;
            let _ = fs::remove_file(old::beside(path, "-wal"));
            Ok(())
        },
        end: End::Upgraded,
    },
    Case {
        name: "a writer killed in the middle of its commit",
        make: |path| {
            // Copied while pages of an open transaction are in the file already: only the journal knows the old ones.
            let whole = old::beside(path, ".whole");
            let conn = v1(&whole)?;
            conn.execute_batch(
                "PRAGMA cache_size = 5; BEGIN;
                 INSERT INTO leads (full_name) SELECT hex(randomblob(200)) FROM call_log, appointments;
                 UPDATE appointments SET title = 'half'; UPDATE leads SET summary = 'half'",
            )?;
            old::copy_with_companions(&whole, path)?;
            let journal = fs::metadata(old::beside(path, "-journal")).map_err(Failure::file(path))?;
            if journal.len() == 0 {
                return Err(Failure::Setup("the transaction is not in the file yet".into()));
            }
            Ok(())
        },
        end: End::Upgraded,
    },
    Case {
        name: "newer than the app",
        make: |path| {
            latest(path)?
                .execute(&format!("INSERT INTO {HISTORY} VALUES (9999, 'later', '2027-01-01T00:00:00Z', '1')"), [])?;
            Ok(())
        },
        end: End::Refused(&["store_too_new"]),
    },
    Case {
        name: "a history with another checksum",
        make: |path| {
            old::make(path, None, 4, ROWS, true)?;
            connect(path, None)?.execute(&format!("UPDATE {HISTORY} SET checksum = '42' WHERE version = 3"), [])?;
            Ok(())
        },
        end: DAMAGED,
    },
    Case { name: "no bytes at all", make: |path| write(path, b""), end: DAMAGED },
    Case {
        name: "garbage", make: |path| write(path, "זה לא מסד נתונים ".repeat(900).as_bytes()), end: DAMAGED
    },
    Case { name: "a header and nothing more", make: |path| write(path, b"SQLite format 3\0"), end: DAMAGED },
    Case {
        name: "cut in the middle",
        make: |path| {
            v1(path)?;
            let bytes = read(path)?;
            write(path, &bytes[..bytes.len() / 2])
        },
        end: DAMAGED,
    },
    Case {
        name: "cut within a page",
        make: |path| {
            v1(path)?;
            let bytes = read(path)?;
            write(path, &bytes[..bytes.len() - 100])
        },
        end: DAMAGED,
    },
    Case {
        name: "a database of something else",
        make: |path| Ok(connect(path, None)?.execute_batch("CREATE TABLE recipes (id INTEGER PRIMARY KEY)")?),
        end: End::Refused(&["invalid_input"]),
    },
    Case {
        name: "a folder",
        make: |path| fs::create_dir(path).map_err(Failure::file(path)),
        end: End::Refused(&["invalid_input"]),
    },
    Case {
        name: "a pipe",
        make: |path| {
            let made = std::process::Command::new("mkfifo").arg(path).status();
            made.map(|_| ()).map_err(|source| Failure::Start { program: "mkfifo".into(), source })
        },
        end: End::Refused(&["invalid_input"]),
    },
    Case {
        name: "a device",
        make: |path| {
            #[cfg(unix)]
            std::os::unix::fs::symlink("/dev/zero", path).map_err(Failure::file(path))?;
            Ok(())
        },
        end: End::Refused(&["invalid_input"]),
    },
    Case { name: "nothing", make: |_| Ok(()), end: End::Refused(&["not_found"]) },
];

/// Everything that one can say of a file without opening it as a database.
fn bytes_of(path: &Path) -> Option<Vec<u8>> {
    fs::metadata(path).is_ok_and(|about| about.is_file()).then(|| fs::read(path).ok()).flatten()
}

pub(crate) fn run(profile: &Profile, report: &mut Report) -> Result<(), Failure> {
    for (number, case) in CASES.iter().enumerate() {
        let folder = profile.path(&format!("zoo-{number}"));
        fs::create_dir(&folder).map_err(Failure::file(&folder))?;
        let path = folder.join("file.db");
        (case.make)(&path)?;
        report.zoo += 1;
        let wrong = judge(profile, &path, case.end)?;
        report.wrong.extend(wrong.into_iter().map(|what| format!("{}: {what}", case.name)));
    }
    for (name, hold) in [
        ("two upgrades at once", two_at_once as fn(&Profile, &Path) -> Result<Vec<String>, Failure>),
        ("a file that may not be written", read_only_file),
        ("a folder that may not be written", read_only_folder),
        ("a disk that is full", full_disk),
        ("a locked file", locked),
    ] {
        let folder = profile.path(&format!("zoo-{}", name.replace(' ', "-")));
        fs::create_dir(&folder).map_err(Failure::file(&folder))?;
        report.zoo += 1;
        let wrong = hold(profile, &folder.join("file.db"))?;
        report.wrong.extend(wrong.into_iter().map(|what| format!("{name}: {what}")));
    }
    Ok(())
}

/// Exit 0 or 1, one object, no panic.
fn manners(answer: &Answer) -> Vec<String> {
    let mut wrong = Vec::new();
    if !matches!(answer.code, Some(0 | 1)) || !answer.json.is_object() {
        wrong.push(format!("it ended with {} and said {}", answer.word(), answer.json));
    }
    if answer.stderr.contains("panicked") {
        wrong.push(format!("it panicked: {}", answer.stderr));
    }
    wrong
}

fn judge(profile: &Profile, path: &Path, end: End) -> Result<Vec<String>, Failure> {
    let text = path.to_string_lossy();
    let before = bytes_of(path);
    let rows = |of: &Path| -> Result<old::Print, Failure> { old::print(&connect(of, None)?, None) };
    let mut wrong = Vec::new();
    match end {
        End::Refused(codes) => {
            for what in ["check", "upgrade"] {
                let answer = profile.run(&["db", what, &text])?;
                wrong.extend(manners(&answer));
                // A history that is not ours only matters to who would go on from it.
                let looked_at = what == "check" && answer.code == Some(0) && before.is_some();
                if !looked_at && !codes.contains(&answer.word().as_str()) {
                    wrong.push(format!("db {what} ended with {}, not {codes:?}", answer.word()));
                }
                if bytes_of(path) != before {
                    wrong.push(format!("db {what} changed the file"));
                }
            }
        }
        End::Upgraded => {
            let look = old::beside(path, ".look");
            old::copy_with_companions(path, &look)?;
            let print = rows(&look)?;
            let answer = profile.run(&["db", "upgrade", &text])?;
            wrong.extend(manners(&answer));
            if answer.code != Some(0) {
                wrong.push(format!("the upgrade ended with {}", answer.word()));
                return Ok(wrong);
            }
            let conn = connect(path, None)?;
            let number = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, i64>(0));
            if number("SELECT count(*) FROM pragma_foreign_key_check")? != 0 {
                wrong.push("rows point at nothing".into());
            }
            let on =
                "SELECT count(*) FROM pragma_index_info('idx_appointments_calendar_id') WHERE name = 'calendar_id'";
            if number(on)? != 1 {
                wrong.push("appointments.calendar_id has no index".into());
            }
            let parent = "SELECT count(*) FROM pragma_foreign_key_list('appointments')
                WHERE \"table\" = 'business_calendars' AND \"from\" = 'calendar_id' AND on_delete = 'SET NULL'";
            if number(parent)? != 1 {
                wrong.push("appointments.calendar_id has no foreign key".into());
            }
            // The values of the column itself may be mended; those of V0001 are untouched.
            let mut old_columns = print;
            if let Some((columns, ..)) = old_columns.get_mut("appointments") {
                columns.retain(|column| column != "calendar_id");
            }
            old_columns.retain(|table, _| ["leads", "call_log", "appointments"].contains(&table.as_str()));
            let before = old::print(&connect(&look, None)?, Some(&old_columns))?;
            let after = old::print(&conn, Some(&old_columns))?;
            for (table, print) in &before {
                // Placeholders for those who were pointed at are rows more.
                let same = if table == "leads" { after[table].1 >= print.1 } else { after[table] == *print };
                if !same {
                    wrong.push(format!("{table} is not as it was"));
                }
            }
            drop(conn);
            let again = profile.run(&["db", "upgrade", &text])?;
            if again.json["applied"].as_array().is_none_or(|applied| !applied.is_empty()) {
                wrong.push(format!("a second upgrade does something: {}", again.word()));
            }
        }
    }
    Ok(wrong)
}

fn two_at_once(profile: &Profile, path: &Path) -> Result<Vec<String>, Failure> {
    drop(v1(path)?);
    let text = path.to_string_lossy().into_owned();
    let start = || profile.command(&["db", "upgrade", &text]);
    let (one, other) = std::thread::scope(|scope| {
        let one = scope.spawn(|| finish(start()));
        let other = finish(start());
        (one.join().unwrap_or_else(|_| Err(Failure::Setup("a thread died".into()))), other)
    });
    let mut wrong = Vec::new();
    let mut done = 0;
    for answer in [one?, other?] {
        wrong.extend(manners(&answer));
        done += u32::from(answer.code == Some(0));
        if !["ok", "profile_in_use"].contains(&answer.word().as_str()) {
            wrong.push(format!("one of two ended with {}", answer.word()));
        }
    }
    if done == 0 {
        wrong.push("neither was done".into());
    }
    wrong.extend(judge(profile, path, End::Upgraded)?);
    Ok(wrong)
}

/// Root may write to everything: there the two read-only cases say nothing and are upgrades.
fn read_only(profile: &Profile, path: &Path, lock: &Path) -> Result<Vec<String>, Failure> {
    drop(v1(path)?);
    let before = read(path)?;
    let mode = |writable: bool| -> Result<(), Failure> {
        let mut permissions = fs::metadata(lock).map_err(Failure::file(lock))?.permissions();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            permissions.set_mode(match (writable, lock.is_dir()) {
                (true, _) => 0o700,
                (false, true) => 0o500,
                (false, false) => 0o400,
            });
        }
        #[cfg(not(unix))]
        permissions.set_readonly(!writable);
        fs::set_permissions(lock, permissions).map_err(Failure::file(lock))
    };
    mode(false)?;
    let answer = profile.run(&["db", "upgrade", &path.to_string_lossy()]);
    mode(true)?;
    let answer = answer?;
    let mut wrong = manners(&answer);
    if answer.code != Some(0) && read(path)? != before {
        wrong.push("it failed and changed the file".into());
    }
    Ok(wrong)
}

fn read_only_file(profile: &Profile, path: &Path) -> Result<Vec<String>, Failure> {
    read_only(profile, path, path)
}

fn read_only_folder(profile: &Profile, path: &Path) -> Result<Vec<String>, Failure> {
    read_only(profile, path, path.parent().unwrap_or(path))
}

/// A tmpfs of its own that is nearly full: no root is needed where the kernel lets users have namespaces.
fn full_disk(profile: &Profile, path: &Path) -> Result<Vec<String>, Failure> {
    old::make(path, None, 1, 3_000, false)?;
    let folder = path.parent().unwrap_or(path);
    let (whole, mount, said) = (folder.join("whole.db"), folder.join("small"), folder.join("said.json"));
    fs::rename(path, &whole).map_err(Failure::file(path))?;
    fs::create_dir(&mount).map_err(Failure::file(&mount))?;
    let bytes = fs::metadata(&whole).map_err(Failure::file(&whole))?.len();
    let mut wrong = Vec::new();
    // Room for nothing, for a part of the copy, for the copy and a part of the upgrade, for all.
    for (room, must_end) in
        [(4, "disk_full"), (bytes / 2048, "disk_full"), (bytes * 5 / 4096, ""), (bytes / 1024 * 8, "ok")]
    {
        let script = format!(
            "mount -t tmpfs -o size={}k tmpfs '{mount}' && cp '{whole}' '{mount}/file.db' || exit 77
             '{cli}' db upgrade '{mount}/file.db' --json --profile '{profile}' > '{said}'; code=$?
             cmp -s '{whole}' '{mount}/file.db' && echo same >> '{said}'; exit $code",
            bytes / 1024 + 8 + room,
            mount = mount.display(),
            whole = whole.display(),
            cli = profile.command(&[]).get_program().to_string_lossy(),
            profile = profile.profile().display(),
            said = said.display(),
        );
        let mut command = std::process::Command::new("unshare");
        command.args(["-rm", "sh", "-c", &script]).env("AFTERCALL_KEY_FILE", profile.key_file());
        let answer = finish(command)?;
        let text = fs::read_to_string(&said).unwrap_or_default();
        let is_same = text.ends_with("same\n");
        let word = if answer.code == Some(0) {
            "ok".to_owned()
        } else {
            let object: serde_json::Value =
                text.lines().next().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
            object["error"]["code"].as_str().unwrap_or("no word").to_owned()
        };
        if answer.code == Some(77) || answer.stderr.contains("unshare") {
            // This machine lets nobody have a namespace: there is no small disk to be had.
            return Ok(wrong);
        }
        let expected = if must_end.is_empty() { &["ok", "disk_full"][..] } else { &[must_end] };
        if !expected.contains(&word.as_str()) {
            wrong.push(format!("with {room} KiB free it ended with {word}, not {expected:?}"));
        }
        if word != "ok" && !is_same {
            wrong.push(format!("with {room} KiB free it failed and changed the file"));
        }
    }
    Ok(wrong)
}

/// Another program writes for longer than anybody waits.
fn locked(profile: &Profile, path: &Path) -> Result<Vec<String>, Failure> {
    let conn = v1(path)?;
    conn.execute_batch("BEGIN IMMEDIATE; INSERT INTO leads (id, full_name) VALUES (888888, 'עסוק')")?;
    let answer = profile.run(&["db", "upgrade", &path.to_string_lossy()])?;
    let mut wrong = manners(&answer);
    if answer.word() != "profile_in_use" {
        wrong.push(format!("it ended with {}", answer.word()));
    }
    conn.execute_batch("ROLLBACK")?;
    drop(conn);
    pause(std::time::Duration::from_millis(10));
    wrong.extend(judge(profile, path, End::Upgraded)?);
    Ok(wrong)
}

/// F20: random pages of a plain or sealed database damaged, one to nineteen, ten on average. Whatever the program makes of it, it says so, and a
/// file that it refuses is the file that it was.
pub(crate) fn flips(plan: &Plan, profile: &Profile, rng: &mut StdRng, report: &mut Report) -> Result<(), Failure> {
    let key = old::database_key(&profile.key_file())?;
    let mut templates: Vec<PathBuf> = Vec::new();
    for (name, key, version) in [("flip-old", None, 1), ("flip-new", None, usize::MAX), ("flip-sealed", Some(&key), 2)]
    {
        let path = profile.path(&format!("{name}.db"));
        old::make(
            &path,
            key.map(String::as_str),
            version.min(old::migrations()?.len()),
            plan.rows.min(3_000),
            version > 1,
        )?;
        templates.push(path);
    }
    let folder = profile.path("flips");
    fs::create_dir(&folder).map_err(Failure::file(&folder))?;
    for n in 0..plan.flips {
        let mut bytes = read(&templates[n as usize % templates.len()])?;
        let pages = 1 + n * 7 % 19;
        for _ in 0..pages {
            let page = rng.random_range(0..bytes.len() / 4096) * 4096;
            let at = page + rng.random_range(0..4096 - 64);
            let length = rng.random_range(1..64);
            for byte in &mut bytes[at..at + length] {
                *byte ^= rng.random_range(1..=255u8);
            }
        }
        report.pages += pages;
        let path = folder.join(format!("{n}.db"));
        write(&path, &bytes)?;
        report.flips += 1;
        for what in ["check", "upgrade"] {
            let answer = profile.run(&["db", what, &path.to_string_lossy()])?;
            let mut wrong = manners(&answer);
            if (what == "check" || answer.code != Some(0)) && read(&path)? != bytes {
                wrong.push(format!("db {what} ended with {} and changed the file", answer.word()));
            }
            if answer.code == Some(1) && answer.word() == "internal" {
                wrong.push(format!("db {what} has no word for it: {}", answer.json["error"]["message"]));
            }
            report.wrong.extend(wrong.into_iter().map(|what| format!("flip {n}, {pages} pages: {what}")));
        }
        fs::remove_file(&path).map_err(Failure::file(&path))?;
    }
    Ok(())
}
