use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Command;

fn main() {
    let folder = std::env::temp_dir().join(format!("work-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("file"), vec![0; 10000]).unwrap();
    assert_eq!(std::fs::copy(folder.join("file"), folder.join("file2")).unwrap(), 10000);
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = tcp.local_addr().unwrap();
    let writer = std::thread::spawn(move || TcpStream::connect(address).unwrap().write_all(b"hello").unwrap());
    let mut text = String::new();
    tcp.accept().unwrap().0.read_to_string(&mut text).unwrap();
    writer.join().unwrap();
    let unix = UnixListener::bind(folder.join("s")).unwrap();
    UnixStream::connect(folder.join("s")).unwrap().write_all(b"hello").unwrap();
    unix.accept().unwrap().0.read_to_string(&mut text).unwrap();
    assert_eq!(text, "hellohello");
    let out = Command::new("/bin/sh").args(["-c", "echo out | cat"]).output().unwrap();
    assert_eq!(out.stdout, b"out\n");
    assert!(std::collections::HashMap::from([(1, 2)]).contains_key(&1));
    std::fs::remove_dir_all(&folder).unwrap();
    println!("fine");
}
