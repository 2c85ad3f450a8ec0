//! What can be typed. `cli.md` is the contract: a flag is added there and here together.

use std::path::PathBuf;

use aftercall_domain::ids::{CalendarId, CallSid, LeadId};
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Listen back to phone calls, without a window.
#[derive(Parser)]
#[command(name = "aftercall-cli", version, arg_required_else_help = true, disable_help_subcommand = true)]
pub struct Arguments {
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Args)]
pub struct Common {
    /// The profile's folder, instead of the platform's data folder
    #[arg(long, value_name = "DIR", global = true)]
    pub profile: Option<PathBuf>,
    /// One JSON object on standard output, and nothing else there
    #[arg(long, global = true)]
    pub json: bool,
}

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Sign in
    Login {
        /// Where
        #[command(subcommand)]
        source: LoginSource,
    },
    /// Forget the secrets; the library stays on this device
    Logout {
        /// Destroy the key and remove the library and the recordings too
        #[arg(long)]
        wipe: bool,
    },
    /// Sync once
    Sync {
        /// Read everything again
        #[arg(long)]
        full: bool,
    },
    /// List calls, newest first
    Calls {
        /// Names, numbers, words of the summary
        #[arg(long, value_name = "Q")]
        search: Option<String>,
        /// One direction only
        #[arg(long)]
        direction: Option<DirectionArgument>,
        /// One lead's
        #[arg(long, value_name = "ID")]
        lead: Option<LeadId>,
        /// The source's status word
        #[arg(long, value_name = "S")]
        status: Option<String>,
        /// With a recording
        #[arg(long)]
        has_recording: bool,
        /// Which page
        #[command(flatten)]
        page: Page,
    },
    /// All that is known of a call
    Call {
        /// The call
        sid: CallSid,
    },
    /// List leads, by last contact
    Leads {
        /// Name, number, e-mail
        #[arg(long, value_name = "Q")]
        search: Option<String>,
        /// Key of the status
        #[arg(long, value_name = "S")]
        status: Option<String>,
        /// Which page
        #[command(flatten)]
        page: Page,
    },
    /// The lead page
    Lead {
        /// The lead
        id: LeadId,
    },
    /// List appointments, by start
    Appointments {
        /// First day, 2026-11-23, or a moment, 2026-11-23T10:00:00Z
        #[arg(long, value_name = "D")]
        from: Option<String>,
        /// Last day, or the moment before which they start
        #[arg(long, value_name = "D")]
        to: Option<String>,
        /// One calendar's
        #[arg(long, value_name = "ID")]
        calendar: Option<CalendarId>,
    },
    /// Ask for recordings and wait for them
    Fetch {
        /// The calls
        #[arg(required = true, value_name = "SID")]
        sids: Vec<CallSid>,
        /// Keep them on this device: they never make room for others
        #[arg(long)]
        pin: bool,
    },
    /// Play, or write what would be heard
    Play {
        /// The call
        sid: CallSid,
        /// 0.5 to 3
        #[arg(long, value_name = "X", default_value_t = 1.0)]
        speed: f64,
        /// Seconds from the beginning
        #[arg(long, value_name = "S", default_value_t = 0.0)]
        from: f64,
        /// Seconds from the beginning; to the end where it is left out
        #[arg(long, value_name = "S")]
        to: Option<f64>,
        /// Leave out where nobody speaks
        #[arg(long)]
        skip_silence: bool,
        /// Bring the quiet side up to the loud one
        #[arg(long)]
        level: bool,
        /// Only one side, in both ears
        #[arg(long, value_name = "CHANNEL", value_parser = clap::value_parser!(u16).range(1..=2))]
        solo: Option<u16>,
        /// The WAV file to write, as fast as it can, instead of playing
        #[arg(long, value_name = "FILE.wav")]
        out: Option<PathBuf>,
    },
    /// Write the original, byte for byte; or a clip of it, as a WAV that is marked as one
    Export {
        /// The call
        sid: CallSid,
        /// The file to write
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// A clip that begins here
        #[arg(long, value_name = "SECONDS")]
        from: Option<f64>,
        /// A clip that ends here
        #[arg(long, value_name = "SECONDS")]
        to: Option<f64>,
    },
    /// Who speaks when
    Turns {
        /// The call
        sid: CallSid,
    },
    /// The waveform
    Peaks {
        /// The call
        sid: CallSid,
        /// How many pairs per channel
        #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        buckets: u32,
    },
    /// Say where the profile's key lies, move it, or put another in its place
    Key {
        /// What
        #[command(subcommand)]
        what: KeyCommand,
    },
    /// What is kept on this device, and what would make room next
    Storage {
        /// Recordings take at most so many GB; `none` lifts the limit
        #[arg(long, value_name = "GB", value_parser = limit)]
        cap: Option<Limit>,
        /// So many GB stay free on the disk; `none` lifts the limit
        #[arg(long, value_name = "GB", value_parser = limit)]
        keep_free: Option<Limit>,
        /// Bring what is here back within the limits now
        #[arg(long)]
        evict: bool,
    },
    /// Read every chunk of every recording; damaged ones are asked for again
    Verify,
    /// Look at a database, or upgrade it
    Db {
        /// Which
        #[command(subcommand)]
        what: DbCommand,
    },
    /// Check everything, with the cause and one fix for what is wrong
    Doctor {
        /// Mend what can be mended first, and say what was done; no recording is ever removed
        #[arg(long)]
        repair: bool,
    },
}

