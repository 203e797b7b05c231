//! The transaction log of a W&B run (`run-*.wandb`): LevelDB's log format with protobuf records in it.
//! In: the bytes of a file. Out: lines of JSON and of console output. The schema is not needed: a field is what it can be
//! read as. Only console output and configuration are known by their numbers.

use super::{Bytes, Sink, quote};

/// How a log begins; a checksum's magic and a version follow.
pub(super) const MAGIC: &[u8] = b":W&B";
/// Magic, checksum magic and version.
const HEADER: usize = 7;
/// Records do not cross a block, so a long one is in several pieces.
const BLOCK: usize = 32 * 1024;
/// Checksum, length and type of a piece.
const PIECE_HEADER: usize = 7;
/// A message within a message: deeper ones are shown by what is printable in them.
const MAX_DEPTH: usize = 24;
/// The fields of a record that are console output: `output` and `output_raw` of `wandb_internal.proto`.
const OUTPUT: [u64; 2] = [4, 13];
/// The line in it, and which stream it is of.
const OUTPUT_LINE: u64 = 3;
const OUTPUT_STREAM: u64 = 1;
/// The fields of an item of a configuration, a summary or a history: its name, the path of names, its JSON value.
const ITEM_NAME: u64 = 1;
const ITEM_PATH: u64 = 2;
const ITEM_VALUE: u64 = 16;

pub(super) fn render(bytes: &[u8], sink: &mut Sink) {
    let mut console = Console::default();
    let mut record: Option<Vec<u8>> = None;
    let mut at = HEADER;
    while at < bytes.len() {
        let room = BLOCK - at % BLOCK;
        if room < PIECE_HEADER {
            at += room;
            continue;
        }
        let mut piece = Bytes { rest: &bytes[at..] };
        let header = piece.take(4).and_then(|_| Some((piece.length(2)?, piece.byte()?)));
        let read = header.filter(|(length, _)| length + PIECE_HEADER <= room);
        let Some((data, kind)) = read.and_then(|(length, kind)| Some((piece.take(length)?, kind))) else {
            // What is cut off or damaged is read as far as its block goes; the next block begins a piece anew.
            sink.damaged("a record is cut off or damaged");
            sink.runs(&bytes[at..bytes.len().min(at + room)]);
            at += room;
            continue;
        };
        at += PIECE_HEADER + data.len();
        match kind {
            1 => {
                abandon(&mut record, sink);
                show(data, &mut console, sink);
            }
            2 => {
                abandon(&mut record, sink);
                record = Some(data.to_vec());
            }
            3 | 4 => match record.take() {
                Some(mut whole) => {
                    whole.extend_from_slice(data);
                    if kind == 4 {
                        show(&whole, &mut console, sink);
                    } else {
                        record = Some(whole);
                    }
                }
                None => abandon(&mut Some(data.to_vec()), sink),
            },
            // The end of a block that was never filled.
            0 if data.is_empty() => at += room - PIECE_HEADER,
            _ => {
                sink.damaged("a record is of an unknown type");
                sink.runs(data);
            }
        }
    }
    abandon(&mut record, sink);
    console.finish(sink);
}

/// Shows what there is of a record that is not whole.
fn abandon(record: &mut Option<Vec<u8>>, sink: &mut Sink) {
    if let Some(record) = record.take() {
        sink.damaged("a record is not whole");
        sink.runs(&record);
    }
}

/// The console's lines as they grow: a line is written in pieces, and other records stand between them.
#[derive(Default)]
struct Console {
    streams: [Vec<u8>; 2],
}

impl Console {
    const LONGEST: usize = 64 * 1024;

    fn write(&mut self, stream: u64, text: &[u8], sink: &mut Sink) {
        let line = &mut self.streams[usize::from(stream == 0)];
        for piece in text.split_inclusive(|&b| b == b'\n') {
            line.extend_from_slice(piece);
            if piece.ends_with(b"\n") || line.len() > Console::LONGEST {
                let end = line.trim_ascii_end().len();
                if end > 0 {
                    sink.line(&line[..end]);
                }
                line.clear();
            }
        }
    }

    fn finish(&mut self, sink: &mut Sink) {
        for stream in [0, 1] {
            self.write(stream, b"\n", sink);
        }
    }
}

/// A field of a message.
enum Field<'b> {
    Number(u64),
    Bytes(&'b [u8]),
}

