//! Keys of anchore-engine's configuration that have no meaning here (contract 5.1). They are read over and named in one
//! warning, so that an old file can be used as it is.

use service::config::Section;

pub fn ignore_root(root: &mut Section) {
    root.ignore(&[
        "allow_awsecr_iam_auto",
        "anchore_scratch_dir",
        "auto_restart_services",
        "auto_policy_sync",
        "cleanup_images",
        "credentials",
        "default_admin_email",
        "default_admin_password",
        "docker_conn",
        "docker_conn_timeout",
        "external_endpoint",
        "feeds",
        "image_analyze_timeout_seconds",
        "internal_ssl_verify",
        "keys",
        "log_level",
        "max_compressed_image_size_mb",
        "metrics",
        "service_dir",
        "skopeo_global_timeout",
        "tmp_dir",
        "user_authentication",
    ]);
}

pub fn ignore_services(services: &mut Section) {
    services.ignore(&[
        "apiext",
        "feeds",
        "kubernetes_webhook",
        "rbac_authorizer",
        "rbac_manager",
        "reports",
        "simplequeue",
    ]);
}
