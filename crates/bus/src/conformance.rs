//! The suite that every bus must pass, run by each adapter's tests against a bus of its own.
