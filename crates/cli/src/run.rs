//! From the arguments to the app and back.

use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

use aftercall_app::keys::{self, NewPlace};
use aftercall_app::listen::PlayAsk;
use aftercall_app::reports::{AppointmentsAsk, CallsAsk, LeadsAsk};
use aftercall_app::start::{Access, App, Boot, StartOptions, SyncedAll};
use aftercall_app::storage::LimitsAsk;
use aftercall_app::twilio::TwilioSignIn;
use aftercall_app::{database, doctor, leaving};
use aftercall_domain::call::Direction;
use aftercall_domain::error::Code;
use aftercall_domain::ids::CallSid;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::arguments::{Arguments, Command, DbCommand, DirectionArgument, KeyCommand, LoginSource};
use crate::output::{Failure, Output};
use crate::{human, progress};

const PASSWORD_VARIABLE: &str = "AFTERCALL_PASSWORD";
const SECRET_VARIABLE: &str = "AFTERCALL_SECRET";
const NEW_PASSPHRASE_VARIABLE: &str = "AFTERCALL_NEW_PASSPHRASE";
/// A private key of 16,384 bits takes thirteen thousand bytes.
const KEY_FILE_BYTES_MAX: u64 = 64 << 10;

/// Runs one command.
pub async fn run(arguments: &Arguments, output: Output) -> Result<(), Failure> {
    let options = |access| StartOptions { profile: arguments.common.profile.clone(), ..StartOptions::from_env(access) };
    match &arguments.command {
        Command::Doctor { repair } => {
            if *repair {
                mend(&options(Access::Write)).await?;
            }
            let diagnosis = doctor::diagnose(&options(Access::Read)).await;
            let Some((code, message)) = diagnosis.failure.clone() else {
                return output.answer(&diagnosis, human::diagnosis);
            };
            if !output.json {
                output.answer(&diagnosis, human::diagnosis)?;
            }
            // The object stands as it is: each check carries its own cause.
            Err(Failure { code, message, partly: Some(as_value(&diagnosis)) })
        }
        Command::Db { what } => {
            let report = match what {
                DbCommand::Check { file } => database::check(file, &options(Access::Read)).await?,
                DbCommand::Upgrade { file } => database::upgrade(file, &options(Access::Write)).await?,
            };
            output.answer(&report, human::database)
        }
        Command::Logout { wipe } => {
            let signed_out = match Boot::start(options(Access::Write)).await {
                Boot::Ready(app) => {
                    let signed_out = app.sign_out(*wipe).await;
                    app.close().await;
                    signed_out?
                }
                // What cannot be opened can still be thrown away, unless somebody else is using it.
                Boot::Refused(refusal) if *wipe && refusal.to_error().code() != Code::ProfileInUse => {
                    leaving::wipe_unopened(&options(Access::Write)).await?
                }
                Boot::Refused(refusal) => return Err(refusal.into_error().into()),
            };
            output.answer(&signed_out, human::signed_out)
        }
        Command::Key { what } => key(what, &options(Access::Write), output).await,
        // Who only looks may do so beside the window.
        Command::Storage { cap: None, keep_free: None, evict: false } => {
            let app = open(options(Access::Read)).await?;
            let report = app.storage(LimitsAsk::default(), false).await;
            app.close().await;
            output.answer(&report?, human::storage)
        }
        Command::Login { .. }
        | Command::Sync { .. }
        | Command::Fetch { .. }
        | Command::Storage { .. }
        | Command::Verify => {
            let app = open(options(Access::Write)).await?;
            let result = write(&app, &arguments.command, output).await;
            app.close().await;
            result
        }
        _ => {
            let app = open(options(Access::Read)).await?;
            let result = read(&app, &arguments.command, output).await;
            app.close().await;
            result
        }
    }
}

/// What was done is told as it is done; what is left is for the checks after it.
async fn mend(options: &StartOptions) -> Result<(), Failure> {
    let mut nothing = true;
    // Once more where the library had to be replaced first: then there is one to look into.
    for _ in 0..2 {
        let boot = Boot::start(options.clone()).await;
        let mending = doctor::mend(&boot).await;
        boot.close().await;
        drop(boot);
        let mending = mending?;
        for done in &mending.done {
            eprintln!("{done}");
            nothing = false;
        }
        if !mending.restart {
            break;
        }
    }
    if nothing {
        eprintln!("there was nothing to mend");
    }
    Ok(())
}

