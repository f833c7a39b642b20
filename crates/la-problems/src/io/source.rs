//! Where bytes come from: plain or gzip-compressed streams, cut into lines.

use std::fs::File;
use std::io::{BufRead, BufReader, Chain, Cursor, ErrorKind, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::error::{ReadError, ReadErrorKind};

/// Longest line accepted, in bytes.
const MAX_LINE: usize = 1 << 20;
/// How much of the (decompressed) beginning is looked at to tell formats apart, in bytes.
const HEAD: usize = 4096;
const BUFFER: usize = 1 << 16;

type Stream<'a> = Chain<Cursor<Vec<u8>>, Box<dyn BufRead + 'a>>;

/// Lines of a plain or gzip-compressed stream, numbered from 1, without their line ends.
pub(crate) struct Lines<'a> {
    stream: Stream<'a>,
    head_len: usize,
    line: Vec<u8>,
    number: u64,
    compressed: bool,
}

impl Lines<'static> {
    pub(crate) fn open(path: &Path) -> Result<Self, ReadError> {
        let file = File::open(path).map_err(|e| ReadError::new(ReadErrorKind::Open(e)))?;
        Self::new(file)
    }
}

impl<'a> Lines<'a> {
    /// Recognises gzip by its first two bytes.
    pub(crate) fn new(reader: impl Read + 'a) -> Result<Self, ReadError> {
        let mut reader = BufReader::with_capacity(BUFFER, reader);
        let mut magic = Vec::new();
        read_up_to(&mut reader, 2, &mut magic).map_err(|e| ReadError::new(ReadErrorKind::Io(e)))?;
        let compressed = magic == [0x1f, 0x8b];
        let whole = Cursor::new(magic).chain(reader);
        let mut inner: Box<dyn BufRead + 'a> = if compressed {
            Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(whole)))
        } else {
            Box::new(whole)
        };
        let mut head = Vec::new();
        read_up_to(&mut inner, HEAD, &mut head)
            .map_err(|e| ReadError::new(io_kind(e, compressed)))?;
        let head_len = head.len();
        Ok(Self {
            stream: Cursor::new(head).chain(inner),
            head_len,
            line: Vec::new(),
            number: 0,
            compressed,
        })
    }

    /// The beginning of the decompressed stream; call before the first [`advance`](Self::advance).
    pub(crate) fn head(&self) -> &[u8] {
        let head = self.stream.get_ref().0.get_ref();
        &head[..self.head_len]
    }

    pub(crate) fn compressed(&self) -> bool {
        self.compressed
    }

    /// Reads the next line; false at the end of the stream.
    pub(crate) fn advance(&mut self) -> Result<bool, ReadError> {
        self.line.clear();
        self.number += 1;
        let mut any = false;
        loop {
            let available = match self.stream.fill_buf() {
                Ok(bytes) => bytes,
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(e) => return Err(ReadError::at(self.number, io_kind(e, self.compressed))),
            };
            if available.is_empty() {
                break;
            }
            any = true;
            let end = available.iter().position(|&b| b == b'\n');
            let part = &available[..end.unwrap_or(available.len())];
            if self.line.len() + part.len() > MAX_LINE {
                return Err(ReadError::at(
                    self.number,
                    ReadErrorKind::LineTooLong { limit: MAX_LINE },
                ));
            }
            self.line.extend_from_slice(part);
            let used = part.len() + usize::from(end.is_some());
            self.stream.consume(used);
            if end.is_some() {
                break;
            }
        }
        if self.line.last() == Some(&b'\r') {
            self.line.pop();
        }
        Ok(any)
    }

    /// The current line.
    pub(crate) fn line(&self) -> &[u8] {
        &self.line
    }

    /// Number of the current line, from 1.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// An error at the current line.
    pub(crate) fn error(&self, kind: ReadErrorKind) -> ReadError {
        ReadError::at(self.number, kind)
    }
}

fn read_up_to(reader: &mut impl Read, limit: usize, into: &mut Vec<u8>) -> std::io::Result<()> {
    reader.take(limit as u64).read_to_end(into).map(|_| ())
}

fn io_kind(error: std::io::Error, compressed: bool) -> ReadErrorKind {
    use ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    match error.kind() {
        UnexpectedEof | InvalidData | InvalidInput if compressed => {
            ReadErrorKind::DamagedGzip(error)
        }
        _ => ReadErrorKind::Io(error),
    }
}
