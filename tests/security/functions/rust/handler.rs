//! A hostile function: does what `attack` says by the means of this language, and answers what came of it.
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use trivet::{record, Context, Result};

record! {
    pub struct Input { attack: String = String::new(), argument: String = String::new(), arguments: Option<Vec<String>> }
    pub struct Output { outcome: String, detail: String }
}

extern "C" {
    fn kill(pid: i32, signal: i32) -> i32;
}

fn tasks(count: usize) -> io::Result<()> {
    let (mut ends, mut threads, mut result) = (Vec::new(), Vec::new(), Ok(()));
    for _ in 0..count {
        let (end, wait) = mpsc::channel::<()>();
        match thread::Builder::new().spawn(move || drop(wait.recv())) {
            Ok(thread) => threads.push(thread),
            Err(error) => {
                result = Err(error);
                break;
            }
        }
        ends.push(end);
    }
    drop(ends);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    result
}

fn memory(mib: usize) {
    let kept: Vec<Vec<u8>> = (0..mib).map(|n| vec![n as u8 | 1; 1 << 20]).collect();
    std::hint::black_box(kept);
}

fn attack(input: &Input) -> io::Result<String> {
    let number = || input.argument.parse::<usize>().unwrap_or(0);
    match input.attack.as_str() {
        "read" => drop(File::open(&input.argument)?.read(&mut [0])),
        "write" => drop(OpenOptions::new().append(true).open(&input.argument)?),
        "tcp" => drop(TcpStream::connect_timeout(&input.argument.parse().unwrap(), Duration::from_secs(1))?),
        "kill" => {
            if unsafe { kill(number() as i32, 0) } < 0 {
                return Err(io::Error::last_os_error());
            }
        }
        "spawn" => {
            let list = input.arguments.as_deref().unwrap_or(&[]);
            let done = Command::new(&list[0]).args(&list[1..]).output()?;
            return Ok(String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned());
        }
        "environment" => return Ok(std::env::vars().map(|(name, value)| format!("{name}={value}\n")).collect()),
        "tasks" => tasks(number())?,
        "memory" => memory(number()),
        "print" => {
            let line = "x".repeat(999);
            (0..number()).try_for_each(|_| writeln!(io::stdout(), "{line}"))?;
        }
        "reply" => return Ok("x".repeat(number() << 20)),
        _ => loop {
            std::hint::spin_loop();
        },
    }
    Ok(String::new())
}

pub fn handler(input: Input, _ctx: &Context) -> Result<Output> {
    Ok(match attack(&input) {
        Ok(detail) => Output { outcome: "allowed".to_string(), detail },
        Err(error) => Output { outcome: error.to_string(), detail: String::new() },
    })
}
