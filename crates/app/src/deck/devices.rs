//! Where the sound goes.

use aftercall_player::output;

use super::Deck;
use super::dto::{DeviceView, DevicesView};
use crate::errors::AppError;
use crate::settings;

impl Deck {
    /// The devices that are there, and the chosen one.
    pub async fn devices(&self) -> Result<DevicesView, AppError> {
        let chosen = settings::sound(&self.0.library.store).await?.device;
        let output = self.0.output.clone();
        let found = tokio::task::spawn_blocking(move || output::devices(&output)).await;
        let found = found.map_err(|_| AppError::Panicked)?;
        let devices: Vec<_> = found.into_iter().map(|device| DeviceView { id: device.id, name: device.name }).collect();
        let chosen_missing = chosen.as_ref().is_some_and(|id| devices.iter().all(|device| device.id != *id));
        Ok(DevicesView { devices, chosen, chosen_missing })
    }

    /// Chooses one, for later calls and starts too; what plays goes on there.
    pub async fn set_device(&self, id: Option<String>) -> Result<DevicesView, AppError> {
        let before = self.devices().await?;
        if id.as_ref().is_some_and(|id| before.devices.iter().all(|device| device.id != *id)) {
            return Err(AppError::NotFound("device"));
        }
        settings::keep_device(&self.0.library.store, id.clone()).await?;
        {
            let mut chosen = self.0.chosen.lock().await;
            self.blocking(move |player| player.set_device(id)).await?;
            self.show(&mut chosen);
        }
        self.devices().await
    }
}
