//! Whole-system tests, in `tests/it`: they start `anchore-events` and `anchore-cli` as programs and meet them at their
//! public doors only.
//!
//! Relies on the programs having been built (`cargo xtask test` does so first) and on the servers in `fixtures`.
//! Deliberately links no service, no adapter, and neither of the programs; `proto` is here for raw gRPC calls.
