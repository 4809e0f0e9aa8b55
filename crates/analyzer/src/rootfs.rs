//! The root file system of an image, as far as it is looked into: which paths matter, what the layers say of them, and
//! what is left of it when the layers lie upon one another.

mod kept_file;
mod path;
mod tree;
mod wanted;

pub use kept_file::KeptFile;
pub use path::{OutsideRoot, normalized, parent_and_name};
pub use tree::{Found, LayerView, Node, Tree};
pub use wanted::{APK_FOLDERS, DPKG_STATUS, DPKG_STATUS_FOLDER, OS_RELEASE, RPM_FOLDERS, Wanted, wanted};
