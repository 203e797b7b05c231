//! Containers as attackers and bad disks make them: bounded work, no panic, and every part that was not read is told.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

#[path = "support/archives.rs"]
mod archives;

use std::io::{Cursor, Read};

use liblzma::read::XzEncoder;
use liblzma::stream::{Check, Filters, LzmaOptions, Stream};
use wandward::decode::archive::{
    Form, HEAD, MAX_DEPTH, MAX_MEMBERS, MIN_EXPANSION, Opened, form, unpack, unpack_stream,
};

use archives::{Member, STREAMS, Seen, compress, entry, header, light, noise, open, open_into, tar, text, zip};

#[test]
fn depth_is_bounded_and_told() {
    for outer in [Form::Zip, Form::Tar, Form::Gzip, Form::Zstd, Form::Xz] {
        let mut bytes = b"the innermost".to_vec();
        for level in 0..20 {
            // A gzip stream around a gzip stream, as a quine has it.
            bytes = if level == 19 { compress(outer, &bytes) } else { compress(Form::Zip, &bytes) };
        }
        let seen = open("droste", &bytes);
        assert_eq!(seen.members.len(), 1, "the container that was not opened is a plain member");
        assert_eq!(seen.members[0].0.split('|').count(), MAX_DEPTH, "{outer:?}");
        assert_eq!(seen.gaps().len(), 1);
        assert!(seen.gaps()[0].contains("8th container"), "{:?}", seen.gaps());
    }
    let eight = (0..MAX_DEPTH).fold(b"the innermost".to_vec(), |bytes, _| compress(Form::Zip, &bytes));
    assert_eq!(open("eight", &eight).members[0].1, b"the innermost");
}

#[test]
fn a_bomb_is_read_to_its_bound() {
    let zeros = vec![0; 64 << 20];
    let member = Member::deflated("zeros", &zeros);
    let bombs = [
        zip(&vec![member; 8]),
        compress(Form::Gzip, &compress(Form::Gzip, &zeros)).repeat(12),
        compress(Form::Zstd, &zeros).repeat(12),
        compress(Form::Xz, &zeros).repeat(12),
    ];
    for bomb in &bombs {
        let seen = open_into("bomb", bomb, light);
        assert!(seen.bytes > MIN_EXPANSION - (2 << 20) && seen.bytes < MIN_EXPANSION + (2 << 20), "{}", seen.bytes);
        assert_eq!(seen.gaps().len(), 1);
        assert!(seen.gaps()[0].starts_with("expands to more than 100 times its size"), "{:?}", seen.gaps());
    }
}

#[test]
fn members_that_lie_over_each_other_end_at_the_bound() {
    let kernel = Member::stored("kernel", noise(3, 2 << 20));
    let mut members = vec![kernel.clone()];
    members.extend((0..2000).map(|_| Member { header: Some(0), ..kernel.clone() }).map(|mut member| {
        member.packed.clear();
        member
    }));
    let seen = open_into("bomb.zip", &zip(&members), light);
    assert!(seen.bytes < MIN_EXPANSION + (4 << 20), "{}", seen.bytes);
    assert_eq!(seen.gaps().len(), 1);
    // Nothing comes out of these, and reading them takes time all the same.
    let mut nothing = Member::deflated("nothing", "");
    nothing.packed = [0, 0, 0, 0xff, 0xff].repeat(400_000);
    nothing.claimed.0 = nothing.packed.len() as u32;
    let mut members = vec![nothing.clone()];
    members.extend((0..2000).map(|_| Member { header: Some(0), packed: Vec::new(), ..nothing.clone() }));
    let seen = open_into("bomb.zip", &zip(&members), light);
    assert!(
        seen.gaps().last().unwrap().starts_with("expands"),
        "{} {:?} {}",
        seen.gaps().len(),
        seen.gaps().last(),
        seen.members.len()
    );
}

#[test]
fn many_members_are_read_and_too_many_are_told() {
    let members: Vec<Member> = (0..10_000).map(|n| Member::deflated(format!("{n}/key.env"), format!("{n}"))).collect();
    let seen = open("many.zip", &zip(&members));
    assert_eq!((seen.members.len(), seen.skips.len()), (10_000, 0));
    assert_eq!(seen.members[9_999], ("9999/key.env".to_owned(), b"9999".to_vec()));
    let small = entry("a", b'0', "");
    let archive = compress(Form::Zstd, &small.repeat(MAX_MEMBERS as usize + 5));
    let mut seen = light();
    assert_eq!(unpack(Form::Zstd, b"a", 1 << 30, Cursor::new(&archive), &mut seen), Opened::Yes);
    assert_eq!(seen.members.len() as u64, MAX_MEMBERS);
    assert_eq!(seen.gaps().len(), 1);
    assert!(seen.gaps()[0].starts_with("has more than 1000000 members"));
    let mut locked = Member::stored("locked", "x");
    locked.flags = 1;
    let seen = open("locked.zip", &zip(&vec![locked; 3000]));
    assert_eq!(seen.skips.len(), 1001);
    assert_eq!(seen.skips[1000], (String::new(), "2000 more parts of it were not looked at".to_owned(), false));
}

