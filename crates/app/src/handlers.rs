//! What each command of the contract does. One function per command, by its name.

use aftercall_domain::error::Code;
use aftercall_domain::ids::RecordingId;
use secrecy::SecretString;

use crate::about::AboutView;
use crate::agenda::{Agenda, AgendaAsk};
use crate::call_page::dto::CallPage;
use crate::desktop::{Notice, Tray};
use crate::doctor::dto::*;
use crate::dto::*;
use crate::errors::AppError;
use crate::export::dto::*;
use crate::rules::Rules;
use crate::start::{App, Boot, Refusal};
use crate::storage::dto::*;
use crate::views::{CallsMarkAsk, SavedViews};
use crate::{call_page, desktop, doctor, lead_page, listened, marks, notes, rows, settings, sides, sound, storage};

fn app(boot: &Boot) -> Result<&App, AppError> {
    match boot {
        Boot::Ready(app) if app.is_locked() => Err(AppError::Locked),
        Boot::Ready(app) => Ok(app),
        Boot::Refused(refusal) => Err(refusal.to_error()),
    }
}

fn refusal(boot: &Boot) -> Result<&Refusal, AppError> {
    match boot {
        Boot::Refused(refusal) => Ok(refusal),
        Boot::Ready(app) if app.is_locked() => Err(AppError::Locked),
        Boot::Ready(_) => Err(AppError::InvalidInput("the library is open")),
    }
}

