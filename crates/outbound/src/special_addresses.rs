//! Addresses that are no public host's: the registries of special-purpose addresses (IANA, RFC 6890), what clouds put
//! beside them, and the forms in which IPv6 carries an IPv4 address along.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// The first network that holds an address says what it is, so a part stands before the whole.
const V4: [(Ipv4Net, &str); 18] = [
    (v4(0, 0, 0, 0, 32), "the unspecified address, which means this host"),
    (v4(0, 0, 0, 0, 8), "an address of this host or network (RFC 1122)"),
    (v4(10, 0, 0, 0, 8), "a private address (RFC 1918)"),
    (v4(100, 64, 0, 0, 10), "an address between a carrier and its customers (RFC 6598)"),
    (v4(127, 0, 0, 0, 8), "a loopback address, which means this host"),
    (v4(168, 63, 129, 16, 32), "where a cloud answers its own machines (Azure)"),
    (v4(169, 254, 169, 254, 32), "where a cloud tells its machines their secrets (instance metadata)"),
    (v4(169, 254, 0, 0, 16), "a link-local address (RFC 3927)"),
    (v4(172, 16, 0, 0, 12), "a private address (RFC 1918)"),
    (v4(192, 0, 0, 0, 24), "an address of a protocol and of no host (RFC 6890)"),
    (v4(192, 0, 2, 0, 24), "an address for documentation (RFC 5737)"),
    (v4(192, 88, 99, 0, 24), "an address of 6to4 relays (RFC 7526)"),
    (v4(192, 168, 0, 0, 16), "a private address (RFC 1918)"),
    (v4(198, 18, 0, 0, 15), "an address for benchmarks (RFC 2544)"),
    (v4(198, 51, 100, 0, 24), "an address for documentation (RFC 5737)"),
    (v4(203, 0, 113, 0, 24), "an address for documentation (RFC 5737)"),
    (v4(224, 0, 0, 0, 4), "a multicast address"),
    (v4(240, 0, 0, 0, 4), "a reserved or broadcast address (RFC 1112)"),
];

const V6: [(Ipv6Net, &str); 19] = [
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 128), "the unspecified address, which means this host"),
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), "a loopback address, which means this host"),
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 96), "an IPv4-compatible address, which stands for an IPv4 address (RFC 4291)"),
    (v6([0, 0, 0, 0, 0xffff, 0, 0, 0], 96), "an IPv4-translated address, which stands for an IPv4 address (RFC 7915)"),
    (v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), "a locally translated IPv4 address (RFC 8215)"),
    (v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64), "an address that discards (RFC 6666)"),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32), "a Teredo address, which stands for an IPv4 address (RFC 4380)"),
    (v6([0x2001, 2, 0, 0, 0, 0, 0, 0], 48), "an address for benchmarks (RFC 5180)"),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), "an address of a protocol and of no host (RFC 2928)"),
    (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), "an address for documentation (RFC 3849)"),
    (v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), "a 6to4 address, which stands for an IPv4 address (RFC 3056)"),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), "an address for documentation (RFC 9637)"),
    (v6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16), "a segment identifier and no host (RFC 9602)"),
    (v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0], 32), "where a cloud answers its own machines (AWS)"),
    (v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0], 32), "where a cloud answers its own machines (Google Cloud)"),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), "a private address (RFC 4193)"),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), "a link-local address (RFC 4291)"),
    (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), "a site-local address (RFC 3879)"),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), "a multicast address"),
];

/// The part of IPv6 from which hosts have public addresses (RFC 3587).
const GLOBAL_UNICAST: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);
/// Where a NAT64 gateway puts the IPv4 world (RFC 6052). A network with IPv6 alone reaches public receivers by it.
const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);

/// What an address is instead of a public one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Special {
    what: &'static str,
    /// What it carries inside.
    hidden: Option<Ipv4Addr>,
}

impl Special {
    /// `None` for a public address.
    pub(crate) fn of(address: IpAddr) -> Option<Self> {
        match address {
            IpAddr::V4(address) => first_with(&V4, |network| network.contains(&address)),
            IpAddr::V6(address) => of_v6(address),
        }
    }
}

/// Follows "is".
impl fmt::Display for Special {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.hidden {
            None => f.write_str(self.what),
            Some(hidden) => write!(f, "another form of `{hidden}`, {}", self.what),
        }
    }
}

