//! The configuration of an image (OCI image specification, config), as far as it matters.

use oci_registry::{Digest, Platform};
use serde_json::Value;

#[derive(Debug, PartialEq, Eq)]
pub struct Configuration {
    pub platform: Platform,
    /// Of each layer, from the base up.
    pub diff_ids: Vec<Digest>,
}

impl Configuration {
    /// # Errors
    /// What is wrong, as a fragment after "the configuration".
    pub fn parse(content: &[u8]) -> Result<Self, String> {
        let Ok(Value::Object(document)) = serde_json::from_slice::<Value>(content) else {
            return Err("is no JSON object".to_owned());
        };
        let text = |name: &str| document.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let required = |name: &str| text(name).map(short).ok_or_else(|| format!("has no `{name}`"));
        let platform = Platform {
            os: required("os")?,
            architecture: required("architecture")?,
            variant: text("variant").map(short),
        };
        let diff_ids = document.get("rootfs").and_then(|rootfs| rootfs.get("diff_ids")).and_then(Value::as_array);
        let diff_ids = diff_ids.ok_or("has no `rootfs.diff_ids`")?;
        let read = |(number, value): (usize, &Value)| {
            let digest = value.as_str().and_then(|text| text.parse().ok());
            digest.ok_or_else(|| format!("has no valid `rootfs.diff_ids[{number}]`"))
        };
        Ok(Self { platform, diff_ids: diff_ids.iter().enumerate().map(read).collect::<Result<_, _>>()? })
    }
}

fn short(text: &str) -> String {
    cause::truncated(text, 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_names_its_platform_and_layers() {
        let digest = Digest::sha256(b"");
        let document = |diff_ids: &str| {
            format!(r#"{{"os":"linux","architecture":"arm64","variant":"v8","rootfs":{{"diff_ids":{diff_ids}}}}}"#)
        };
        let read = Configuration::parse(document(&format!("[\"{digest}\"]")).as_bytes()).unwrap();
        assert_eq!((read.platform.to_string().as_str(), read.diff_ids), ("linux/arm64/v8", vec![digest]));
        let check = |text: &str, expected: &str| {
            assert_eq!(Configuration::parse(text.as_bytes()).unwrap_err(), expected, "{text}");
        };
        check("<html>", "is no JSON object");
        check("[]", "is no JSON object");
        check(r#"{"architecture":"amd64"}"#, "has no `os`");
        check(r#"{"os":"linux","architecture":"amd64"}"#, "has no `rootfs.diff_ids`");
        check(&document("[\"x\"]"), "has no valid `rootfs.diff_ids[0]`");
    }
}