/// A failure as it crosses to the window, and once into the log.
pub(crate) fn told(boot: &Boot, command: &str, error: &AppError) -> WireError {
    let r#ref = format!("{:x}", boot.now_ms());
    // Who listens is told when it comes, never that a gateway failed: the doctor counts where that does not hold.
    let is_listening = command.starts_with("player_") || command.starts_with("recording_");
    if let (Boot::Ready(app), true, Code::ServerUnavailable) = (boot, is_listening, error.code()) {
        app.count_shown(503);
    }
    // What has no word of its own can only be understood by its cause.
    let cause = (error.code() == Code::Internal).then(|| error.to_string());
    tracing::warn!(command, code = error.code().as_str(), cause, r#ref, "a command failed");
    WireError { code: error.code(), retry_after_ms: error.retry_after_ms(), r#ref }
}

pub(crate) async fn boot_state(boot: &Boot, _: Nothing) -> Result<BootState, AppError> {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let not_open = |phase, error| BootState {
        phase,
        error,
        settings: Settings::default(),
        account: None,
        key_in_file: false,
        key_file: None,
        desk: None,
        version: version.clone(),
    };
    match boot {
        Boot::Ready(app) if app.is_locked() => Ok(not_open(BootPhase::Locked, None)),
        Boot::Ready(app) => {
            let account = app.account().await?;
            Ok(BootState {
                phase: if account.is_some() || app.is_at_twilio() { BootPhase::Ready } else { BootPhase::SignIn },
                error: None,
                settings: settings::read(app.store()).await?,
                account,
                key_in_file: app.key_in_file(),
                key_file: None,
                desk: app.take_desk().await?,
                version,
            })
        }
        Boot::Refused(refusal) if refusal.to_error().code() == Code::Locked => Ok(not_open(BootPhase::Locked, None)),
        Boot::Refused(refusal) => Ok(BootState {
            key_file: refusal.key_file().map(|file| file.display().to_string()),
            ..not_open(BootPhase::Refused, Some(told(boot, "boot_state", &refusal.to_error())))
        }),
    }
}

pub(crate) async fn security_read(boot: &Boot, _: Nothing) -> Result<SecurityView, AppError> {
    app(boot)?.security().await
}

pub(crate) async fn security_write(boot: &Boot, ask: SecuritySettings) -> Result<SecurityView, AppError> {
    app(boot)?.set_security(ask).await
}

pub(crate) async fn lock(boot: &Boot, _: Nothing) -> Result<Nothing, AppError> {
    app(boot)?.lock().await?;
    Ok(Nothing {})
}

pub(crate) async fn unlock(boot: &Boot, ask: UnlockAsk) -> Result<Nothing, AppError> {
    refusal(boot)?.unlock(SecretString::from(ask.passphrase)).await?;
    Ok(Nothing {})
}

pub(crate) async fn start_again(boot: &Boot, _: Nothing) -> Result<Nothing, AppError> {
    refusal(boot)?.start_again();
    Ok(Nothing {})
}

pub(crate) async fn start_anew(boot: &Boot, _: Nothing) -> Result<Nothing, AppError> {
    refusal(boot)?.start_anew().await?;
    Ok(Nothing {})
}

pub(crate) async fn key_choose(boot: &Boot, ask: KeyChooseAsk) -> Result<Nothing, AppError> {
    refusal(boot)?.choose(ask.place, ask.passphrase).await?;
    Ok(Nothing {})
}

pub(crate) async fn key_move(boot: &Boot, ask: KeyMoveAsk) -> Result<Nothing, AppError> {
    app(boot)?.move_key(ask.place, ask.current, ask.passphrase).await?;
    Ok(Nothing {})
}

pub(crate) async fn key_rotate(boot: &Boot, ask: KeyRotateAsk) -> Result<Nothing, AppError> {
    app(boot)?.rotate_key(ask.current).await?;
    Ok(Nothing {})
}

pub(crate) async fn presence(boot: &Boot, _: Nothing) -> Result<Nothing, AppError> {
    app(boot)?.presence();
    Ok(Nothing {})
}

pub(crate) async fn desk_keep(boot: &Boot, ask: Desk) -> Result<Nothing, AppError> {
    app(boot)?.keep_desk(ask)?;
    Ok(Nothing {})
}

pub(crate) async fn session_sign_in(boot: &Boot, ask: SignInAsk) -> Result<AccountView, AppError> {
    let app = app(boot)?;
    app.sign_in(&ask.url, &ask.email, SecretString::from(ask.password), ask.stay_signed_in).await?;
    app.sync_now();
    app.account().await?.ok_or(AppError::NotSignedIn)
}

pub(crate) async fn session_sign_out(boot: &Boot, ask: SignOutAsk) -> Result<Nothing, AppError> {
    app(boot)?.sign_out(ask.wipe).await?;
    Ok(Nothing {})
}

pub(crate) async fn settings_write(boot: &Boot, ask: Settings) -> Result<Settings, AppError> {
    settings::write(app(boot)?.store(), ask).await
}

pub(crate) async fn sync_now(boot: &Boot, _: Nothing) -> Result<Nothing, AppError> {
    app(boot)?.sync_now();
    Ok(Nothing {})
}

pub(crate) async fn sync_nudge(boot: &Boot, _: Nothing) -> Result<Nothing, AppError> {
    app(boot)?.nudge();
    Ok(Nothing {})
}

pub(crate) async fn sync_state(boot: &Boot, _: Nothing) -> Result<SyncState, AppError> {
    Ok(app(boot)?.sync_state())
}

pub(crate) async fn calls_window(boot: &Boot, ask: CallsAsk) -> Result<CallsWindow, AppError> {
    let app = app(boot)?;
    rows::calls_window(app.store(), ask, app.origins()).await
}

pub(crate) async fn call_read(boot: &Boot, ask: CallAsk) -> Result<CallRow, AppError> {
    let app = app(boot)?;
    rows::read_call(app.store(), ask.sid.parse()?, app.origins()).await
}

pub(crate) async fn calls_mark(boot: &Boot, ask: CallsMarkAsk) -> Result<Nothing, AppError> {
    app(boot)?.mark_calls(ask).await
}

pub(crate) async fn calls_csv(boot: &Boot, ask: CsvAsk) -> Result<Saved, AppError> {
    app(boot)?.export_csv(ask).await
}

pub(crate) async fn views_read(boot: &Boot, _: Nothing) -> Result<SavedViews, AppError> {
    app(boot)?.saved_views().await
}

pub(crate) async fn views_write(boot: &Boot, ask: SavedViews) -> Result<SavedViews, AppError> {
    app(boot)?.save_views(ask).await
}

pub(crate) async fn agenda_read(boot: &Boot, ask: AgendaAsk) -> Result<Agenda, AppError> {
    app(boot)?.agenda(ask).await
}

pub(crate) async fn call_page(boot: &Boot, ask: CallAsk) -> Result<CallPage, AppError> {
    let app = app(boot)?;
    call_page::read(app.store(), ask.sid.parse()?, app.origins()).await
}

pub(crate) async fn listening_read(boot: &Boot, ask: CallAsk) -> Result<ListeningView, AppError> {
    listened::read(app(boot)?.store(), ask.sid.parse()?).await
}

pub(crate) async fn listening_keep(boot: &Boot, ask: ListeningKeepAsk) -> Result<Nothing, AppError> {
    let app = app(boot)?;
    listened::keep(app.store(), &ask, app.clock().now_ms()).await?;
    Ok(Nothing {})
}

pub(crate) async fn leads_window(boot: &Boot, ask: LeadsAsk) -> Result<LeadsWindow, AppError> {
    rows::leads_window(app(boot)?.store(), ask).await
}

pub(crate) async fn lead_read(boot: &Boot, ask: LeadAsk) -> Result<LeadPage, AppError> {
    let app = app(boot)?;
    lead_page::read(app.store(), ask.id.parse()?, app.origins()).await
}

pub(crate) async fn lead_open(boot: &Boot, ask: LeadAsk) -> Result<LeadOpened, AppError> {
    app(boot)?.open_lead(ask.id.parse()?).await
}

pub(crate) async fn lead_in_crm(boot: &Boot, ask: LeadAsk) -> Result<Nothing, AppError> {
    app(boot)?.show_in_crm(ask.id.parse()?).await
}

pub(crate) async fn note_add(boot: &Boot, ask: NoteAddAsk) -> Result<NoteAdded, AppError> {
    notes::add(app(boot)?, ask).await
}

pub(crate) async fn note_edit(boot: &Boot, ask: NoteEditAsk) -> Result<Nothing, AppError> {
    notes::edit(app(boot)?, &ask.id, ask.text).await
}

pub(crate) async fn note_retry(boot: &Boot, ask: NoteAsk) -> Result<Nothing, AppError> {
    notes::retry(app(boot)?, &ask.id).await
}

pub(crate) async fn note_discard(boot: &Boot, ask: NoteAsk) -> Result<Nothing, AppError> {
    notes::discard(app(boot)?, &ask.id).await
}

pub(crate) async fn outbox_state(boot: &Boot, _: Nothing) -> Result<OutboxState, AppError> {
    notes::state(app(boot)?).await
}

pub(crate) async fn recording_want(boot: &Boot, ask: RecordingAsk) -> Result<RecordingView, AppError> {
    let app = app(boot)?;
    let id: RecordingId = ask.id.parse()?;
    app.downloads()?.want(&id).await?;
    view_of(app, &id).await
}

pub(crate) async fn recording_cancel(boot: &Boot, ask: RecordingAsk) -> Result<RecordingView, AppError> {
    let app = app(boot)?;
    let id: RecordingId = ask.id.parse()?;
    app.downloads()?.cancel(&id).await?;
    app.deck()?.cancelled(&id).await;
    view_of(app, &id).await
}

async fn view_of(app: &App, id: &RecordingId) -> Result<RecordingView, AppError> {
    Ok(rows::call_of_recording(app.store(), id, app.origins()).await?.1.recording)
}

pub(crate) async fn recording_pin(boot: &Boot, ask: RecordingAsk) -> Result<RecordingView, AppError> {
    let app = app(boot)?;
    let id: RecordingId = ask.id.parse()?;
    app.set_pinned(&id, true).await?;
    match app.downloads()?.want_pinned(&id).await {
        // Nobody is signed in: it is pinned all the same, and comes when somebody asks.
        Ok(()) | Err(AppError::NotSignedIn) => view_of(app, &id).await,
        Err(error) => Err(error),
    }
}

pub(crate) async fn recording_unpin(boot: &Boot, ask: RecordingAsk) -> Result<RecordingView, AppError> {
    let app = app(boot)?;
    let id: RecordingId = ask.id.parse()?;
    app.set_pinned(&id, false).await?;
    view_of(app, &id).await
}

pub(crate) async fn recording_evict(boot: &Boot, ask: RecordingAsk) -> Result<RecordingView, AppError> {
    let app = app(boot)?;
    let id: RecordingId = ask.id.parse()?;
    app.evict_recording(&id).await?;
    view_of(app, &id).await
}

pub(crate) async fn recording_keep(boot: &Boot, ask: RecordingAsk) -> Result<RecordingView, AppError> {
    let app = app(boot)?;
    let id: RecordingId = ask.id.parse()?;
    app.keep_recording(&id).await?;
    view_of(app, &id).await
}

pub(crate) async fn recordings_export(boot: &Boot, ask: ExportAsk) -> Result<Saved, AppError> {
    app(boot)?.export_recordings(ask).await
}

pub(crate) async fn rules_read(boot: &Boot, _: Nothing) -> Result<Rules, AppError> {
    app(boot)?.rules().await
}

pub(crate) async fn rules_write(boot: &Boot, ask: Rules) -> Result<Rules, AppError> {
    app(boot)?.set_rules(ask).await
}

pub(crate) async fn kept_window(boot: &Boot, ask: KeptAsk) -> Result<KeptWindow, AppError> {
    app(boot)?.kept_window(ask).await
}

pub(crate) async fn desktop_show(boot: &Boot, ask: Tray) -> Result<Nothing, AppError> {
    desktop::show(boot, ask)
}

pub(crate) async fn desktop_notify(boot: &Boot, ask: Notice) -> Result<Nothing, AppError> {
    desktop::notify(boot, ask)
}

pub(crate) async fn about_read(boot: &Boot, _: Nothing) -> Result<AboutView, AppError> {
    app(boot)?.about().await
}

pub(crate) async fn storage_state(boot: &Boot, _: Nothing) -> Result<StorageView, AppError> {
    app(boot)?.storage_view().await
}

pub(crate) async fn storage_limits(boot: &Boot, ask: LimitsView) -> Result<StorageView, AppError> {
    app(boot)?.set_limits_view(ask).await
}

pub(crate) async fn storage_evict(boot: &Boot, _: Nothing) -> Result<StorageView, AppError> {
    let app = app(boot)?;
    storage::keep_to_limits(app.library()).await?;
    app.storage_view().await
}

pub(crate) async fn recording_peaks(boot: &Boot, ask: PeaksAsk) -> Result<PeaksView, AppError> {
    let app = app(boot)?;
    let id: RecordingId = ask.id.parse()?;
    match sound::peaks_view(app.library(), &id, ask.buckets).await {
        Err(missing @ AppError::NotHere { .. }) => app.deck()?.shape_so_far(&id, ask.buckets).await?.ok_or(missing),
        known => known,
    }
}

pub(crate) async fn recording_turns(boot: &Boot, ask: RecordingAsk) -> Result<TurnsView, AppError> {
    sound::turns_view(app(boot)?.library(), &ask.id.parse()?).await
}

pub(crate) async fn recording_swap_sides(boot: &Boot, ask: RecordingAsk) -> Result<Nothing, AppError> {
    sides::swap(app(boot)?.store(), &ask.id.parse()?).await?;
    Ok(Nothing {})
}

pub(crate) async fn player_load(boot: &Boot, ask: PlayerLoadAsk) -> Result<PlayerState, AppError> {
    app(boot)?.deck()?.load(ask.id.parse()?, ask.play).await
}

pub(crate) async fn player_play(boot: &Boot, _: Nothing) -> Result<PlayerState, AppError> {
    app(boot)?.deck()?.play().await
}

pub(crate) async fn player_pause(boot: &Boot, _: Nothing) -> Result<PlayerState, AppError> {
    app(boot)?.deck()?.pause().await
}

pub(crate) async fn player_seek(boot: &Boot, ask: PlayerSeekAsk) -> Result<PlayerState, AppError> {
    app(boot)?.deck()?.seek(ask.position_ms).await
}

pub(crate) async fn player_seek_by(boot: &Boot, ask: PlayerSeekByAsk) -> Result<PlayerState, AppError> {
    app(boot)?.deck()?.seek_by(ask.by_ms).await
}

pub(crate) async fn player_tenth(boot: &Boot, ask: PlayerTenthAsk) -> Result<PlayerState, AppError> {
    app(boot)?.deck()?.tenth(ask.tenth).await
}

pub(crate) async fn player_turn(boot: &Boot, ask: PlayerTurnAsk) -> Result<PlayerState, AppError> {
    app(boot)?.deck()?.turn(ask.by).await
}

pub(crate) async fn player_undo(boot: &Boot, _: Nothing) -> Result<PlayerState, AppError> {
    app(boot)?.deck()?.undo_jump().await
}

pub(crate) async fn player_say_again(boot: &Boot, _: Nothing) -> Result<PlayerState, AppError> {
    app(boot)?.deck()?.say_again().await
}

pub(crate) async fn player_repeat(boot: &Boot, ask: PlayerRepeatAsk) -> Result<PlayerState, AppError> {
    app(boot)?.deck()?.repeat(ask).await
}

pub(crate) async fn player_mute(boot: &Boot, ask: PlayerSwitchAsk) -> Result<PlayerState, AppError> {
    app(boot)?.deck()?.set_muted(ask.on).await
}

pub(crate) async fn player_skip_silence(boot: &Boot, ask: PlayerSwitchAsk) -> Result<PlayerState, AppError> {
    app(boot)?.deck()?.set_skip_silence(ask.on).await
}

pub(crate) async fn player_level(boot: &Boot, ask: PlayerSwitchAsk) -> Result<PlayerState, AppError> {
    app(boot)?.deck()?.set_level(ask.on).await
}

pub(crate) async fn player_solo(boot: &Boot, ask: PlayerSoloAsk) -> Result<PlayerState, AppError> {
    app(boot)?.deck()?.set_solo(ask.channel).await
}

pub(crate) async fn player_gain(boot: &Boot, ask: PlayerGainAsk) -> Result<PlayerState, AppError> {
    app(boot)?.deck()?.set_gain(ask.channel, ask.gain).await
}

pub(crate) async fn player_devices(boot: &Boot, _: Nothing) -> Result<DevicesView, AppError> {
    app(boot)?.deck()?.devices().await
}

pub(crate) async fn player_device(boot: &Boot, ask: PlayerDeviceAsk) -> Result<DevicesView, AppError> {
    app(boot)?.deck()?.set_device(ask.id).await
}

pub(crate) async fn player_speed(boot: &Boot, ask: PlayerSpeedAsk) -> Result<PlayerState, AppError> {
    app(boot)?.deck()?.set_speed(ask.speed).await
}

pub(crate) async fn player_volume(boot: &Boot, ask: PlayerVolumeAsk) -> Result<PlayerState, AppError> {
    app(boot)?.deck()?.set_volume(ask.volume).await
}

pub(crate) async fn player_next(boot: &Boot, _: Nothing) -> Result<PlayerState, AppError> {
    app(boot)?.deck()?.next().await
}

pub(crate) async fn player_previous(boot: &Boot, _: Nothing) -> Result<PlayerState, AppError> {
    app(boot)?.deck()?.previous().await
}

pub(crate) async fn queue_read(boot: &Boot, _: Nothing) -> Result<QueueView, AppError> {
    app(boot)?.deck()?.queue().await
}

pub(crate) async fn queue_add(boot: &Boot, ask: QueueAddAsk) -> Result<QueueView, AppError> {
    app(boot)?.deck()?.queue_add(ask).await
}

pub(crate) async fn queue_remove(boot: &Boot, ask: RecordingAsk) -> Result<QueueView, AppError> {
    app(boot)?.deck()?.queue_remove(ask.id.parse()?).await
}

pub(crate) async fn queue_move(boot: &Boot, ask: QueueMoveAsk) -> Result<QueueView, AppError> {
    app(boot)?.deck()?.queue_move(ask).await
}

pub(crate) async fn queue_clear(boot: &Boot, _: Nothing) -> Result<QueueView, AppError> {
    app(boot)?.deck()?.queue_clear().await
}

pub(crate) async fn marks_read(boot: &Boot, ask: CallAsk) -> Result<MarksView, AppError> {
    marks::read(app(boot)?.store(), ask.sid.parse()?).await
}

pub(crate) async fn mark_add(boot: &Boot, ask: MarkAddAsk) -> Result<MarksView, AppError> {
    let app = app(boot)?;
    marks::add(app.store(), ask, app.clock().now_ms()).await
}

pub(crate) async fn mark_rename(boot: &Boot, ask: MarkRenameAsk) -> Result<Nothing, AppError> {
    marks::rename(app(boot)?.store(), ask).await?;
    Ok(Nothing {})
}

pub(crate) async fn mark_delete(boot: &Boot, ask: MarkAsk) -> Result<Nothing, AppError> {
    marks::delete(app(boot)?.store(), ask.id).await?;
    Ok(Nothing {})
}

pub(crate) async fn player_state(boot: &Boot, _: Nothing) -> Result<PlayerState, AppError> {
    Ok(app(boot)?.deck()?.state())
}

/// The doctor looks into a refused start, too; into what is locked nobody looks.
fn not_locked(boot: &Boot) -> Result<(), AppError> {
    match boot {
        Boot::Ready(app) if app.is_locked() => Err(AppError::Locked),
        Boot::Refused(refusal) if refusal.to_error().code() == Code::Locked => Err(AppError::Locked),
        Boot::Ready(_) | Boot::Refused(_) => Ok(()),
    }
}

pub(crate) async fn doctor_steps(boot: &Boot, _: Nothing) -> Result<DoctorSteps, AppError> {
    not_locked(boot)?;
    Ok(DoctorSteps { steps: doctor::Step::ALL.map(doctor::Step::as_str).to_vec() })
}

pub(crate) async fn doctor_look(boot: &Boot, ask: DoctorAsk) -> Result<DoctorLooked, AppError> {
    not_locked(boot)?;
    let found = doctor::Patient::of(boot).look(ask.step.parse()?).await;
    let view = |one: doctor::Found| DoctorFound {
        check: one.finding.check(),
        finding: one.finding.as_str(),
        status: one.finding.status(),
        n: one.n,
        what: one.what,
        is_mendable: one.finding.is_mendable(),
    };
    Ok(DoctorLooked { found: found.into_iter().map(view).collect() })
}

pub(crate) async fn doctor_mend(boot: &Boot, _: Nothing) -> Result<DoctorMending, AppError> {
    not_locked(boot)?;
    let mending = doctor::mend(boot).await?;
    let done = mending.done.iter().map(|one| DoctorMended { mend: one.as_str(), n: one.n() }).collect();
    Ok(DoctorMending { done, restart: mending.restart })
}
