//! The programs under test.

use std::path::{Path, PathBuf};

pub fn server_program() -> PathBuf {
    built("anchore-events")
}

pub fn client_program() -> PathBuf {
    built("anchore-cli")
}

pub fn demo_program() -> PathBuf {
    built("demo")
}

/// Lies in `target/<profile>`, and this test in `target/<profile>/deps`.
fn built(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a running program has a path");
    let folder = test.parent().and_then(Path::parent).expect("a test lies two folders deep");
    let program = folder.join(name);
    assert!(program.is_file(), "`{}` is not there: run `cargo xtask test`, which builds it", program.display());
    program
}
