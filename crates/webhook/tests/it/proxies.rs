//! A proxy of the environment would resolve the name, where nobody could judge the address.

use std::process::Command;

use fixtures::Receiver;

use crate::example::{config, send};

const MARK: &str = "WEBHOOK_TEST_RECEIVER";
const NAMES: [&str; 6] = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// An environment belongs to a process, so the test runs itself once more with another one.
#[tokio::test]
async fn the_proxy_of_the_environment_is_not_used() {
    if let Some(receiver) = std::env::var_os(MARK) {
        let attempt = send(config(receiver.to_str().unwrap())).await;
        assert!(attempt.outcome.is_delivered(), "{attempt:?}");
        return;
    }
    let (receiver, proxy) = (Receiver::always(200), Receiver::always(200));
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", "proxies::the_proxy_of_the_environment_is_not_used"]).env(MARK, receiver.url());
    let output =
        again.envs(NAMES.map(|name| (name, proxy.url()))).env_remove("NO_PROXY").env_remove("no_proxy").output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!((receiver.requests().len(), proxy.connections()), (1, 0));
}