/// What is done with the key, without opening the library.
async fn key(what: &KeyCommand, options: &StartOptions, output: Output) -> Result<(), Failure> {
    let to = match what {
        KeyCommand::Show => return output.answer(&keys::report(options)?, human::key),
        KeyCommand::Rotate => {
            let waiting = progress::spinner("sealing the library anew");
            let rotated = keys::rotate(options).await;
            waiting.finish_and_clear();
            return output.answer(&rotated?, human::rotated);
        }
        KeyCommand::Anew => {
            let Boot::Refused(refusal) = Boot::start(options.clone()).await else {
                return Err(Failure::invalid("this profile opens: nothing was put aside"));
            };
            let code = refusal.to_error().code();
            if !matches!(code, Code::KeyLost | Code::Locked | Code::WrongPassword) {
                return Err(refusal.into_error().into());
            }
            let aside = shown(&keys::set_aside(options).await?);
            return output.answer(&json!({ "aside": aside }), |_| format!("Put aside, untouched: {aside}"));
        }
        KeyCommand::Passphrase => NewPlace::Passphrase(secret("new passphrase", NEW_PASSPHRASE_VARIABLE)?),
        KeyCommand::Keychain => NewPlace::Keychain,
        KeyCommand::File { file } => NewPlace::File(std::path::absolute(file).unwrap_or_else(|_| file.clone())),
    };
    output.answer(&keys::move_key(options, to).await?, human::key)
}

async fn open(options: StartOptions) -> Result<App, Failure> {
    match Boot::start(options).await {
        Boot::Ready(app) => Ok(app),
        Boot::Refused(refusal) => Err(refusal.into_error().into()),
    }
}

/// Commands that change the profile.
async fn write(app: &App, command: &Command, output: Output) -> Result<(), Failure> {
    match command {
        Command::Login { source: LoginSource::Crm { url, email } } => {
            let password = secret("password", PASSWORD_VARIABLE)?;
            let waiting = progress::spinner("signing in");
            let signed_in = app.sign_in(url, email, password, true).await;
            waiting.finish_and_clear();
            output.answer(&signed_in?, human::signed_in)
        }
        Command::Login { source: LoginSource::Twilio { account, key, base_url, recording_key } } => {
            let ask = TwilioSignIn {
                account: account.clone(),
                key: key.clone(),
                secret: secret("secret", SECRET_VARIABLE)?,
                base_url: base_url.clone(),
                recording_keys: recording_key.iter().map(private_key).collect::<Result<_, _>>()?,
            };
            let waiting = progress::spinner("signing in");
            let signed_in = app.sign_in_to_twilio(ask).await;
            waiting.finish_and_clear();
            output.answer(&signed_in?, human::signed_in_to_twilio)
        }
        Command::Sync { full } => {
            let waiting = progress::spinner("syncing");
            let synced = tokio::select! {
                synced = app.sync_all(*full) => synced,
                // What was committed stays; the next sync goes on from there.
                () = interrupted() => Err(aftercall_app::errors::AppError::Cancelled),
            };
            waiting.finish_and_clear();
            let SyncedAll { synced, failure } = synced?;
            match failure {
                None => output.answer(&synced, human::synced),
                Some(failure) => {
                    // The other source was read all the same.
                    let failure = Failure::from(failure);
                    let partly = (synced.requests > 0).then(|| as_value(&synced));
                    if !output.json && partly.is_some() {
                        output.answer(&synced, human::synced)?;
                    }
                    Err(Failure { partly, ..failure })
                }
            }
        }
        Command::Storage { cap, keep_free, evict } => {
            let ask =
                LimitsAsk { cap_bytes: cap.map(|limit| limit.0), keep_free_bytes: keep_free.map(|limit| limit.0) };
            output.answer(&app.storage(ask, *evict).await?, human::storage)
        }
        Command::Verify => {
            let bar = progress::bar(0, "reading");
            let verified = app.verify(|done, of| {
                bar.set_length(of);
                bar.set_position(done);
            });
            let verified = tokio::select! {
                verified = verified => verified,
                // What was found until then is asked for again.
                () = interrupted() => Err(aftercall_app::errors::AppError::Cancelled),
            };
            bar.finish_and_clear();
            let (verified, failure) = verified?;
            match failure {
                None => output.answer(&verified, human::verified),
                Some(failure) => {
                    if !output.json {
                        output.answer(&verified, human::verified)?;
                    }
                    let failure = Failure::from(failure);
                    Err(Failure { partly: Some(as_value(&verified)), ..failure })
                }
            }
        }
        Command::Fetch { sids, pin } => {
            if *pin {
                app.pin_calls(sids).await?;
            }
            let bar = progress::bar(sids.len() as u64, "fetching");
            let outcome = tokio::select! {
                outcome = app.fetch(sids, |settled| bar.set_position(settled)) => outcome?,
                // The rows stay queued: the window, or the next fetch, goes on with them.
                () = interrupted() => return Err(aftercall_app::errors::AppError::Cancelled.into()),
            };
            bar.finish_and_clear();
            match outcome.failure {
                None => output.answer(&outcome.fetched, human::fetched),
                Some(failure) => {
                    if !output.json {
                        output.answer(&outcome.fetched, human::fetched)?;
                    }
                    let failure = Failure::from(failure);
                    Err(Failure { partly: Some(as_value(&outcome.fetched)), ..failure })
                }
            }
        }
        _ => Ok(()),
    }
}

