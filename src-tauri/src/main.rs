//! The shell: one window, one command, one channel, one protocol. No SQL, no HTTP, no decisions.
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

mod away;
mod desktop;
mod links;
mod media_keys;
mod protocol;
mod rpc;
mod shell;
mod single;
mod tray;
mod window;

use std::path::PathBuf;

use clap::Parser;

use crate::shell::Shell;

/// Listen back to phone calls.
#[derive(Parser)]
#[command(name = "aftercall", version)]
struct Arguments {
    /// The profile's folder, instead of the platform's data folder.
    #[arg(long, value_name = "DIR")]
    profile: Option<PathBuf>,
    /// A link to a call or a lead; anything else is passed over.
    #[arg(hide = true)]
    link: Vec<String>,
}

#[cfg(test)]
mod golden;

fn main() -> tauri::Result<()> {
    // Before there are threads, and before anything is made. Refused, it is no reason for a person to have no window.
    let _ = aftercall_app::process::keep_private();
    let arguments = Arguments::parse();
    let shell = Shell::new(arguments.profile.clone());
    if let Some(link) = links::among(arguments.link) {
        shell.links().put(link);
    }
    let context = tauri::generate_context!();
    // The first of all plugins: a second start hands its link over and ends before it opens anything.
    let builder = tauri::Builder::default().plugin(single::plugin(arguments.profile.as_deref()));
    let builder = builder.plugin(window::state());
    let app = match window::build(builder, shell).build(context) {
        Err(tauri::Error::PluginInitialization(plugin, _)) if plugin == single::PLUGIN => single::begin_anew()?,
        built => built?,
    };
    app.run(|_app, _event| {
        #[cfg(target_os = "macos")]
        if let tauri::RunEvent::Opened { urls } = _event {
            links::followed(_app, links::among(urls.iter().map(ToString::to_string)));
        }
    });
    Ok(())
}
