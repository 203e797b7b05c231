//! Archives made by hand, so that they can be wrong in any way, and what comes out of them. In: members. Out: bytes, and
//! what the library handed on.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use std::io::{self, Cursor, Read, Write};

use wandward::decode::archive::{Form, HEAD, Opened, Unpack, form, unpack, unpack_stream};

/// Every compressed stream.
pub const STREAMS: [Form; 5] = [Form::Gzip, Form::Bzip2, Form::Xz, Form::Zstd, Form::Lz4];

/// A member of a zip archive as its headers describe it.
#[derive(Clone)]
pub struct Member {
    pub name: Vec<u8>,
    pub flags: u16,
    pub method: u16,
    pub crc: u32,
    pub packed: Vec<u8>,
    /// What the headers say of the sizes, packed and not.
    pub claimed: (u32, u32),
    /// Where the directory says that the member lies, if elsewhere.
    pub header: Option<u32>,
    pub extra: Vec<u8>,
}

impl Member {
    pub fn stored(name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Member {
        Member::packed(name, content.as_ref(), 0, content.as_ref().to_vec())
    }

    pub fn deflated(name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Member {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(content.as_ref()).unwrap();
        Member::packed(name, content.as_ref(), 8, encoder.finish().unwrap())
    }

    pub fn packed(name: impl AsRef<[u8]>, content: &[u8], method: u16, packed: Vec<u8>) -> Member {
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let claimed = (packed.len() as u32, content.len() as u32);
        let name = name.as_ref().to_vec();
        Member { name, flags: 0, method, crc: crc.sum(), packed, claimed, header: None, extra: Vec::new() }
    }

    fn fields(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for field in [45, self.flags, self.method, 0, 0] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        for field in [self.crc, self.claimed.0, self.claimed.1] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        out.extend_from_slice(&(self.name.len() as u16).to_le_bytes());
        out.extend_from_slice(&(self.extra.len() as u16).to_le_bytes());
        out
    }
}

pub fn zip(members: &[Member]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut directory = Vec::new();
    for member in members {
        directory.extend_from_slice(b"PK\x01\x02\x2d\x00");
        directory.extend_from_slice(&member.fields());
        directory.extend_from_slice(&[0; 10]);
        directory.extend_from_slice(&member.header.unwrap_or(out.len() as u32).to_le_bytes());
        directory.extend_from_slice(&member.name);
        directory.extend_from_slice(&member.extra);
        out.extend_from_slice(b"PK\x03\x04");
        out.extend_from_slice(&member.fields());
        out.extend_from_slice(&member.name);
        out.extend_from_slice(&member.extra);
        out.extend_from_slice(&member.packed);
    }
    let start = out.len() as u32;
    out.extend_from_slice(&directory);
    out.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    let count = (members.len() as u16).to_le_bytes();
    out.extend_from_slice(&[count, count].concat());
    out.extend_from_slice(&(directory.len() as u32).to_le_bytes());
    out.extend_from_slice(&start.to_le_bytes());
    out.extend_from_slice(&[0; 2]);
    out
}

/// A tar header of a kind, with its checksum.
pub fn header(name: impl AsRef<[u8]>, kind: u8, size: u64) -> [u8; 512] {
    let mut block = [0; 512];
    let name = name.as_ref();
    block[..name.len()].copy_from_slice(name);
    block[100..108].copy_from_slice(b"0000644\0");
    block[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    block[136..148].copy_from_slice(b"00000000000\0");
    block[156] = kind;
    block[257..265].copy_from_slice(b"ustar\x0000");
    sum(&mut block);
    block
}

/// Writes the checksum that a header needs.
pub fn sum(block: &mut [u8; 512]) {
    block[148..156].copy_from_slice(b"        ");
    let sum: u64 = block.iter().map(|&byte| u64::from(byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

/// An entry of a kind and what stands behind its header.
pub fn entry(name: impl AsRef<[u8]>, kind: u8, content: impl AsRef<[u8]>) -> Vec<u8> {
    let content = content.as_ref();
    let mut out = header(name, kind, content.len() as u64).to_vec();
    out.extend_from_slice(content);
    out.resize(out.len().next_multiple_of(512), 0);
    out
}

pub fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out: Vec<u8> = members.iter().flat_map(|(name, content)| entry(name, b'0', content)).collect();
    out.extend_from_slice(&[0; 1024]);
    out
}

/// One compressed stream.
pub fn compress(form: Form, content: &[u8]) -> Vec<u8> {
    match form {
        Form::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            encoder.write_all(content).unwrap();
            encoder.finish().unwrap()
        }
        Form::Bzip2 => {
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
            encoder.write_all(content).unwrap();
            encoder.finish().unwrap()
        }
        Form::Xz => {
            let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
            encoder.write_all(content).unwrap();
            encoder.finish().unwrap()
        }
        Form::Zstd => zstd::stream::encode_all(content, 1).unwrap(),
        Form::Lz4 => {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
            encoder.write_all(content).unwrap();
            encoder.finish().unwrap()
        }
        Form::Zip => zip(&[Member::deflated("inner", content)]),
        Form::Tar => tar(&[("inner", content)]),
    }
}

/// What came out: ways in, joined by `|`.
#[derive(Default, Debug, PartialEq)]
pub struct Seen {
    pub members: Vec<(String, Vec<u8>)>,
    pub skips: Vec<(String, String, bool)>,
    pub bytes: u64,
    /// Whether members are only counted.
    pub light: bool,
    /// Bytes to read of each member, all by default.
    pub most: Option<u64>,
    pub stop_after: Option<usize>,
}

pub fn way(inner: &[Vec<u8>]) -> String {
    inner.iter().map(|name| String::from_utf8_lossy(name)).collect::<Vec<_>>().join("|")
}

impl Unpack for Seen {
    fn member(&mut self, inner: &[Vec<u8>], content: &mut dyn Read) -> io::Result<()> {
        let mut kept = Vec::new();
        let mut content = content.take(self.most.unwrap_or(u64::MAX));
        self.bytes +=
            if self.light { io::copy(&mut content, &mut io::sink())? } else { content.read_to_end(&mut kept)? as u64 };
        self.members.push((if self.light { String::new() } else { way(inner) }, kept));
        Ok(())
    }

    fn skip(&mut self, inner: &[Vec<u8>], reason: String, gap: bool) {
        self.skips.push((way(inner), reason, gap));
    }

    fn stopped(&self) -> bool {
        self.stop_after.is_some_and(|most| self.members.len() >= most)
    }
}

impl Seen {
    pub fn ways(&self) -> Vec<&str> {
        self.members.iter().map(|(way, _)| way.as_str()).collect()
    }

    pub fn gaps(&self) -> Vec<&str> {
        self.skips.iter().filter(|(.., gap)| *gap).map(|(_, reason, _)| reason.as_str()).collect()
    }
}

/// Opens bytes as what their head says, both ways.
pub fn open_into(name: &str, bytes: &[u8], make: impl Fn() -> Seen) -> Seen {
    let form = form(&bytes[..bytes.len().min(HEAD)]).expect("a container");
    let mut seen = make();
    let opened = unpack(form, name.as_bytes(), bytes.len() as u64, Cursor::new(bytes), &mut seen);
    assert!(opened == Opened::Yes || seen.members.is_empty());
    let mut streamed = make();
    let _ = unpack_stream(form, name.as_bytes(), bytes, &mut streamed);
    if opened == Opened::Yes {
        assert_eq!(seen.ways(), streamed.ways());
        assert!(seen.members == streamed.members);
    }
    seen
}

pub fn open(name: &str, bytes: &[u8]) -> Seen {
    open_into(name, bytes, Seen::default)
}

pub fn light() -> Seen {
    Seen { light: true, ..Seen::default() }
}

/// Bytes that do not compress, from a seed.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    std::iter::repeat_with(step).take(length).collect()
}

pub fn text(lines: usize) -> Vec<u8> {
    (0..lines).flat_map(|line| format!("line {line} of {}\n", line * 7919 % 1013).into_bytes()).collect()
}
