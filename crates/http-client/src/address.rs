//! Which addresses are public, and which others the owner allows.
//!
//! Everything that IANA's registries of special-purpose addresses do not call globally reachable is private here, and so
//! is what leads back to it: addresses that carry one of IPv4 are judged by that. Of IPv6 only `2000::/3` is given out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

/// Networks of IPv4 that are not public, as address and length of the prefix.
const PRIVATE_V4: &[(Ipv4Addr, u32)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8),       // this network, and the unspecified address
    (Ipv4Addr::new(10, 0, 0, 0), 8),      // private
    (Ipv4Addr::new(100, 64, 0, 0), 10),   // shared by customers of one provider
    (Ipv4Addr::new(127, 0, 0, 0), 8),     // loopback
    (Ipv4Addr::new(169, 254, 0, 0), 16),  // link-local, and the metadata services of clouds
    (Ipv4Addr::new(172, 16, 0, 0), 12),   // private
    (Ipv4Addr::new(192, 0, 0, 0), 24),    // protocol assignments
    (Ipv4Addr::new(192, 0, 2, 0), 24),    // documentation
    (Ipv4Addr::new(192, 88, 99, 0), 24),  // relays of 6to4
    (Ipv4Addr::new(192, 168, 0, 0), 16),  // private
    (Ipv4Addr::new(198, 18, 0, 0), 15),   // benchmarks
    (Ipv4Addr::new(198, 51, 100, 0), 24), // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24),  // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 3),     // multicast, reserved, broadcast
];

/// Networks within `2000::/3` that are not public.
const PRIVATE_V6: &[(Ipv6Addr, u32)] = &[
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // protocol assignments: Teredo, benchmarks, ORCHID
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16), // 6to4: leads to an address of IPv4
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation
];

/// NAT64 as everyone knows it: the last 32 bits are an address of IPv4.
const NAT64: (Ipv6Addr, u32) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);
const GIVEN_OUT: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Whether everyone on the internet means the same by it.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => !PRIVATE_V4.iter().any(|&network| v4_is_in(v4, network)),
        IpAddr::V6(v6) if v6_is_in(v6, NAT64) => {
            let [.., a, b, c, d] = v6.octets();
            is_public(Ipv4Addr::new(a, b, c, d).into())
        }
        IpAddr::V6(v6) => v6_is_in(v6, GIVEN_OUT) && !PRIVATE_V6.iter().any(|&network| v6_is_in(v6, network)),
    }
}

fn v4_is_in(address: Ipv4Addr, (network, bits): (Ipv4Addr, u32)) -> bool {
    let mask = u32::MAX.checked_shl(32_u32.saturating_sub(bits)).unwrap_or(0);
    address.to_bits() & mask == network.to_bits() & mask
}

fn v6_is_in(address: Ipv6Addr, (network, bits): (Ipv6Addr, u32)) -> bool {
    let mask = u128::MAX.checked_shl(128_u32.saturating_sub(bits)).unwrap_or(0);
    address.to_bits() & mask == network.to_bits() & mask
}

/// Addresses that may be asked although they are not public: `127.0.0.1`, `10.0.0.0/8`, `fd00::/8`, and each with a port,
/// `127.0.0.1:8080`, `10.0.0.0/8:443`, `[::1]:8080`, `[fd00::]/8:443`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrivateHost {
    network: IpAddr,
    bits: u32,
    port: Option<u16>,
}

/// Why a text is no [`PrivateHost`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address or network: expected `127.0.0.1`, `10.0.0.0/8`, `[::1]:8080` and the like")]
pub struct BadNetwork(String);

impl FromStr for PrivateHost {
    type Err = BadNetwork;

