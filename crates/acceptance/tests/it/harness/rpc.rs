//! Raw gRPC calls, for what `anchore-cli` does not do.

use std::future::Future;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proto::events::v1::event_service_client::EventServiceClient;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use tonic_types::StatusExt;

use super::User;

/// A program with an account.
pub struct Rpc {
    pub channel: Channel,
    pub events: EventServiceClient<Channel>,
    authorization: MetadataValue<Ascii>,
}

impl Rpc {
    pub async fn connect(url: &str, user: User) -> Self {
        let endpoint = Endpoint::from_shared(url.to_owned()).expect("a URL");
        let channel = endpoint.connect().await.unwrap_or_else(|error| panic!("{url}: {error}"));
        let credentials = STANDARD.encode(format!("{}:{}", user.name, user.password));
        let authorization = format!("Basic {credentials}").parse().expect("base64 is ASCII");
        Self { channel: channel.clone(), events: EventServiceClient::new(channel), authorization }
    }

    pub fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", self.authorization.clone());
        request
    }
}

/// Runs calls in a test that is otherwise without async.
pub fn block_on<T>(calls: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.expect("a runtime").block_on(calls)
}

/// The fields that a status names in its `google.rpc.BadRequest`, each with what is wrong.
pub fn wrong_fields(status: &Status) -> Vec<(String, String)> {
    let details = status.get_details_bad_request().map(|details| details.field_violations).unwrap_or_default();
    details.into_iter().map(|violation| (violation.field, violation.description)).collect()
}
