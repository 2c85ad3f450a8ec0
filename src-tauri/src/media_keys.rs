//! Media keys and the desktop's own controls, on Linux by MPRIS (<https://specifications.freedesktop.org/mpris-spec>).
//!
//! Spoken by ourselves over the bus that is here anyway: what it costs is a reply when somebody asks, and where there is no
//! session bus there are no media keys, silently.

use aftercall_app::now_playing::NowPlaying;

/// What somebody pressed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Press {
    Play,
    Pause,
    PlayPause,
    Next,
    Previous,
    /// From what is heard now, in milliseconds.
    SeekBy(i64),
    /// To there, in milliseconds.
    SeekTo(i64),
    /// Shows the window.
    Raise,
    Quit,
}

/// The controls, as the app tells them what plays.
#[derive(Default)]
pub struct MediaKeys {
    #[cfg(target_os = "linux")]
    bus: std::sync::OnceLock<tokio::sync::watch::Sender<Option<NowPlaying>>>,
}

impl MediaKeys {
    /// Answers the desktop from now on; each press is handed to `pressed`.
    #[cfg(target_os = "linux")]
    pub fn open(&self, pressed: impl Fn(Press) + Send + Sync + 'static) {
        let (told, tells) = tokio::sync::watch::channel(None);
        if self.bus.set(told).is_ok() {
            tauri::async_runtime::spawn(async move {
                if let Err(error) = mpris::serve(tells, std::sync::Arc::new(pressed)).await {
                    tracing::debug!(%error, "the desktop's controls cannot be served");
                }
            });
        }
    }

    /// Elsewhere nobody has tried them yet.
    #[cfg(not(target_os = "linux"))]
    pub fn open(&self, _: impl Fn(Press) + Send + Sync + 'static) {}

    /// Shows it; none = nothing is in the player.
    #[cfg(target_os = "linux")]
    pub fn show(&self, now: Option<NowPlaying>) {
        if let Some(bus) = self.bus.get() {
            bus.send_replace(now);
        }
    }

    /// Elsewhere nothing is shown.
    #[cfg(not(target_os = "linux"))]
    pub fn show(&self, _: Option<NowPlaying>) {}
}

#[cfg(target_os = "linux")]
mod mpris {
    use std::collections::HashMap;
    use std::sync::Arc;
    use std::time::Instant;

    use aftercall_app::now_playing::NowPlaying;
    use tokio::sync::watch;
    use zbus::object_server::SignalEmitter;
    use zbus::zvariant::{ObjectPath, Value};
    use zbus::{fdo, interface};

    use super::Press;

    const PATH: &str = "/org/mpris/MediaPlayer2";
    const NAME: &str = "org.mpris.MediaPlayer2.aftercall";
    /// The one track there is, and what stands for none.
    const TRACK: &str = "/aftercall/track";
    const NO_TRACK: &str = "/org/mpris/MediaPlayer2/TrackList/NoTrack";
    /// A position that is further off than this from where it would have come by playing was jumped to.
    const JUMP_MS: i64 = 400;

    type Pressed = Arc<dyn Fn(Press) + Send + Sync>;

    /// Serves until the app ends. Nothing is on the bus before something is in the player.
    pub async fn serve(mut tells: watch::Receiver<Option<NowPlaying>>, pressed: Pressed) -> zbus::Result<()> {
        loop {
            if tells.wait_for(Option::is_some).await.is_err() {
                return Ok(());
            }
            let Some(now) = tells.borrow_and_update().clone() else { continue };
            let player = Player { now, told: Instant::now(), pressed: Arc::clone(&pressed) };
            let root = Root { pressed: Arc::clone(&pressed) };
            let bus =
                zbus::connection::Builder::session()?.serve_at(PATH, root)?.serve_at(PATH, player)?.build().await?;
            // A second profile's window stands beside the first.
            let mut name = NAME.to_owned();
            if bus.request_name(&*name).await.is_err() {
                name = format!("{NAME}.instance{}", std::process::id());
                bus.request_name(&*name).await?;
            }
            let player = bus.object_server().interface::<_, Player>(PATH).await?;
            loop {
                if tells.changed().await.is_err() {
                    return Ok(());
                }
                let Some(now) = tells.borrow_and_update().clone() else { break };
                let mut shown = player.get_mut().await;
                let jumped = shown.take(now);
                shown.tell(player.signal_emitter(), jumped).await?;
            }
            drop(player);
            bus.release_name(&*name).await?;
        }
    }

    struct Root {
        pressed: Pressed,
    }

    #[interface(name = "org.mpris.MediaPlayer2")]
    impl Root {
        fn raise(&self) {
            (self.pressed)(Press::Raise);
        }

        fn quit(&self) {
            (self.pressed)(Press::Quit);
        }

        #[zbus(property)]
        fn can_quit(&self) -> bool {
            true
        }

        #[zbus(property)]
        fn can_raise(&self) -> bool {
            true
        }

        #[zbus(property)]
        fn has_track_list(&self) -> bool {
            false
        }

        #[zbus(property)]
        fn identity(&self) -> &str {
            "Aftercall"
        }

        #[zbus(property)]
        fn desktop_entry(&self) -> &str {
            "aftercall"
        }

        #[zbus(property)]
        fn supported_uri_schemes(&self) -> &[&str] {
            &[]
        }

