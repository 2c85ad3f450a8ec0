//! The network between the app and the CRM, which can be taken away and given back: the CRM itself goes on.

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

use crate::failure::Failure;

/// A port of this computer that leads to the CRM's.
pub struct Wire {
    port: u16,
    to: u16,
    open: Option<AbortHandle>,
}

impl Wire {
    /// A wire to the CRM at `url`.
    pub async fn to(url: &str) -> Result<Self, Failure> {
        let port = url.rsplit(':').next().and_then(|port| port.trim_end_matches('/').parse().ok());
        let to = port.ok_or_else(|| Failure::answer("aftercall-sandbox", format!("{url} has no port")))?;
        let mut wire = Self { port: 0, to, open: None };
        wire.mend().await?;
        Ok(wire)
    }

    /// Where the app finds the CRM.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// No network: what is open breaks off, what comes is refused.
    pub fn cut(&mut self) {
        if let Some(open) = self.open.take() {
            open.abort();
        }
    }

    /// The network is back, at the same place.
    pub async fn mend(&mut self) -> Result<(), Failure> {
        let failed = |error| Failure::answer("the loopback interface", error);
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.map_err(failed)?;
        self.port = listener.local_addr().map_err(failed)?.port();
        let to = self.to;
        let carries = tokio::spawn(async move {
            // Dropped with the listener: every connection ends.
            let mut connections = JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                connections.spawn(async move {
                    if let Ok(mut far) = TcpStream::connect(("127.0.0.1", to)).await {
                        // A connection that breaks off is what a wire is for.
                        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                    }
                });
                while connections.try_join_next().is_some() {}
            }
        });
        self.open = Some(carries.abort_handle());
        Ok(())
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.cut();
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn what_is_cut_carries_nothing_until_it_is_mended() {
        let crm = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let url = format!("http://127.0.0.1:{}/", crm.local_addr().expect("a port").port());
        tokio::spawn(async move {
            while let Ok((mut one, _)) = crm.accept().await {
                let _ = one.write_all(b"here").await;
            }
        });
        let mut wire = Wire::to(&url).await.expect("a wire");
        let port = wire.port;
        let said = || async move {
            let mut said = String::new();
            TcpStream::connect(("127.0.0.1", port)).await?.read_to_string(&mut said).await?;
            Ok::<_, std::io::Error>(said)
        };
        assert_eq!(said().await.expect("carried"), "here");
        wire.cut();
        tokio::task::yield_now().await;
        assert!(said().await.is_err());
        wire.mend().await.expect("the same port");
        assert_eq!((said().await.expect("carried"), wire.port), ("here".to_owned(), port));
    }
}