/// Commands that only read, and may run beside the window.
async fn read(app: &App, command: &Command, output: Output) -> Result<(), Failure> {
    match command {
        Command::Calls { search, direction, lead, status, has_recording, page } => {
            let ask = CallsAsk {
                search: search.clone().unwrap_or_default(),
                direction: direction.map(|direction| match direction {
                    DirectionArgument::Inbound => Direction::Inbound,
                    DirectionArgument::Outbound => Direction::Outbound,
                }),
                lead: *lead,
                status: status.clone(),
                has_recording: *has_recording,
                limit: page.limit,
                cursor: page.cursor.clone(),
            };
            output.answer(&app.report_calls(ask).await?, human::calls)
        }
        Command::Call { sid } => output.answer(&app.report_call(sid).await?, human::call),
        Command::Leads { search, status, page } => {
            let ask = LeadsAsk {
                search: search.clone().unwrap_or_default(),
                status: status.clone(),
                limit: page.limit,
                cursor: page.cursor.clone(),
            };
            output.answer(&app.report_leads(ask).await?, human::leads)
        }
        Command::Lead { id } => output.answer(&app.report_lead(*id).await?, human::lead),
        Command::Appointments { from, to, calendar } => {
            let ask = AppointmentsAsk { from: from.clone(), to: to.clone(), calendar: *calendar };
            output.answer(&app.report_appointments(ask).await?, human::appointments)
        }
        Command::Play { sid, speed, from, to, skip_silence, level, solo, out } => {
            let ask = PlayAsk {
                speed: *speed,
                from_ms: milliseconds(*from)?,
                to_ms: to.map(milliseconds).transpose()?,
                skip_silence: *skip_silence,
                level: *level,
                solo: *solo,
            };
            play(app, sid, &ask, out.as_deref(), output).await
        }
        Command::Export { sid, out, from, to } => {
            let exported = match (from, to) {
                (None, None) => app.export(sid, out.clone()).await?,
                (from, to) => {
                    let from_ms = from.map(milliseconds).transpose()?.unwrap_or(0);
                    let to_ms = to.map(milliseconds).transpose()?;
                    app.export_span(sid, from_ms, to_ms, out.clone()).await?
                }
            };
            output.answer(&exported, |exported| human::exported(exported, out))
        }
        Command::Turns { sid } => output.answer(&app.turns(sid).await?, human::turns),
        Command::Peaks { sid, buckets } => output.answer(&app.peaks(sid, *buckets).await?, human::peaks),
        _ => Ok(()),
    }
}

/// Into a file where one is named, else out of the device; Ctrl-C ends it there.
async fn play(app: &App, sid: &CallSid, ask: &PlayAsk, out: Option<&Path>, output: Output) -> Result<(), Failure> {
    if let Some(out) = out {
        let waiting = progress::spinner("rendering");
        let played = app.render(sid, ask, out.to_owned()).await;
        waiting.finish_and_clear();
        return output.answer(&played?, |played| human::rendered(played, out));
    }
    let bar = progress::bar(0, "playing");
    let moved = |position_ms: i64, duration_ms: i64| {
        bar.set_length(duration_ms.unsigned_abs() / 1000);
        bar.set_position(position_ms.unsigned_abs() / 1000);
    };
    let played = app.listen(sid, ask, interrupted(), moved).await;
    bar.finish_and_clear();
    output.answer(&played?, human::played)
}

/// A secret by the variable named, or by standard input.
fn secret(what: &str, variable: &str) -> Result<SecretString, Failure> {
    if let Some(secret) = std::env::var_os(variable) {
        let secret = secret.into_string().map_err(|_| Failure::invalid(format!("the {what} is not text")))?;
        return Ok(SecretString::from(secret));
    }
    let missing = || Failure::invalid(format!("give the {what} by standard input or {variable}"));
    if std::io::stdin().is_terminal() {
        return Err(missing());
    }
    let mut text = String::new();
    // More than any secret, and no endless pipe.
    std::io::stdin()
        .take(64 << 10)
        .read_to_string(&mut text)
        .map_err(|_| Failure::invalid(format!("the {what} could not be read from standard input")))?;
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() { Err(missing()) } else { Ok(SecretString::from(secret.to_owned())) }
}

/// A private key from its file.
fn private_key((sid, file): &(String, PathBuf)) -> Result<(String, SecretString), Failure> {
    let unreadable = |_| Failure::invalid(format!("the recording key {} cannot be read", shown(file)));
    let mut pem = String::new();
    let opened = std::fs::File::open(file).map_err(unreadable)?;
    opened.take(KEY_FILE_BYTES_MAX).read_to_string(&mut pem).map_err(unreadable)?;
    Ok((sid.clone(), SecretString::from(pem)))
}

fn milliseconds(seconds: f64) -> Result<i64, Failure> {
    let ms = (seconds * 1000.0).round();
    if (0.0..=1e12).contains(&ms) {
        Ok(ms as i64)
    } else {
        Err(Failure::invalid("a time is a number of seconds from the beginning"))
    }
}

async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        // Without the signal there is nothing to wait for.
        std::future::pending::<()>().await;
    }
}

fn as_value(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_else(|_| json!({}))
}

/// The absolute form of a path, for messages.
pub fn shown(path: &std::path::Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path)).display().to_string()
}