#[test]
fn claims_cost_nothing() {
    let mut huge = Member::stored("huge", "text");
    huge.claimed = (u32::MAX - 1, u32::MAX - 1);
    let seen = open_into("a.zip", &zip(&[huge, Member::stored("next", "text")]), light);
    assert_eq!((seen.members.len(), seen.gaps().len()), (2, 1));
    for kind in [b'0', b'x', b'L', b'g', b'K', b'5', b'S'] {
        let claimed = [header("huge", kind, 0o77_777_777_777), [b'a'; 512]].concat();
        let seen = open("a.tar", &claimed);
        assert!(!seen.gaps().is_empty(), "{}", char::from(kind));
    }
    // A window of 2 GiB in six bytes, and a dictionary of 1.5 GiB.
    let window = b"\x28\xb5\x2f\xfd\x00\xa8\x01\0\0";
    let seen = open("a.zst", window);
    assert!(seen.gaps()[0].contains("needs more memory"), "{:?}", seen.skips);
    let mut options = LzmaOptions::new_preset(0).unwrap();
    options.dict_size(1 << 20);
    let mut filters = Filters::new();
    filters.lzma2(&options);
    let stream = Stream::new_stream_encoder(&filters, Check::None).unwrap();
    let mut encoder = XzEncoder::new_stream(b"text".as_slice(), stream);
    let mut xz = Vec::new();
    encoder.read_to_end(&mut xz).unwrap();
    // The dictionary's size is the byte behind the filter's id and length (xz format 5.3.1); then the header's CRC32.
    assert_eq!(xz[14..16], [0x21, 1]);
    xz[16] = 37;
    let end = 12 + (usize::from(xz[12]) + 1) * 4 - 4;
    let mut crc = flate2::Crc::new();
    crc.update(&xz[12..end]);
    xz[end..end + 4].copy_from_slice(&crc.sum().to_le_bytes());
    let seen = open("a.xz", &xz);
    assert!(seen.gaps()[0].contains("needs more memory"), "{:?}", seen.skips);
}

/// Containers of every form, nested, for what follows.
fn corpus() -> Vec<Vec<u8>> {
    let content = text(300);
    let inner = zip(&[Member::deflated("a", &content), Member::stored("b", "text")]);
    let archive = tar(&[("zip", &inner), ("gz", &compress(Form::Gzip, &content)), ("text", &content)]);
    let methods = [(12, Form::Bzip2), (93, Form::Zstd), (95, Form::Xz)];
    let mut members: Vec<Member> =
        methods.iter().map(|&(method, form)| Member::packed("m", &content, method, compress(form, &content))).collect();
    members.push(Member::packed("deflate64", &content, 9, Member::deflated("", &content).packed));
    members.push(Member::packed("lzma", &content, 14, [&[9, 4, 5, 0, 0x5d, 0, 0, 1, 0], content.as_slice()].concat()));
    members.push(Member::deflated("tar", &archive));
    let mut all = vec![zip(&members), inner, archive.clone()];
    all.extend(STREAMS.iter().map(|&form| compress(form, &archive)));
    all
}

/// Opens whatever it is, and looks that no content is made up: what is read lies within its bound.
fn survive(bytes: &[u8]) {
    let Some(form) = form(&bytes[..bytes.len().min(HEAD)]) else { return };
    let mut seen = Seen::default();
    let _ = unpack(form, b"a.gz", bytes.len() as u64, Cursor::new(bytes), &mut seen);
    assert!(seen.bytes <= MIN_EXPANSION + (1 << 20));
    let mut seen = Seen::default();
    let _ = unpack_stream(form, b"a.gz", bytes, &mut seen);
}

#[test]
fn whatever_is_cut_off_is_told() {
    for bytes in corpus() {
        let whole = open("a", &bytes);
        for cut in (0..bytes.len()).step_by(37) {
            let bytes = &bytes[..cut];
            let Some(form) = form(&bytes[..cut.min(HEAD)]) else { continue };
            let mut seen = Seen::default();
            let opened = unpack(form, b"a", cut as u64, Cursor::new(bytes), &mut seen);
            let told = opened == Opened::No || !seen.gaps().is_empty() || seen.members == whole.members;
            // Nothing tells a tar archive that ends behind a member from a whole one without an end.
            assert!(told || form == Form::Tar && cut % 512 == 0, "{form:?} cut at {cut}: {:?}", seen.ways());
        }
    }
}

#[test]
fn whatever_is_flipped_ends() {
    let corpus = corpus();
    for seed in 0..200 {
        for bytes in &corpus {
            let mut bytes = bytes.clone();
            for flip in noise(seed + 1, 2 + seed as usize % 7 * 4).chunks_exact(2) {
                // Headers stand at the beginning and the end.
                let (half, at) = (bytes.len() / 2, usize::from(flip[0]) * (1 + seed as usize % 23));
                let at = if flip[1] & 1 == 0 { at % bytes.len() } else { bytes.len() - 1 - at % half };
                bytes[at] ^= flip[1] | 1;
            }
            survive(&bytes);
        }
    }
}
