//! Containers as people make them, opened by the library: every member that can be read is handed on, and everything else
//! is told.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

#[path = "support/archives.rs"]
mod archives;

use std::io::{self, Cursor, Read};

use liblzma::read::XzEncoder;
use liblzma::stream::{LzmaOptions, Stream};
use wandward::decode::archive::{Form, HEAD, Opened, Unpack, form, unpack};

use archives::{Member, STREAMS, Seen, compress, entry, header, noise, open, open_into, sum, tar, text, way, zip};

#[test]
fn zip_members_of_every_method() {
    let content = text(3000);
    let members: Vec<Member> = vec![
        Member::stored("stored", &content),
        Member::deflated("./deflated", &content),
        Member::packed("bzip2", &content, 12, compress(Form::Bzip2, &content)),
        Member::packed("zstd", &content, 93, compress(Form::Zstd, &content)),
        Member::packed("xz", &content, 95, compress(Form::Xz, &content)),
        // Without matches of full length one is the other.
        Member::packed("deflate64", &content, 9, Member::deflated("", &content).packed),
        Member::packed("lzma", &content, 14, lzma(&content)),
        Member::stored("folder/", ""),
        Member::stored("empty", ""),
        Member::deflated("folder/last", &content),
    ];
    let seen = open("a.zip", &zip(&members));
    assert_eq!(seen.ways(), ["stored", "deflated", "bzip2", "zstd", "xz", "deflate64", "lzma", "empty", "folder/last"]);
    assert!(seen.members.iter().all(|(way, found)| way == "empty" || *found == content));
    assert_eq!(seen.skips, []);
}

/// As zip has it: a version, the length of the properties, these, and a stream without a length.
fn lzma(content: &[u8]) -> Vec<u8> {
    let options = LzmaOptions::new_preset(1).unwrap();
    let mut encoder = XzEncoder::new_stream(content, Stream::new_lzma_encoder(&options).unwrap());
    let mut alone = Vec::new();
    encoder.read_to_end(&mut alone).unwrap();
    [&[9, 4, 5, 0], &alone[..5], &alone[13..]].concat()
}

#[test]
fn zip_members_that_cannot_be_read_are_told() {
    let mut encrypted = Member::stored("encrypted", "secret");
    encrypted.flags = 1;
    let mut unknown = Member::stored("unknown", "what");
    unknown.method = 98;
    let mut wrong = Member::stored("wrong", "content");
    wrong.crc ^= 1;
    let mut cut = Member::deflated("cut", text(1000));
    cut.packed.truncate(cut.packed.len() / 2);
    cut.claimed.0 = cut.packed.len() as u32;
    let mut elsewhere = Member::stored("elsewhere", "content");
    elsewhere.header = Some(0x7fff_0000);
    let seen = open("a.zip", &zip(&[encrypted, unknown, wrong, cut, elsewhere, Member::stored("fine", "text")]));
    assert_eq!(seen.ways(), ["wrong", "cut", "fine"]);
    assert!(seen.members[1].1.len() > 4000, "what could be read of it is handed on");
    let told: Vec<_> = seen.skips.iter().map(|(way, reason, gap)| (way.as_str(), reason.as_str(), *gap)).collect();
    assert_eq!(told[0], ("encrypted", "is encrypted", false));
    assert_eq!(told[1], ("unknown", "is compressed by zip method 98, which is not known here", false));
    assert_eq!(told[2], ("wrong", "is damaged: its checksum does not match; what came before was read", true));
    assert_eq!((told[3].0, told[3].2), ("cut", true));
    assert_eq!(told[4], ("elsewhere", "ends too early; what came before was read", true));
    assert_eq!(told.len(), 5);
}

#[test]
fn zips_are_found_behind_other_bytes_and_before_a_comment() {
    let mut bytes = zip(&[Member::deflated("key.env", "text")]);
    let end = bytes.len() - 2;
    bytes[end..].copy_from_slice(&600u16.to_le_bytes());
    // A comment may hold what looks like another end.
    bytes.extend_from_slice(b"PK\x05\x06");
    bytes.resize(bytes.len() + 596, b'c');
    assert_eq!(open("a.zip", &bytes).ways(), ["key.env"]);
    let prefixed = [b"PK\x03\x04 a prefix".as_slice(), &zip(&[Member::deflated("key.env", "text")])].concat();
    let mut seen = Seen::default();
    let input = Cursor::new(&prefixed);
    assert_eq!(unpack(Form::Zip, b"a.zip", prefixed.len() as u64, input, &mut seen), Opened::Yes);
    assert_eq!((seen.ways(), seen.gaps()), (vec!["key.env"], vec![]));
    assert_eq!(open("empty.zip", &zip(&[])), Seen::default());
}

