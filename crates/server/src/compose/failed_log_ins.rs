//! Failed log-ins become events: of this process's doors, whichever service checked them.

use accounts::{Accounts, FailedLogIns};
use anyhow::Context;
use emitter::{Emitter, Notice};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::bound::Tasks;
use crate::ground::Ground;
use crate::service_name::ServiceName;

const EVENT_TYPE: &str = "login_fail";

/// The events name one of `services`: the store, where it is among them.
pub fn spawn(ground: &Ground, services: &[ServiceName], stop: &CancellationToken, tasks: &mut Tasks) {
    let mut sources = services.iter().copied().filter(|service| service.uses_bus());
    let store = sources.clone().find(|service| *service == ServiceName::EventsStore);
    // Without a bus, as in a gateway's process, no credentials are checked either.
    let Some(source) = store.or_else(|| sources.next()) else { return };
    let Ok(emitter) = ground.emitter(source) else { return };
    let (accounts, stop) = (ground.accounts.clone(), stop.child_token());
    tasks.spawn(async move { ("failed log-ins", report(accounts, emitter, stop).await) });
}

async fn report(accounts: Accounts, emitter: Emitter, stop: CancellationToken) -> anyhow::Result<()> {
    let owner: event::AccountName = "admin".parse().context("a valid account name")?;
    let kind = event::lookup(EVENT_TYPE).context("the catalogue of events has it")?;
    let emit = async |failed: FailedLogIns| {
        let FailedLogIns { client, failures, refused, .. } = &failed;
        warn!(client, failures, refused, "log-ins failed");
        let notice = Notice {
            kind,
            account: owner.clone(),
            resource_id: failed.only_user().map(ToString::to_string),
            details: failed.into_details(),
        };
        if let Err(error) = emitter.emit(notice).await {
            error!(error = error.chain(), "cannot report that log-ins failed");
        }
    };
    while let Some(reports) = stop.run_until_cancelled(accounts.next_failed_log_ins()).await {
        for failed in reports {
            emit(failed).await;
        }
    }
    for failed in accounts.take_failed_log_ins() {
        emit(failed).await;
    }
    Ok(())
}