fn of_v6(address: Ipv6Addr) -> Option<Special> {
    if let Some(address) = address.to_ipv4_mapped() {
        return hiding(address);
    }
    if NAT64.contains(&address) {
        return hiding(last_four_bytes(address));
    }
    let named = first_with(&V6, |network| network.contains(&address));
    named.or_else(|| isatap(address)).or_else(|| {
        let what = "outside of what hosts have public addresses from (RFC 3587)";
        (!GLOBAL_UNICAST.contains(&address)).then_some(Special { what, hidden: None })
    })
}

/// An interface identifier made of an IPv4 address (RFC 5214, 6.1).
fn isatap(address: Ipv6Addr) -> Option<Special> {
    let is_isatap = matches!(address.segments()[4..6], [0 | 0x200, 0x5efe]);
    is_isatap.then(|| hiding(last_four_bytes(address))).flatten()
}

fn hiding(hidden: Ipv4Addr) -> Option<Special> {
    Special::of(hidden.into()).map(|special| Special { hidden: Some(hidden), ..special })
}

fn last_four_bytes(address: Ipv6Addr) -> Ipv4Addr {
    let [.., a, b, c, d] = address.octets();
    Ipv4Addr::new(a, b, c, d)
}

fn first_with<Net>(table: &[(Net, &'static str)], holds: impl Fn(&Net) -> bool) -> Option<Special> {
    table.iter().find(|(network, _)| holds(network)).map(|(_, what)| Special { what, hidden: None })
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(segments: [u16; 8], prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::from_segments(segments), prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(addresses: &str, expected: Option<&str>) {
        for address in addresses.split(' ') {
            let special = Special::of(address.parse().unwrap()).map(|special| special.to_string());
            let is_expected = match (&special, expected) {
                (Some(special), Some(expected)) => special.contains(expected),
                (special, expected) => special.is_none() && expected.is_none(),
            };
            assert!(is_expected, "{address}: {special:?}, expected {expected:?}");
        }
    }

    #[test]
    fn a_public_address_is_nothing_special() {
        check("1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0", None);
        check(
            "169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.167.255.255 192.169.0.0 223.255.255.255",
            None,
        );
        check("2606:4700::1111 2a00:1450:4001::1 2001:4860:4860::8888 2400::1 2003::1 3ffe:ffff::1", None);
        check("64:ff9b::8.8.8.8 ::ffff:8.8.8.8 2606:4700::5efe:8.8.8.8", None);
    }

    #[test]
    fn special_addresses_are_known_at_both_ends_of_their_networks() {
        check("127.0.0.0 127.255.255.255 ::1", Some("loopback"));
        check("10.0.0.0 10.255.255.255 172.16.0.0 172.31.255.255 192.168.0.0 192.168.255.255", Some("private"));
        check("fc00:: fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some("private"));
        check("169.254.0.0 169.254.255.255 fe80:: febf::1", Some("link-local"));
        check("169.254.169.254", Some("instance metadata"));
        check("fd00:ec2::254 fd20:ce::254 168.63.129.16", Some("a cloud answers"));
        check("100.64.0.0 100.127.255.255 100.100.100.200", Some("carrier"));
        check("224.0.0.0 239.255.255.255 ff00:: ff02::1", Some("multicast"));
        check("0.0.0.0 ::", Some("unspecified"));
        check("0.0.0.1 0.255.255.255", Some("this host or network"));
        check("240.0.0.0 255.255.255.255", Some("reserved"));
        check("192.0.2.1 198.51.100.1 203.0.113.1 2001:db8::1 3fff::1", Some("documentation"));
        check("198.18.0.0 198.19.255.255 2001:2::1", Some("benchmarks"));
        check("4000:: 1:: 5f00::1 e000::1 100::1 fec0::1 2001:20::1 192.0.0.192 192.88.99.1", Some(""));
    }

    #[test]
    fn what_hides_an_address_is_found_out() {
        check("::ffff:127.0.0.1", Some("another form of `127.0.0.1`, a loopback address"));
        check("64:ff9b::169.254.169.254", Some("another form of `169.254.169.254`"));
        check("2606:4700::5efe:10.0.0.1 2606:4700::200:5efe:10.0.0.1", Some("another form of `10.0.0.1`"));
        check("::127.0.0.1", Some("IPv4-compatible"));
        check("::ffff:0:127.0.0.1", Some("IPv4-translated"));
        check("2002:7f00:1:: 2002:808:808::", Some("6to4"));
        check("2001::1", Some("Teredo"));
        check("64:ff9b:1::10.0.0.1", Some("locally translated"));
    }
}
