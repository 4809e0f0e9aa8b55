//! Networks by name, as a setting lists them.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// A set of networks, each given as `10.1.0.0/16`, or as one address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks(Vec<IpNet>);

/// A text that names no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    #[error("`{0}` is no network, expected one such as `10.1.0.0/16`, `fd12:3456::/32` or `127.0.0.1`")]
    Malformed(String),
    #[error("`{given}` has bits beyond its prefix, expected `{expected}` for the whole network")]
    NotItsFirstAddress { given: String, expected: IpNet },
    #[error("more than {} networks", Networks::MAX)]
    TooMany,
    #[error("`{0}` stands for an IPv4 network, expected that one")]
    Mapped(String),
}

impl Networks {
    /// Most networks of one setting.
    pub const MAX: usize = 256;

    /// Adds the network that `text` names.
    pub fn add(&mut self, text: &str) -> Result<(), NetworkError> {
        let network = parse(text)?;
        if self.0.len() == Self::MAX {
            return Err(NetworkError::TooMany);
        }
        self.0.push(network);
        Ok(())
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a network of the same family holds `address`. An IPv4 address within IPv6 counts as IPv4: that is where
    /// a connection to it goes.
    pub fn hold(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// Networks with commas or blanks between them.
impl FromStr for Networks {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut networks = Self::default();
        let names = text.split([',', ' ']).filter(|name| !name.is_empty());
        for name in names {
            networks.add(name)?;
        }
        Ok(networks)
    }
}

fn parse(text: &str) -> Result<IpNet, NetworkError> {
    let text = text.trim();
    let short = || text.chars().take(64).collect::<String>();
    let network = match text.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address),
        Err(_) => text.parse::<IpNet>().map_err(|_| NetworkError::Malformed(short()))?,
    };
    if matches!(network.network(), IpAddr::V6(first) if first.to_ipv4_mapped().is_some()) {
        return Err(NetworkError::Mapped(short()));
    }
    if network.trunc() != network {
        return Err(NetworkError::NotItsFirstAddress { given: short(), expected: network.trunc() });
    }
    Ok(network)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_named_networks_are_held() {
        let networks: Networks = "10.1.0.0/16, fd12:3456::/32 127.0.0.1".parse().unwrap();
        let check = |address: &str, expected: bool| {
            assert_eq!(networks.hold(address.parse().unwrap()), expected, "{address}");
        };
        check("10.1.0.0", true);
        check("10.1.255.255", true);
        check("::ffff:10.1.2.3", true);
        check("10.2.0.0", false);
        check("10.0.255.255", false);
        check("127.0.0.1", true);
        check("127.0.0.2", false);
        check("::1", false);
        check("fd12:3456:789a::1", true);
        check("fd12:3457::1", false);
        check("::a01:203", false);
    }

    #[test]
    fn what_is_no_network_is_refused() {
        let check = |text: &str, part: &str| {
            let error = text.parse::<Networks>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        };
        check("10.1.2.3/16", "expected `10.1.0.0/16`");
        check("fd00::1/8", "expected `fd00::/8`");
        check("::ffff:10.0.0.0/104", "stands for an IPv4 network");
        for text in [
            "private",
            "10.0.0.0/33",
            "10.0.0",
            "10.0.0.0/-1",
            "10.0.0.0/255.0.0.0",
            "fe80::1%eth0",
            "0x7f.1",
            "010.0.0.1",
        ] {
            check(text, "is no network");
        }
        check(&"10.0.0.0/8 ".repeat(Networks::MAX + 1), "more than 256 networks");
        assert!("".parse::<Networks>().unwrap().is_empty());
    }
}
