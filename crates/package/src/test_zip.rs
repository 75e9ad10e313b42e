//! Zips for tests, written byte by byte: the zip library refuses to write most of what has to be refused on reading.

/// One stored entry. What the headers say can be changed away from the truth.
#[derive(Clone, Debug)]
pub(crate) struct RawEntry {
    pub(crate) name: Vec<u8>,
    pub(crate) data: Vec<u8>,
    pub(crate) mode: u32,
    pub(crate) method: u16,
    pub(crate) flags: u16,
    pub(crate) claimed_size: u32,
}

impl RawEntry {
    pub(crate) fn file(name: impl AsRef<[u8]>, data: impl AsRef<[u8]>) -> Self {
        let data = data.as_ref().to_vec();
        let claimed_size = data.len() as u32;
        Self { name: name.as_ref().to_vec(), data, mode: 0o100_644, method: 0, flags: 0, claimed_size }
    }

    pub(crate) fn folder(name: impl AsRef<[u8]>) -> Self {
        Self { mode: 0o040_755, ..Self::file(name, b"") }
    }

    /// Fields that both headers share, from the flags to the length of the extra field.
    fn header_middle(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend(self.flags.to_le_bytes());
        out.extend(self.method.to_le_bytes());
        out.extend([0, 0, 0x21, 0]); // 1980-01-01, midnight
        out.extend(crc32(&self.data).to_le_bytes());
        out.extend((self.data.len() as u32).to_le_bytes());
        out.extend(self.claimed_size.to_le_bytes());
        out.extend((self.name.len() as u16).to_le_bytes());
        out.extend(0_u16.to_le_bytes());
        out
    }
}

/// Writes the entries as they are.
pub(crate) fn raw_zip(entries: &[RawEntry]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for entry in entries {
        let offset = out.len() as u32;
        out.extend(*b"PK\x03\x04\x14\0");
        out.extend(entry.header_middle());
        out.extend(&entry.name);
        out.extend(&entry.data);

        directory.extend(*b"PK\x01\x02\x14\x03\x14\0");
        directory.extend(entry.header_middle());
        directory.extend([0; 6]); // comment, disk, internal attributes
        directory.extend((entry.mode << 16).to_le_bytes());
        directory.extend(offset.to_le_bytes());
        directory.extend(&entry.name);
    }
    let start = out.len() as u32;
    out.extend(&directory);
    out.extend(*b"PK\x05\x06\0\0\0\0");
    out.extend((entries.len() as u16).to_le_bytes());
    out.extend((entries.len() as u16).to_le_bytes());
    out.extend((directory.len() as u32).to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0, 0]);
    out
}

fn crc32(data: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in data {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}
