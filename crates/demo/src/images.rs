//! The images of the demo's registry.

use std::path::Path;
use std::time::Duration;

use outbound::Url;

use crate::archive::archive;
use crate::registry::Repository;

const REPOSITORY: &str = "team/app";
/// After which `latest` moves on, or back.
const CYCLE: Duration = Duration::from_mins(1);
const TRY_AGAIN: Duration = Duration::from_secs(2);

/// Puts all of them there again in each cycle: the registry may have begun anew.
pub async fn keep(registry: &Url, folder: &Path) -> anyhow::Result<()> {
    let repository = Repository::new(registry, REPOSITORY)?;
    let old = archive(folder, &[("app/version", "1.0\n")])?;
    let new = archive(folder, &[("app/version", "1.1\n")])?;
    let mut is_new = false;
    loop {
        let latest = if is_new { &new } else { &old };
        let pushed = async {
            repository.push(&["1.0"], old.clone()).await?;
            // No archive at all.
            repository.push(&["broken"], b"This layer was cut off by a proxy.\n".to_vec()).await?;
            repository.push(&["latest"], latest.clone()).await
        };
        match pushed.await {
            Ok(()) => {
                println!("{REPOSITORY}: `latest` is version {}", if is_new { "1.1" } else { "1.0" });
                is_new = !is_new;
                tokio::time::sleep(CYCLE).await;
            }
            Err(error) => {
                println!("{REPOSITORY}: {error:#}");
                tokio::time::sleep(TRY_AGAIN).await;
            }
        }
    }
}