        #[zbus(property)]
        fn supported_mime_types(&self) -> &[&str] {
            &[]
        }
    }

    struct Player {
        now: NowPlaying,
        /// When that was true.
        told: Instant,
        pressed: Pressed,
    }

    /// What became another than by going on.
    #[derive(Default)]
    struct Changed {
        status: bool,
        metadata: bool,
        pace: bool,
        next: bool,
        jumped: bool,
    }

    impl Player {
        fn position_ms(&self) -> i64 {
            let gone_ms = if self.now.plays { self.told.elapsed().as_secs_f64() * 1e3 * self.now.pace } else { 0.0 };
            let position_ms = self.now.position_ms + gone_ms as i64;
            self.now.duration_ms.map_or(position_ms, |duration_ms| position_ms.min(duration_ms))
        }

        fn take(&mut self, now: NowPlaying) -> Changed {
            let changed = Changed {
                status: now.plays != self.now.plays,
                metadata: (&now.title, now.duration_ms) != (&self.now.title, self.now.duration_ms),
                pace: now.pace != self.now.pace,
                next: now.has_next != self.now.has_next,
                jumped: (now.position_ms - self.position_ms()).abs() > JUMP_MS,
            };
            self.now = now;
            self.told = Instant::now();
            changed
        }

        async fn tell(&self, emitter: &SignalEmitter<'_>, changed: Changed) -> zbus::Result<()> {
            if changed.status {
                self.playback_status_changed(emitter).await?;
            }
            if changed.metadata {
                self.metadata_changed(emitter).await?;
            }
            if changed.pace {
                self.rate_changed(emitter).await?;
            }
            if changed.next {
                self.can_go_next_changed(emitter).await?;
            }
            if changed.jumped {
                Self::seeked(emitter, self.now.position_ms.saturating_mul(1_000)).await?;
            }
            Ok(())
        }
    }

    /// Names are those of the interface: each is called by the desktop.
    #[interface(name = "org.mpris.MediaPlayer2.Player")]
    impl Player {
        fn next(&self) {
            (self.pressed)(Press::Next);
        }

        fn previous(&self) {
            (self.pressed)(Press::Previous);
        }

        fn play(&self) {
            (self.pressed)(Press::Play);
        }

        fn pause(&self) {
            (self.pressed)(Press::Pause);
        }

        fn play_pause(&self) {
            (self.pressed)(Press::PlayPause);
        }

        fn stop(&self) {
            (self.pressed)(Press::Pause);
        }

        fn seek(&self, offset_us: i64) {
            (self.pressed)(Press::SeekBy(offset_us / 1_000));
        }

        /// Of another track, or beyond its end, is to be passed over.
        fn set_position(&self, track: ObjectPath<'_>, position_us: i64) {
            let position_ms = position_us / 1_000;
            let is_within = position_ms >= 0 && self.now.duration_ms.is_none_or(|length_ms| position_ms <= length_ms);
            if track.as_str() == TRACK && is_within {
                (self.pressed)(Press::SeekTo(position_ms));
            }
        }

        fn open_uri(&self, _uri: &str) -> fdo::Result<()> {
            Err(fdo::Error::NotSupported("calls are opened in the window".into()))
        }

        #[zbus(property)]
        fn playback_status(&self) -> &str {
            if self.now.plays { "Playing" } else { "Paused" }
        }

        #[zbus(property)]
        fn metadata(&self) -> HashMap<&str, Value<'_>> {
            let track = if self.now.duration_ms.is_some() { TRACK } else { NO_TRACK };
            let length_us = self.now.duration_ms.unwrap_or(0).saturating_mul(1_000);
            HashMap::from([
                ("mpris:trackid", Value::new(ObjectPath::from_static_str_unchecked(track))),
                ("mpris:length", Value::new(length_us)),
                ("xesam:title", Value::new(self.now.title.as_str())),
            ])
        }

        /// It goes by another pace, too, which is set in the window.
        #[zbus(property)]
        fn rate(&self) -> f64 {
            self.now.pace
        }

        #[zbus(property(emits_changed_signal = "false"))]
        fn position(&self) -> i64 {
            self.position_ms().saturating_mul(1_000)
        }

        #[zbus(property)]
        fn minimum_rate(&self) -> f64 {
            0.5
        }

        #[zbus(property)]
        fn maximum_rate(&self) -> f64 {
            3.0
        }

        #[zbus(property)]
        fn volume(&self) -> f64 {
            1.0
        }

        #[zbus(property)]
        fn can_go_next(&self) -> bool {
            self.now.has_next
        }

        #[zbus(property)]
        fn can_go_previous(&self) -> bool {
            true
        }

        #[zbus(property)]
        fn can_play(&self) -> bool {
            true
        }

        #[zbus(property)]
        fn can_pause(&self) -> bool {
            true
        }

        #[zbus(property)]
        fn can_seek(&self) -> bool {
            true
        }

        #[zbus(property(emits_changed_signal = "false"))]
        fn can_control(&self) -> bool {
            true
        }

        #[zbus(signal)]
        async fn seeked(emitter: &SignalEmitter<'_>, position_us: i64) -> zbus::Result<()>;
    }
}

#[cfg(all(test, target_os = "linux"))]
#[path = "media_keys_tests.rs"]
mod tests;
