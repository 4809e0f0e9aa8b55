//! Settings of services that this release does not have yet: read and checked, so that a file written for them is not
//! refused.

use service::config::Section;

/// The rest of `services.analyzer`.
pub fn read_analyzer(analyzer: &mut Section) {
    analyzer.number("max_jobs", 1, 1..=64);
}
