//! The two pipes, and the frame on them (docs/formats/frame.md).

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::mem::ManuallyDrop;
use std::os::unix::io::FromRawFd;
use std::sync::Mutex;

pub const LOAD: u8 = 1;
pub const CALL: u8 = 2;
pub const CHUNK: u8 = 3;
pub const CANCEL: u8 = 4;
pub const PING: u8 = 5;
pub const ANSWER: u8 = 6;
pub const DRAIN: u8 = 8;
pub const CREDIT: u8 = 9;
pub const HELLO: u8 = 65;
pub const READY: u8 = 66;
pub const REPLY: u8 = 67;
pub const ERROR: u8 = 68;
pub const LOG: u8 = 69;
pub const PONG: u8 = 70;
pub const ASK: u8 = 71;

pub const HEADER: usize = 16;
pub const CHUNK_MOST: usize = 64 << 10;
pub const META_MOST: usize = 1 << 20;
const BUFFER: usize = 64 << 10;
const MORE: u8 = 1;

pub struct Frame {
    pub kind: u8,
    pub more: bool,
    pub call: u32,
    pub meta: Vec<u8>,
    pub body: Vec<u8>,
}

extern "C" {
    fn fcntl(fd: i32, command: i32, ...) -> i32;
}

/// Processes that user code starts do not get the pipes.
pub fn keep_to_ourselves() {
    const SET_FLAGS: i32 = 2;
    const CLOSE_ON_EXEC: i32 = 1;
    for fd in [3, 4] {
        // SAFETY: changes a flag of a descriptor, whatever it is.
        unsafe { fcntl(fd, SET_FLAGS, CLOSE_ON_EXEC) };
    }
}

fn pipe(fd: i32) -> ManuallyDrop<File> {
    // SAFETY: the descriptor is ours for the life of the process and is never closed.
    ManuallyDrop::new(unsafe { File::from_raw_fd(fd) })
}

pub struct Reader {
    file: ManuallyDrop<File>,
    buffer: Vec<u8>,
    begin: usize,
    end: usize,
}

impl Reader {
    pub fn new() -> Reader {
        Reader { file: pipe(3), buffer: vec![0; BUFFER], begin: 0, end: 0 }
    }

    /// The next frame; none at the end of the pipe.
    pub fn next(&mut self) -> Option<Frame> {
        self.need(HEADER)?;
        let word = |at: usize| u32::from_be_bytes([self.buffer[at], self.buffer[at + 1], self.buffer[at + 2], self.buffer[at + 3]]);
        let at = self.begin;
        let length = word(at) as usize + 4;
        let (call, meta) = (word(at + 8), word(at + 12) as usize);
        let (kind, flags) = (self.buffer[at + 4], self.buffer[at + 5]);
        self.need(length)?;
        let whole = &self.buffer[self.begin + HEADER..self.begin + length];
        let frame = Frame { kind, more: flags & MORE != 0, call, meta: whole[..meta].to_vec(), body: whole[meta..].to_vec() };
        self.begin += length;
        if self.begin == self.end {
            self.begin = 0;
            self.end = 0;
            if self.buffer.len() > 4 * BUFFER {
                self.buffer = vec![0; BUFFER];
            }
        }
        Some(frame)
    }

    /// Makes sure that so many unread bytes are in the buffer.
    fn need(&mut self, size: usize) -> Option<()> {
        while self.end - self.begin < size {
            if self.begin > 0 {
                self.buffer.copy_within(self.begin..self.end, 0);
                self.end -= self.begin;
                self.begin = 0;
            }
            if self.buffer.len() < size {
                self.buffer.resize(size + BUFFER, 0);
            }
            match self.file.read(&mut self.buffer[self.end..]) {
                Ok(0) => return None,
                Ok(count) => self.end += count,
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
        Some(())
    }
}

pub struct Writer {
    out: Mutex<(ManuallyDrop<File>, Vec<u8>)>,
}

impl Writer {
    pub fn new() -> Writer {
        Writer { out: Mutex::new((pipe(4), Vec::with_capacity(4096))) }
    }

    /// One frame, with one write when the pipe takes it.
    pub fn write(&self, kind: u8, call: u32, meta: &[u8], body: &[u8], more: bool) {
        let mut guard = self.out.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let (file, out) = &mut *guard;
        out.clear();
        out.extend_from_slice(&((HEADER - 4 + meta.len() + body.len()) as u32).to_be_bytes());
        out.extend_from_slice(&[kind, if more { MORE } else { 0 }, 0, 0]);
        out.extend_from_slice(&call.to_be_bytes());
        out.extend_from_slice(&(meta.len() as u32).to_be_bytes());
        out.extend_from_slice(meta);
        out.extend_from_slice(body);
        if file.write_all(out).is_err() {
            std::process::exit(1); // the host is gone
        }
        if out.capacity() > 4 * BUFFER {
            *out = Vec::with_capacity(4096);
        }
    }
}
