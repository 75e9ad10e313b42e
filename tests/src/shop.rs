//! A web server with the files of a folder, which can be told to misbehave: a registry of packages, good or bad.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long a client may be quiet. Far more than any is: it ends threads of tests that failed.
const QUIET: Duration = Duration::from_secs(600);

/// What happens instead of an answer with a file.
#[derive(Clone, Debug)]
pub enum Fault {
    /// These bytes come in its place.
    Body(Vec<u8>),
    /// This status, with these header lines, each with `\r\n`.
    Status(u16, String),
    /// Bytes until the client goes.
    Endless,
    /// Half of it, though the header says that all of it comes.
    Half,
    /// A byte, and then nothing, until the client goes.
    Silent,
}

/// The server. Its threads end with the connections, and the listener with the test.
#[derive(Debug)]
pub struct Shop {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    faults: Mutex<Vec<(String, Fault)>>,
    requests: Mutex<Vec<String>>,
}

impl Shop {
    /// Serves this folder on loopback.
    pub fn of(folder: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared =
            Arc::new(Shared { folder: folder.to_owned(), faults: Mutex::default(), requests: Mutex::default() });
        let of_server = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&of_server);
                // What goes wrong here is the client's end, which is what some tests are about.
                std::thread::spawn(move || drop(serve(stream, &shared)));
            }
        });
        Self { address, shared }
    }

    /// `127.0.0.1:port`
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on, requests with this in their first line go wrong so. The last one that was said wins.
    pub fn fault(&self, part: &str, fault: Fault) {
        self.shared.faults.lock().unwrap().insert(0, (part.to_owned(), fault));
    }

    /// All is well again.
    pub fn mend(&self) {
        self.shared.faults.lock().unwrap().clear();
    }

    /// The heads of the requests that came.
    pub fn requests(&self) -> Vec<String> {
        self.shared.requests.lock().unwrap().clone()
    }
}

/// One request; then the connection ends.
fn serve(mut stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    stream.set_read_timeout(Some(QUIET))?;
    let head = read_head(&mut stream)?;
    shared.requests.lock().unwrap().push(head.clone());
    let line = head.lines().next().unwrap_or_default();
    let path = line.split(' ').nth(1).unwrap_or_default().split('?').next().unwrap_or_default();
    let faults = shared.faults.lock().unwrap().clone();
    let fault = faults.into_iter().find(|(part, _)| line.contains(part)).map(|(_, fault)| fault);
    let file = || std::fs::read(shared.folder.join(path.trim_start_matches('/')));
    match fault {
        None => match file() {
            Ok(bytes) => answer(&mut stream, "200 OK", "", &bytes, bytes.len()),
            Err(_) => answer(&mut stream, "404 Not Found", "", b"nothing here", 12),
        },
        Some(Fault::Body(bytes)) => answer(&mut stream, "200 OK", "", &bytes, bytes.len()),
        Some(Fault::Status(status, headers)) => answer(&mut stream, &format!("{status} So"), &headers, b"no", 2),
        Some(Fault::Half) => {
            let bytes = file()?;
            answer(&mut stream, "200 OK", "", &bytes[..bytes.len() / 2], bytes.len())
        }
        Some(Fault::Silent) => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
            stream.read(&mut [0]).map(drop)
        }
        Some(Fault::Endless) => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
            loop {
                stream.write_all(format!("400\r\n{}\r\n", " ".repeat(1024)).as_bytes())?;
            }
        }
    }
}

fn read_head(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        head.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

fn answer(stream: &mut TcpStream, status: &str, headers: &str, body: &[u8], length: usize) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n")?;
    stream.write_all(body)?;
    stream.flush()
}
