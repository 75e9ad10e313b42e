//! A web server for processes to ask, in threads of the test.
//!
//! | path | answer |
//! |---|---|
//! | `/echo` | the request as it came |
//! | `/json` | `[1,2,3]` |
//! | `/silent` | none, until the client goes |
//! | `/bytes/N` | so many, with their number in the header |
//! | `/chunks/N` | so many chunks of 1 KiB |
//! | `/endless` | chunks until the client goes |
//! | `/redirect/STATUS/URL` | a redirect there |
//! | `/ws` | a WebSocket that echoes, and closes after `bye` |
//! | anything else | 404 |

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio_tungstenite::tungstenite::{Message, accept};

/// How long a client may be quiet. Far more than any is: it ends threads of tests that failed.
const QUIET: Duration = Duration::from_secs(600);

/// A server. Its threads end with the connections, and the listener with the test.
#[derive(Debug)]
pub struct Web {
    address: SocketAddr,
    seen: Arc<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    connections: AtomicUsize,
    open: AtomicUsize,
    requests: Mutex<Vec<String>>,
}

impl Web {
    /// One on loopback.
    pub fn start() -> Self {
        Self::serving(None)
    }

    /// One with TLS.
    pub fn with_tls(config: rustls::ServerConfig) -> Self {
        Self::serving(Some(Arc::new(config)))
    }

    fn serving(tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, seen) = (listener.local_addr().unwrap(), Arc::new(Seen::default()));
        let of_server = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (seen, tls) = (Arc::clone(&of_server), tls.clone());
                seen.connections.fetch_add(1, Ordering::SeqCst);
                seen.open.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || {
                    // What goes wrong here is the client's end, which is what some tests are about.
                    let _ = connection(stream, tls, &seen);
                    seen.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, seen }
    }

    /// `127.0.0.1:port`
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// A URL of it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A URL of it for WebSockets.
    pub fn ws(&self, path: &str) -> String {
        format!("ws://{}{path}", self.address)
    }

    /// Connections that were opened.
    pub fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// Connections that are open.
    pub fn open(&self) -> usize {
        self.seen.open.load(Ordering::SeqCst)
    }

    /// First lines of the requests that came.
    pub fn requests(&self) -> Vec<String> {
        self.seen.requests.lock().unwrap().clone()
    }
}

type Done = std::io::Result<()>;

fn connection(stream: TcpStream, tls: Option<Arc<rustls::ServerConfig>>, seen: &Seen) -> Done {
    stream.set_read_timeout(Some(QUIET))?;
    stream.set_nodelay(true)?;
    let Some(tls) = tls else {
        let mut start = [0; 7];
        while stream.peek(&mut start)? < start.len() {}
        return if start == *b"GET /ws" { socket(stream, seen) } else { requests(stream, seen) };
    };
    let connection = rustls::ServerConnection::new(tls).map_err(std::io::Error::other)?;
    requests(rustls::StreamOwned::new(connection, stream), seen)
}

fn socket(stream: TcpStream, seen: &Seen) -> Done {
    seen.requests.lock().unwrap().push("GET /ws".to_owned());
    let mut socket = accept(stream).map_err(std::io::Error::other)?;
    loop {
        let message = socket.read().map_err(std::io::Error::other)?;
        match &message {
            Message::Text(text) if text.as_str() == "bye" => socket.close(None).map_err(std::io::Error::other)?,
            Message::Text(_) | Message::Binary(_) => socket.send(message).map_err(std::io::Error::other)?,
            _ => {}
        }
    }
}

/// Serves one request after the other.
fn requests(mut stream: impl Read + Write, seen: &Seen) -> Done {
    let mut buffered = Vec::new();
    loop {
        let request = read_request(&mut stream, &mut buffered)?;
        let text = String::from_utf8_lossy(&request).into_owned();
        let line = text.lines().next().unwrap_or_default();
        seen.requests.lock().unwrap().push(line.to_owned());
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        answer(&mut stream, &path, &request)?;
    }
}

fn read_request(stream: &mut impl Read, buffered: &mut Vec<u8>) -> std::io::Result<Vec<u8>> {
    loop {
        if let Some(end) = buffered.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffered[..end]).to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let whole = end + 4 + length.map_or(0, |length| length.parse::<usize>().unwrap());
            if buffered.len() >= whole {
                return Ok(buffered.drain(..whole).collect());
            }
        }
        let mut more = [0; 16 << 10];
        match stream.read(&mut more)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            count => buffered.extend_from_slice(&more[..count]),
        }
    }
}

fn answer(stream: &mut (impl Read + Write), path: &str, request: &[u8]) -> Done {
    if let Some(count) = path.strip_prefix("/bytes/") {
        return write(stream, "200 OK", "", &vec![b'x'; count.parse().unwrap()]);
    }
    if let Some(count) = path.strip_prefix("/chunks/") {
        return chunks(stream, count.parse().unwrap());
    }
    if let Some((status, to)) = path.strip_prefix("/redirect/").and_then(|rest| rest.split_once('/')) {
        return write(stream, &format!("{status} There"), &format!("location: {to}\r\n"), b"");
    }
    match path.split('?').next().unwrap_or_default() {
        "/echo" => write(stream, "200 OK", "x-one-two: a\r\n", request),
        "/json" => write(stream, "200 OK", "content-type: application/json\r\n", b"[1,2,3]"),
        "/endless" => chunks(stream, usize::MAX),
        "/silent" => stream.read(&mut [0]).and(Err(ErrorKind::UnexpectedEof.into())),
        _ => write(stream, "404 Not Found", "", b"nothing here"),
    }
}

fn write(stream: &mut impl Write, status: &str, headers: &str, body: &[u8]) -> Done {
    write!(stream, "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n", body.len())?;
    stream.write_all(body)?;
    stream.flush()
}

fn chunks(stream: &mut impl Write, count: usize) -> Done {
    write!(stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
    for _ in 0..count {
        stream.write_all(format!("400\r\n{}\r\n", "x".repeat(1024)).as_bytes())?;
    }
    stream.write_all(b"0\r\n\r\n")?;
    stream.flush()
}