/// The fields of a message, or nothing if it is none.
fn fields(message: &[u8]) -> Option<Vec<(u64, Field<'_>)>> {
    let mut bytes = Bytes { rest: message };
    let mut fields = Vec::new();
    while !bytes.rest.is_empty() {
        let key = varint(&mut bytes)?;
        let field = match key & 7 {
            0 => Field::Number(varint(&mut bytes)?),
            1 => Field::Number(bytes.little(8)?),
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                Field::Bytes(bytes.take(length)?)
            }
            5 => Field::Number(bytes.little(4)?),
            _ => return None,
        };
        if key >> 3 == 0 || key >> 3 >= 1 << 29 {
            return None;
        }
        fields.push((key >> 3, field));
    }
    Some(fields)
}

fn varint(bytes: &mut Bytes<'_>) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = bytes.byte()?;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

fn show(record: &[u8], console: &mut Console, sink: &mut Sink) {
    let Some(fields) = fields(record) else {
        sink.damaged("a record is no message");
        sink.runs(record);
        return;
    };
    let output = fields.iter().find_map(|(number, field)| match field {
        Field::Bytes(bytes) if OUTPUT.contains(number) => self::fields(bytes),
        _ => None,
    });
    let Some(output) = output else { return message(&fields, 0, sink) };
    let stream = output.iter().find_map(|(number, field)| match field {
        Field::Number(stream) if *number == OUTPUT_STREAM => Some(*stream),
        _ => None,
    });
    for (number, field) in &output {
        if let (OUTPUT_LINE, Field::Bytes(line)) = (*number, field) {
            console.write(stream.unwrap_or(0), line, sink);
        }
    }
}

/// Shows a message: an item as a name with its value, several texts of one field as a list, other texts by themselves.
fn message(fields: &[(u64, Field<'_>)], depth: usize, sink: &mut Sink) {
    let of = |wanted: u64| {
        fields.iter().filter_map(move |(number, field)| match field {
            Field::Bytes(bytes) if *number == wanted && is_text(bytes) => Some(*bytes),
            _ => None,
        })
    };
    if let Some(value) = of(ITEM_VALUE).next()
        && of(ITEM_NAME).chain(of(ITEM_PATH)).next().is_some()
    {
        let mut line = Vec::new();
        let names: Vec<&[u8]> = of(ITEM_NAME).filter(|name| !name.is_empty()).chain(of(ITEM_PATH)).collect();
        for name in names.iter().take(MAX_DEPTH) {
            line.push(b'{');
            quote(name, &mut line);
            line.extend(b": ");
        }
        line.extend_from_slice(value);
        line.resize(line.len() + names.len().min(MAX_DEPTH), b'}');
        sink.line(&line);
        return;
    }
    // Of the two texts of a git repository, the second has the shape of a key.
    if let [(1, Field::Bytes(remote)), (2, Field::Bytes(commit))] = fields
        && is_text(remote)
        && is_commit(commit)
    {
        let mut line = Vec::from(b"{\"remote\": ");
        quote(remote, &mut line);
        line.extend(b", \"commit\": ");
        quote(commit, &mut line);
        line.push(b'}');
        sink.line(&line);
        return;
    }
    let mut at = 0;
    while let Some((number, field)) = fields.get(at) {
        let Field::Bytes(bytes) = field else {
            at += 1;
            continue;
        };
        let same = fields[at..].iter().take_while(|(other, field)| other == number && text_of(field).is_some()).count();
        if same > 1 {
            let mut line = Vec::from(b"[");
            for (_, field) in &fields[at..at + same] {
                if line.len() > 1 {
                    line.extend(b", ");
                }
                quote(text_of(field).unwrap_or_default(), &mut line);
            }
            line.push(b']');
            sink.line(&line);
            at += same;
            continue;
        }
        at += 1;
        // A text can by chance be read as a message, but seldom can a message be read as a text.
        if is_text(bytes) {
            let mut line = Vec::new();
            quote(bytes, &mut line);
            sink.line(&line);
        } else if let Some(inner) = (depth < MAX_DEPTH).then(|| self::fields(bytes)).flatten() {
            message(&inner, depth + 1, sink);
        } else {
            sink.runs(bytes);
        }
    }
}

fn text_of<'b>(field: &Field<'b>) -> Option<&'b [u8]> {
    match field {
        Field::Bytes(bytes) if is_text(bytes) => Some(bytes),
        _ => None,
    }
}

/// Whether bytes have the shape of a commit id.
fn is_commit(bytes: &[u8]) -> bool {
    bytes.len() == 40 && bytes.iter().all(u8::is_ascii_hexdigit)
}

/// Whether bytes are a text: UTF-8 without control characters but those of lines.
fn is_text(bytes: &[u8]) -> bool {
    !bytes.is_empty()
        && !bytes.iter().any(|&byte| byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x1b))
        && str::from_utf8(bytes).is_ok()
}