#[test]
fn sixty_four_bit_zips() {
    let content = text(100);
    let mut member = Member::deflated("wide", &content);
    let (packed, size) = (u64::from(member.claimed.0), u64::from(member.claimed.1));
    member.claimed = (u32::MAX, u32::MAX);
    member.extra = [&[9, 9, 2, 0, 7, 7, 1, 0, 16, 0], size.to_le_bytes().as_slice(), &packed.to_le_bytes()].concat();
    let plain = zip(&[member]);
    let end = plain.len() - 22;
    let field = |at: usize| u64::from(u32::from_le_bytes(plain[at..at + 4].try_into().unwrap()));
    let (length, start) = (field(end + 12), field(end + 16));
    let mut wide = plain[..end].to_vec();
    wide.extend_from_slice(b"PK\x06\x06");
    wide.extend_from_slice(&44u64.to_le_bytes());
    wide.extend_from_slice(&[45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for number in [1, 1, length, start] {
        wide.extend_from_slice(&number.to_le_bytes());
    }
    wide.extend_from_slice(b"PK\x06\x07\0\0\0\0");
    wide.extend_from_slice(&(end as u64).to_le_bytes());
    wide.extend_from_slice(&[1, 0, 0, 0]);
    wide.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    wide.extend_from_slice(&[0xff; 12]);
    wide.extend_from_slice(&[0, 0]);
    let seen = open("a.zip", &wide);
    assert_eq!((seen.ways(), seen.gaps()), (vec!["wide"], vec![]));
    assert_eq!(seen.members[0].1, content);
}

#[test]
fn a_nested_zip_too_large_to_hold_is_read_from_front_to_back() {
    let large = noise(1, 70 << 20);
    let mut behind = Member::deflated("sizes behind", text(2000));
    let (crc, claimed) = (behind.crc, behind.claimed);
    (behind.flags, behind.crc, behind.claimed) = (8, 0, (0, 0));
    for number in [0x0807_4b50, crc, claimed.0, claimed.1] {
        behind.packed.extend_from_slice(&number.to_le_bytes());
    }
    let inner = zip(&[Member::stored("large", &large), behind, Member::stored("last", "text")]);
    let seen = open("outer.zip", &zip(&[Member::stored("inner.zip", &inner)]));
    assert_eq!(seen.ways(), ["inner.zip|large", "inner.zip|sizes behind", "inner.zip|last"]);
    assert_eq!(seen.members[1].1, text(2000));
    assert_eq!(seen.skips, []);
}

#[test]
fn a_stream_is_its_content_or_the_tar_in_it() {
    let archive = tar(&[("./root/.netrc", b"text"), ("other", b"more")]);
    for form in STREAMS {
        let (name, bytes) = (form.name(), compress(form, &archive));
        let seen = open("a.tar.x", &bytes);
        assert_eq!((seen.ways(), seen.gaps()), (vec!["root/.netrc", "other"], vec![]), "{name}");
        let twice = [compress(form, b"first "), compress(form, b"second")].concat();
        let seen = open("key.env.zst", &twice);
        assert_eq!(seen.members, [("key.env".to_owned(), b"first second".to_vec())], "{name}");
        assert_eq!(seen.skips, [], "{name}");
        assert_eq!(open("key.env", &twice).ways(), ["key.env"]);
        assert_eq!(open(".gz", &compress(form, b"")).members, [(".gz".to_owned(), vec![])]);
        let cut = &bytes[..bytes.len() - 5];
        assert_eq!(open("a.tar.x", cut).gaps().len(), 1, "{name}");
    }
}

#[test]
fn a_gzip_header_names_its_content() {
    let content = compress(Form::Gzip, b"text");
    let named = [&content[..3], &[8], &content[4..10], b"../folder/key.env\0", &content[10..]].concat();
    assert_eq!(open("a.gz", &named).ways(), ["key.env"]);
    let padded = [named.as_slice(), &[0; 700]].concat();
    assert_eq!(open("a.gz", &padded).skips, []);
    assert_eq!(open("a.gz", &[&padded, b"hidden".as_slice()].concat()).gaps().len(), 1);
}

#[test]
fn skippable_frames_are_no_content() {
    let skippable = [b"\x50\x2a\x4d\x18\x04\0\0\0abcd".as_slice(), &compress(Form::Zstd, b"text")].concat();
    assert_eq!(open("a.zst", &skippable).members, [("a".to_owned(), b"text".to_vec())]);
}

#[test]
fn tars_of_every_kind() {
    let long = "long/".repeat(40) + "name";
    let pax = |key: &str, value: &str| {
        let rest = key.len() + value.len() + 3;
        let length = (rest..).find(|n| n - n.to_string().len() == rest).unwrap();
        format!("{length} {key}={value}\n")
    };
    let mut prefixed = header("name", b'0', 0);
    prefixed[345..351].copy_from_slice(b"prefix");
    sum(&mut prefixed);
    let mut sparse = header("sparse", b'S', 600);
    sparse[257..265].copy_from_slice(b"ustar  \0");
    sparse[482] = 1;
    sum(&mut sparse);
    let mut binary = header("binary", b'0', 0);
    binary[124..136].copy_from_slice(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1]);
    sum(&mut binary);
    let mut link = header("hard", b'1', 5000);
    sum(&mut link);
    let archive = [
        entry("", b'g', pax("comment", "text")),
        entry("", b'L', format!("{long}\0")),
        entry("short", b'0', "gnu"),
        entry("", b'x', pax("path", &long) + &pax("size", "3")),
        [header("short", b'0', 0).as_slice(), b"pax", &[0; 509]].concat(),
        entry("folder/", b'5', ""),
        entry("link", b'2', ""),
        link.to_vec(),
        prefixed.to_vec(),
        [sparse.as_slice(), &[0; 512], &[b's'; 600], &[0; 424]].concat(),
        [binary.as_slice(), &[b'b'; 513], &[0; 511]].concat(),
        vec![0; 1024],
        entry("appended", 0, "text"),
    ]
    .concat();
    let seen = open("a.tar", &archive);
    let sizes: Vec<_> = seen.members.iter().map(|(way, content)| (way.as_str(), content.len())).collect();
    let all = [(long.as_str(), 3), (&long, 3), ("prefix/name", 0), ("sparse", 600), ("binary", 513), ("appended", 4)];
    assert_eq!(sizes, all);
    assert_eq!(seen.skips, []);
}

#[test]
fn an_old_tar_is_told_by_its_checksum() {
    let mut old = header("old.env", b'0', 4);
    old[257..].fill(0);
    sum(&mut old);
    let archive = [old.as_slice(), b"text", &[0; 508]].concat();
    assert_eq!(open("a", &archive).members, [("old.env".to_owned(), b"text".to_vec())]);
    assert_eq!(form(&[b'a'; HEAD]), None);
    assert_eq!(form(&[0; HEAD]), None);
    let mut wrong = old;
    wrong[0] ^= 1;
    assert_eq!(form(&wrong), None);
}

#[test]
fn a_damaged_tar_is_read_on() {
    let mut archive = [entry("first", b'0', "1"), entry("lost", b'0', "2"), entry("third", b'0', "3")].concat();
    archive[1024 + 5] ^= 0x40;
    let seen = open("a.tar", &archive);
    assert_eq!((seen.ways(), seen.gaps().len()), (vec!["first", "third"], 1));
    let seen = open("a.tar", &archive[..512 + 512 + 700]);
    assert_eq!(seen.ways(), ["first"]);
    let cut = [entry("first", b'0', "1"), entry("cut", b'0', text(100))].concat();
    let seen = open("a.tar", &cut[..1024 + 512 + 600]);
    assert_eq!(seen.members[1].1.len(), 600);
    assert_eq!(seen.skips, [("cut".to_owned(), "ends too early; what came before was read".to_owned(), true)]);
}

#[test]
fn names_are_handed_on_as_they_are() {
    let names: [&[u8]; 5] = [b"../../etc/x", b"/root/.netrc", b"a\0b", b"\xff\xfe", b"a\\b\n"];
    let members: Vec<Member> = names.iter().map(|name| Member::stored(name, "text")).collect();
    struct Names(Vec<Vec<u8>>);
    impl Unpack for Names {
        fn member(&mut self, inner: &[Vec<u8>], _: &mut dyn Read) -> io::Result<()> {
            self.0.push(inner.concat());
            Ok(())
        }
        fn skip(&mut self, _: &[Vec<u8>], reason: String, _: bool) {
            panic!("{reason}");
        }
        fn stopped(&self) -> bool {
            false
        }
    }
    let mut found = Names(Vec::new());
    let bytes = zip(&members);
    assert_eq!(unpack(Form::Zip, b"a.zip", bytes.len() as u64, Cursor::new(&bytes), &mut found), Opened::Yes);
    assert_eq!(found.0, names);
}

#[test]
fn containers_in_containers() {
    let layer = tar(&[("root/.netrc", b"text")]);
    let image = tar(&[("manifest.json", b"{}"), ("1f/layer.tar", &layer), ("blobs/2e", &compress(Form::Gzip, &layer))]);
    let wheel = zip(&[Member::deflated("key.py", "text")]);
    let all = tar(&[("image.tar", &image), ("a.whl", &wheel), ("key.env.xz", &compress(Form::Xz, b"text"))]);
    let seen = open("all.tar.gz", &compress(Form::Gzip, &all));
    assert_eq!(
        seen.ways(),
        [
            "image.tar|manifest.json",
            "image.tar|1f/layer.tar|root/.netrc",
            "image.tar|blobs/2e|root/.netrc",
            "a.whl|key.py",
            "key.env.xz|key.env",
        ]
    );
    assert_eq!(seen.skips, []);
}

#[test]
fn what_only_looks_like_a_container_is_a_plain_member() {
    let fakes: [&[u8]; 7] = [
        b"PK\x03\x04 is how a zip begins, and this is no zip at all, see",
        b"\x1f\x8b\x08\0and no gzip stream",
        b"BZh91AY&SY and no bzip2 stream",
        b"\xfd7zXZ\0and no xz stream",
        b"\x28\xb5\x2f\xfd and no zstd stream",
        b"\x04\x22\x4d\x18 and no lz4 frame",
        b"PK\x05\x06",
    ];
    for fake in fakes {
        let form = form(fake).unwrap();
        let mut seen = Seen::default();
        assert_eq!(unpack(form, b"a", fake.len() as u64, Cursor::new(fake), &mut seen), Opened::No, "{form:?}");
        assert_eq!((seen.members.len(), seen.gaps()), (0, vec![]), "{form:?}");
        let seen = open("a.tar", &tar(&[("fake", fake), ("next", b"text")]));
        assert_eq!(seen.members[0], ("fake".to_owned(), fake.to_vec()), "{form:?}");
        assert_eq!((seen.ways(), seen.gaps()), (vec!["fake", "next"], vec![]));
    }
}

#[test]
fn members_may_be_left_and_the_walk_stopped() {
    let large = text(200_000);
    let archive = tar(&[("1", &large), ("2", &large), ("3", b"text")]);
    for bytes in [archive.clone(), compress(Form::Gzip, &archive), compress(Form::Zip, &archive)] {
        let seen = open_into("a", &bytes, || Seen { most: Some(10), ..Seen::default() });
        assert_eq!((seen.members.len(), seen.skips.len(), seen.bytes), (3, 0, 24));
        let seen = open_into("a", &bytes, || Seen { stop_after: Some(2), ..Seen::default() });
        assert_eq!((seen.members.len(), seen.skips.len()), (2, 0));
    }
}

#[test]
fn a_member_that_could_not_be_scanned_is_a_gap() {
    struct Picky(Vec<String>);
    impl Unpack for Picky {
        fn member(&mut self, _: &[Vec<u8>], _: &mut dyn Read) -> io::Result<()> {
            Err(io::Error::other("no room"))
        }
        fn skip(&mut self, inner: &[Vec<u8>], reason: String, gap: bool) {
            assert!(gap);
            self.0.push(format!("{}: {reason}", way(inner)));
        }
        fn stopped(&self) -> bool {
            false
        }
    }
    let mut picky = Picky(Vec::new());
    let bytes = tar(&[("a", b"text"), ("b", b"text")]);
    assert_eq!(unpack(Form::Tar, b"a.tar", bytes.len() as u64, Cursor::new(&bytes), &mut picky), Opened::Yes);
    assert_eq!(picky.0, ["a: could not be scanned: no room", "b: could not be scanned: no room"]);
}