/// Where to sign in.
#[derive(Subcommand)]
pub enum LoginSource {
    /// The company's CRM; the password comes from standard input or AFTERCALL_PASSWORD
    Crm {
        /// The CRM's address; plain http for this computer only
        #[arg(long)]
        url: String,
        /// E-mail of the account
        #[arg(long)]
        email: String,
    },
    /// Twilio itself; the key's secret comes from standard input or AFTERCALL_SECRET
    Twilio {
        /// The account
        #[arg(long, value_name = "AC…")]
        account: String,
        /// A key of the account; with the account's own sid the secret is its token
        #[arg(long, value_name = "SK…")]
        key: String,
        /// Another region's address, or one on this computer
        #[arg(long, value_name = "URL")]
        base_url: Option<String>,
        /// The private key of encrypted recordings, and the sid of its public one; may be given several times
        #[arg(long, value_name = "CR…=FILE.pem", value_parser = recording_key)]
        recording_key: Vec<(String, PathBuf)>,
    },
}

fn recording_key(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((sid, file)) if sid.starts_with("CR") && !file.is_empty() => Ok((sid.to_owned(), file.into())),
        _ => Err("write CR…=FILE.pem".to_owned()),
    }
}

/// What to do with the profile's key. Where a passphrase is set, it comes from AFTERCALL_PASSPHRASE.
#[derive(Subcommand)]
pub enum KeyCommand {
    /// Say where it lies
    Show,
    /// Put a new key in its place: the library is sealed anew, recordings stay as they are
    Rotate,
    /// Set or change the passphrase; the new one comes from standard input or AFTERCALL_NEW_PASSPHRASE
    Passphrase,
    /// Keep it in the system's keychain from now on, without a passphrase
    Keychain,
    /// Keep it in a file that only you may read from now on, without a passphrase
    File {
        /// The file to write
        file: PathBuf,
    },
    /// Put data that no key opens aside, where it stays, and begin with an empty library
    Anew,
}

/// A number of bytes, or no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(pub Option<u64>);

fn limit(text: &str) -> Result<Limit, String> {
    const GB: f64 = 1e9;
    if text == "none" {
        return Ok(Limit(None));
    }
    match text.parse::<f64>() {
        Ok(gb) if (0.0..=1e6).contains(&gb) => Ok(Limit(Some((gb * GB).round() as u64))),
        _ => Err("write a number of GB, 0.5 for example, or none".to_owned()),
    }
}

/// What to do with a database file.
#[derive(Subcommand)]
pub enum DbCommand {
    /// Say what it is and what an upgrade would do
    Check {
        /// The database
        file: PathBuf,
    },
    /// Bring it to the schema of this version, after a copy was made
    Upgrade {
        /// The database
        file: PathBuf,
    },
}

/// A page of a list.
#[derive(Args)]
pub struct Page {
    /// Rows at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
    /// `next_cursor` of the page before
    #[arg(long, value_name = "C")]
    pub cursor: Option<String>,
}

/// Which way a call went.
#[derive(Clone, Copy, ValueEnum)]
pub enum DirectionArgument {
    /// A customer called
    Inbound,
    /// We called
    Outbound,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_declaration_of_the_commands_is_sound() {
        <Arguments as clap::CommandFactory>::command().debug_assert();
    }
}