    fn from_str(text: &str) -> Result<Self, BadNetwork> {
        parse(text).ok_or_else(|| BadNetwork(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<PrivateHost> {
    let (address, rest) = match text.strip_prefix('[') {
        Some(inner) => inner.split_once(']')?,
        None if text.matches(':').count() > 1 => text.split_at(text.find('/').unwrap_or(text.len())),
        None => text.split_at(text.find(['/', ':']).unwrap_or(text.len())),
    };
    let (bits, port) = match rest.split_once(':') {
        Some((bits, port)) => (bits, Some(port.parse().ok()?)),
        None => (rest, None),
    };
    let network: IpAddr = address.parse().ok()?;
    let whole = if network.is_ipv4() { 32 } else { 128 };
    let bits = match bits.strip_prefix('/') {
        Some(bits) => bits.parse().ok().filter(|bits| *bits <= whole)?,
        None if bits.is_empty() => whole,
        None => return None,
    };
    Some(PrivateHost { network, bits, port })
}

impl<'de> Deserialize<'de> for PrivateHost {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl PrivateHost {
    /// Whether it is about this address at this port.
    pub(crate) fn matches(&self, address: IpAddr, port: u16) -> bool {
        let is_in = match (self.network, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(v4)) => v4_is_in(v4, (network, self.bits)),
            (IpAddr::V6(network), IpAddr::V6(v6)) => v6_is_in(v6, (network, self.bits)),
            _ => false,
        };
        is_in && self.port.is_none_or(|own| own == port)
    }

    /// Whether it names this very address and port, and no others.
    pub(crate) fn is_exactly(&self, address: IpAddr, port: u16) -> bool {
        self.network == address.to_canonical() && self.port == Some(port) && self.bits == whole(self.network)
    }
}

fn whole(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[test]
    fn s4_what_is_not_public_is_known_in_every_disguise() {
        for private in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::808:808",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:808:808::1",
            "3fff::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "5f00::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
        for public in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.1",
            "126.255.255.255",
            "128.0.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.17.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2606:4700::1111",
            "2a00:1450::1",
            "2001:4860:4860::8888",
            "3ffe::1",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn an_allowed_network_has_a_prefix_and_perhaps_a_port() {
        for (allowed, address, port, matches) in [
            ("127.0.0.1", "127.0.0.1", 1, true),
            ("127.0.0.1", "127.0.0.2", 1, false),
            ("127.0.0.1", "::ffff:127.0.0.1", 1, true),
            ("127.0.0.1:8080", "127.0.0.1", 8080, true),
            ("127.0.0.1:8080", "127.0.0.1", 8081, false),
            ("10.0.0.0/8", "10.200.0.1", 443, true),
            ("10.0.0.0/8", "11.0.0.1", 443, false),
            ("10.0.0.0/8:443", "10.200.0.1", 443, true),
            ("10.0.0.0/8:443", "10.200.0.1", 80, false),
            ("0.0.0.0/0", "10.0.0.1", 80, true),
            ("0.0.0.0/0", "fd00::1", 80, false),
            ("::1", "::1", 80, true),
            ("[::1]:80", "::1", 80, true),
            ("[::1]:80", "::1", 81, false),
            ("fd00::/8", "fd12::1", 81, true),
            ("[fd00::]/8:81", "fd12::1", 81, true),
            ("[fd00::]/8:81", "fe80::1", 81, false),
            ("::/0", "fd12::1", 81, true),
        ] {
            let allowed: PrivateHost = allowed.parse().unwrap();
            assert_eq!(allowed.matches(address.parse().unwrap(), port), matches, "{allowed:?} {address}:{port}");
        }
        for bad in [
            "",
            "localhost",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/",
            "10.0.0.0/x",
            "127.0.0.1:",
            "127.0.0.1:99999",
            "[::1",
            "[::1]80",
            "[::1]:",
        ] {
            assert!(bad.parse::<PrivateHost>().is_err(), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn an_address_of_ipv4_is_judged_the_same_within_ipv6(bits: u32) {
            let v4 = Ipv4Addr::from_bits(bits);
            let mapped = v4.to_ipv6_mapped();
            let nat64 = Ipv6Addr::from_bits(NAT64.0.to_bits() | u128::from(bits));
            proptest::prop_assert_eq!(is_public(v4.into()), is_public(mapped.into()));
            proptest::prop_assert_eq!(is_public(v4.into()), is_public(nat64.into()));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}") {
            drop(text.parse::<PrivateHost>());
            drop(text.parse::<crate::host::HostPattern>());
        }
    }
}
