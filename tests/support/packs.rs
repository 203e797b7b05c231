//! Packs made by hand, which git would not write. In: entries, whatever they say. Out: a pack, and an index that vouches for it.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests build their own world and may panic")]

use std::fs;
use std::io::Write;
use std::path::Path;

use sha1::{Digest, Sha1};
use wandward::object::ObjectId;

/// An entry of a pack: the id that the index gives it, and its bytes.
pub type Packed = (ObjectId, Vec<u8>);

/// The id of an object.
pub fn id_of(kind: &str, content: &[u8]) -> ObjectId {
    let mut sha = Sha1::new();
    sha.update(format!("{kind} {}\0", content.len()));
    sha.update(content);
    ObjectId::from_bytes(&sha.finalize()).unwrap()
}

/// An entry of a kind (3 is a blob, 7 a delta to the object whose id is `base`) that says it holds `size` bytes: its header, and
/// the content as a zlib stream.
pub fn entry(kind: u8, size: u64, base: &[u8], content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind << 4 | (size & 15) as u8];
    let mut rest = size >> 4;
    while rest > 0 {
        *bytes.last_mut().unwrap() |= 0x80;
        bytes.push((rest & 0x7f) as u8);
        rest >>= 7;
    }
    bytes.extend(base);
    let mut stream = flate2::write::ZlibEncoder::new(bytes, flate2::Compression::fast());
    stream.write_all(content).unwrap();
    stream.finish().unwrap()
}

/// Writes `NAME.pack` below a folder of objects, and an index with sound checksums in which the objects stand in the order of
/// `rank`.
pub fn write_pack<R: Ord>(objects: &Path, name: &str, entries: &[Packed], rank: impl Fn(&ObjectId) -> R) {
    let mut pack = [b"PACK\0\0\0\x02".as_slice(), &(entries.len() as u32).to_be_bytes()].concat();
    let mut rows: Vec<(ObjectId, u32, u32)> = Vec::new();
    for (id, entry) in entries {
        let mut crc = flate2::Crc::new();
        crc.update(entry);
        rows.push((*id, crc.sum(), pack.len() as u32));
        pack.extend(entry);
    }
    let hash = Sha1::digest(&pack);
    pack.extend(&hash[..]);
    rows.sort_by_key(|(id, ..)| rank(id));
    let mut index = vec![0xff, b't', b'O', b'c', 0, 0, 0, 2];
    for first in 0..=255u8 {
        let up_to = rows.iter().filter(|(id, ..)| id.as_bytes()[0] <= first).count() as u32;
        index.extend(up_to.to_be_bytes());
    }
    rows.iter().for_each(|(id, ..)| index.extend(id.as_bytes()));
    rows.iter().for_each(|(_, crc, _)| index.extend(crc.to_be_bytes()));
    rows.iter().for_each(|(.., offset)| index.extend(offset.to_be_bytes()));
    index.extend(&hash[..]);
    let hash = Sha1::digest(&index);
    index.extend(&hash[..]);
    let folder = objects.join("pack");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(format!("{name}.pack")), pack).unwrap();
    fs::write(folder.join(format!("{name}.idx")), index).unwrap();
}
