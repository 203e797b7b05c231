//! The trees that an index knows the ids of (the cache tree, gitformat-index). In: the body of its extension. Out: for each
//! folder how many entries its tree covers, and that tree's id. Nothing here says that it is true.

use std::collections::HashMap;

use crate::object::ObjectId;

/// A folder.
struct Folder<'b> {
    name: &'b [u8],
    tree: Option<(usize, ObjectId)>,
    /// How many folders follow that lie in it directly.
    inside: usize,
    /// The place behind it and all that lies in it.
    end: usize,
}

/// The folders of an index, each before what lies in it. The first is its root.
#[derive(Default)]
pub(super) struct Known<'b>(Vec<Folder<'b>>);

impl<'b> Known<'b> {
    /// Reads the extension. One that cannot be read to its end knows nothing.
    pub(super) fn parse(body: &'b [u8], id_length: usize) -> Known<'b> {
        Known::read(body, id_length).unwrap_or_default()
    }

    fn read(mut rest: &'b [u8], id_length: usize) -> Option<Known<'b>> {
        let mut folders: Vec<Folder<'b>> = Vec::new();
        // Those that something is still to follow in, and how much.
        let mut open: Vec<(usize, usize)> = Vec::new();
        loop {
            let name = until(&mut rest, 0)?;
            let count = number(until(&mut rest, b' ')?)?;
            let inside = usize::try_from(number(until(&mut rest, b'\n')?)?).ok()?;
            let tree = match usize::try_from(count) {
                Ok(count) => {
                    let (id, behind) = rest.split_at_checked(id_length)?;
                    rest = behind;
                    Some((count, ObjectId::from_bytes(id)?))
                }
                Err(_) => None,
            };
            open.push((folders.len(), inside));
            folders.push(Folder { name, tree, inside, end: 0 });
            while let Some(&(done, 0)) = open.last() {
                open.pop();
                folders[done].end = folders.len();
            }
            match open.last_mut() {
                Some((_, left)) => *left -= 1,
                None => return rest.is_empty().then_some(Known(folders)),
            }
        }
    }

    /// The place of the root.
    pub(super) fn root(&self) -> Option<usize> {
        (!self.0.is_empty()).then_some(0)
    }

    /// How many entries the tree of a folder covers, and its id; none if something in it has changed.
    pub(super) fn tree(&self, place: usize) -> Option<(usize, ObjectId)> {
        self.0.get(place)?.tree
    }

    /// The places of what lies in a folder directly, by name.
    pub(super) fn inside(&self, place: usize) -> HashMap<&'b [u8], usize> {
        let mut found = HashMap::new();
        let mut next = place + 1;
        for _ in 0..self.0.get(place).map_or(0, |folder| folder.inside) {
            let Some(folder) = self.0.get(next) else { break };
            found.insert(folder.name, next);
            next = folder.end;
        }
        found
    }
}

fn until<'b>(rest: &mut &'b [u8], end: u8) -> Option<&'b [u8]> {
    let (taken, behind) = rest.split_at_checked(memchr::memchr(end, rest)?)?;
    *rest = behind.get(1..)?;
    Some(taken)
}

fn number(digits: &[u8]) -> Option<i64> {
    str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_found_by_name_and_what_is_cut_off_knows_nothing() {
        let mut body = b"\x00-1 2\n".to_vec();
        body.extend(b"a\x003 1\n".iter().chain(&[1; 20]));
        body.extend(b"inner\x002 0\n".iter().chain(&[2; 20]));
        body.extend(b"b\x00-1 0\n");
        let known = Known::parse(&body, 20);
        let inside = known.inside(0);
        assert_eq!((known.tree(0), inside.len()), (None, 2));
        let id = |byte: u8| ObjectId::from_bytes(&[byte; 20]).expect("20 bytes");
        assert_eq!((known.tree(inside[&b"a"[..]]), known.tree(inside[&b"b"[..]])), (Some((3, id(1))), None));
        let inner = known.inside(inside[&b"a"[..]])[&b"inner"[..]];
        assert_eq!(known.tree(inner), Some((2, id(2))));
        for cut in 0..body.len() {
            assert!(Known::parse(&body[..cut], 20).root().is_none(), "{cut}");
        }
        for lie in [&b"\x00-1 1\n"[..], b"\x00-1 99999999999999999999\n", b"\x00-1 -1\n", b"\x00 0\n"] {
            assert!(Known::parse(lie, 20).root().is_none());
        }
    }
}
