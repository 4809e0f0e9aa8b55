//! Real root file systems, made by the tools that make them, pushed by skopeo: what is found in them is what their own
//! package manager lists.
//!
//! They are made once, below the target directory. It takes root, the network and `debootstrap`, `skopeo` and `rpm`,
//! which `cargo xtask test` installs.

mod layout;
mod roots;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use analyzer::{Analysis, Bounds, PlatformChoice, Registries, analyse, resolve};
use event::SystemClock;
use fixtures::{RegistryAccess, RegistryServer};
use oci_registry::{ImageReference, Repository};

use self::roots::Root;

#[tokio::test(flavor = "multi_thread")]
async fn the_inventory_is_what_the_package_manager_lists() {
    let registry = RegistryServer::start(RegistryAccess::Everybody);
    let mut compared = 0;
    for root in roots::all() {
        let reference = format!("{}/roots/{}:1", registry.registry(), root.name);
        push(&root, &reference);
        let analysis = analysed(&reference).await;
        let inventory = &analysis.inventory;
        assert_eq!(inventory.unknowns, [], "{}", root.name);
        let found = inventory.packages.iter().map(|package| format!("{} {}", package.name, package.version));
        let found = sorted(found.collect());
        let missing: Vec<_> = root.listed.iter().filter(|listed| !found.contains(listed)).collect();
        let surplus: Vec<_> = found.iter().filter(|found| !root.listed.contains(found)).collect();
        assert!(missing.is_empty() && surplus.is_empty(), "{}: missing {missing:?}, surplus {surplus:?}", root.name);
        assert_eq!(found, root.listed, "{}: each as often as it is installed", root.name);
        let distribution = inventory.distribution.as_ref().map(|distribution| distribution.id.as_str());
        assert_eq!(distribution, Some(root.distribution.as_str()), "{}", root.name);
        println!(
            "{}: {} packages agree, {} entries, {} bytes unpacked",
            root.name,
            found.len(),
            analysis.entries,
            analysis.unpacked_bytes
        );
        compared += 1;
    }
    assert!(compared >= 4, "{compared} roots");
}

fn push(root: &Root, reference: &str) {
    let directory = tempfile::TempDir::new().unwrap();
    layout::write(&root.layers, root.packing, directory.path());
    run(
        "skopeo",
        &[
            "copy",
            "--quiet",
            "--dest-tls-verify=false",
            &format!("oci:{}", directory.path().display()),
            &format!("docker://{reference}"),
        ],
    );
}

async fn analysed(reference: &str) -> Analysis {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let reference: ImageReference = reference.parse().unwrap();
    let registries = Registries::new(Vec::new(), Duration::from_mins(1), Arc::new(SystemClock));
    let manifest = reference.manifest().unwrap();
    let mut session = registries.session(Repository { name: reference.repository, insecure: true }).unwrap();
    let fetched = resolve(&mut session, &manifest).await.unwrap();
    analyse(&mut session, fetched, &PlatformChoice::default(), &Bounds::default()).await.unwrap()
}

/// Standard output of a program that did its work.
fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}; `cargo xtask test` installs it"));
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A package may be installed for several architectures.
fn sorted(mut packages: Vec<String>) -> Vec<String> {
    packages.sort();
    packages
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
