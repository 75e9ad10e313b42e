//! What Kinode's `kit` makes and sends, byte for byte but for how long it waits: the zip of a package, and its requests,
//! written out.

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use zip::write::{SimpleFileOptions, ZipWriter};

use crate::node::Node;
use crate::packages::hash;

/// The process that keeps and installs packages.
pub const APP_STORE: &str = "main:app-store:sys";

/// How long an answer may take. `kit` says 15, or 5, which a machine that does much else may need for compiling.
const PATIENT_S: &str = "600";

/// An answer as it came.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The first line.
    pub status: String,
    /// `name: value`, names in lower case.
    pub headers: Vec<String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// Asserts a status, and the body to the last byte.
    #[track_caller]
    pub fn is(&self, status: &str, body: &str) {
        let came = String::from_utf8_lossy(&self.body);
        assert_eq!((self.status.as_str(), came.as_ref()), (format!("HTTP/1.1 {status}").as_str(), body));
    }

    /// Asserts what `kit` needs to read it: status 200, and this body, in the JSON around it.
    #[track_caller]
    pub fn says(&self, body: &str) {
        self.is("200 OK", &format!(r#"{{"body":{},"lazy_load_blob":null}}"#, ints(body.as_bytes())));
        assert!(self.headers.contains(&"content-type: text/html".to_owned()), "{:?}", self.headers);
    }

    /// Asserts the same, with a reason in the metadata that has these words in it: an addition of ours, which `kit` ignores.
    #[track_caller]
    pub fn says_because(&self, body: &str, reason: &str) {
        let came = String::from_utf8_lossy(&self.body).into_owned();
        let start = format!(r#"{{"body":{},"lazy_load_blob":null,"metadata":""#, ints(body.as_bytes()));
        assert!(self.status == "HTTP/1.1 200 OK" && came.starts_with(&start), "{} {came}", self.status);
        assert!(came.contains(reason), "{reason} is not in {came}");
    }
}

/// Bytes as they are in JSON.
pub fn ints(bytes: &[u8]) -> String {
    let numbers: Vec<String> = bytes.iter().map(u8::to_string).collect();
    format!("[{}]", numbers.join(","))
}

/// A reply with a blob, whose bytes are the characters of its base64.
pub fn reply_with_blob(body: &str, mime: &str, blob: &[u8]) -> String {
    let blob = ints(BASE64_STANDARD.encode(blob).as_bytes());
    format!(r#"{{"body":{},"lazy_load_blob":{{"mime":"{mime}","bytes":{blob}}}}}"#, ints(body.as_bytes()))
}

/// The message around a body, as `kit inject-message` sends it. The body is written as JSON text, quotes escaped;
/// `expects` and `data` as JSON.
pub fn message(process: &str, body: &str, expects: &str, data: &str) -> String {
    format!(
        r#"{{"node":null,"process":"{process}","inherit":false,"expects_response":{expects},"body":"{body}","metadata":null,"context":null,"mime":"application/octet-stream","data":{data}}}"#
    )
}

/// Bytes as the `data` of a message.
pub fn data(bytes: &[u8]) -> String {
    format!("\"{}\"", BASE64_STANDARD.encode(bytes))
}

/// The first call of `kit start-package`.
pub fn new_package(package: &str, publisher: &str, zip: &[u8]) -> String {
    let body = format!(
        r#"{{\"NewPackage\":{{\"package_id\":{{\"package_name\":\"{package}\",\"publisher_node\":\"{publisher}\"}},\"mirror\":true}}}}"#
    );
    message(APP_STORE, &body, PATIENT_S, &data(zip))
}

/// The second one, with the metadata as messages have it: hashes by version are a list of pairs there.
pub fn install(package: &str, publisher: &str, zip: &[u8]) -> String {
    let hash = hash(zip);
    let body = format!(
        r#"{{\"Install\":{{\"package_id\":{{\"package_name\":\"{package}\",\"publisher_node\":\"{publisher}\"}},\"version_hash\":\"{hash}\",\"metadata\":{{\"name\":\"{package}\",\"description\":\"\",\"image\":\"\",\"external_url\":\"\",\"animation_url\":\"\",\"properties\":{{\"package_name\":\"{package}\",\"publisher\":\"{publisher}\",\"current_version\":\"0.1.0\",\"mirrors\":[],\"code_hashes\":[[\"0.1.0\",\"{hash}\"]],\"license\":null,\"screenshots\":null,\"wit_version\":1,\"dependencies\":[],\"api_includes\":[]}}}}}}}}"#
    );
    message(APP_STORE, &body, PATIENT_S, "null")
}

/// The call of `kit remove-package`.
pub fn uninstall(package: &str, publisher: &str) -> String {
    let body = format!(r#"{{\"Uninstall\":{{\"package_name\":\"{package}\",\"publisher_node\":\"{publisher}\"}}}}"#);
    message(APP_STORE, &body, PATIENT_S, "null")
}

/// The call of `kit view-api PACKAGE`, and of `kit build` for each dependency.
pub fn get_api(package: &str, publisher: &str) -> String {
    let body = format!(r#"{{\"GetApi\":{{\"package_name\":\"{package}\",\"publisher_node\":\"{publisher}\"}}}}"#);
    message(APP_STORE, &body, PATIENT_S, "null")
}

/// A call to the vfs, as `kit run-tests` makes it.
pub fn vfs(path: &str, action: &str, data: &str) -> String {
    message("vfs:distro:sys", &format!(r#"{{\"path\":\"{path}\",\"action\":\"{action}\"}}"#), PATIENT_S, data)
}

/// The zip that `kit build` makes of the same package: what is in `pkg/`, sorted, folders with an entry of their own, packed
/// with deflate, with a fixed time. The metadata is not in it.
pub fn zip_of(built: &Path) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(std::fs::File::open(built).unwrap()).unwrap();
    let mut entries = BTreeMap::new();
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).unwrap();
        let name = file.name().unwrap().into_owned();
        if file.is_file() && name != "metadata.json" {
            for (end, _) in name.match_indices('/') {
                entries.insert(name[..=end].to_owned(), None);
            }
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).unwrap();
            entries.insert(name, Some(bytes));
        }
    }
    let options = SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated)
        .last_modified_time(zip::DateTime::default());
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        match bytes {
            None => writer.add_directory(name, options).unwrap(),
            Some(bytes) => {
                writer.start_file(name, options).unwrap();
                writer.write_all(&bytes).unwrap();
            }
        }
    }
    writer.finish().unwrap().into_inner()
}

impl Node {
    /// Sends a message as `kit` does: these bytes and no others, and no token.
    pub fn kit(&self, json: &str) -> Answer {
        self.raw(&format!(
            "POST /rpc:distro:sys/message HTTP/1.1\r\ncontent-type: application/json\r\naccept: */*\r\n\
             host: {}\r\ncontent-length: {}\r\n\r\n{json}",
            self.url().trim_start_matches("http://"),
            json.len(),
        ))
    }

    /// `kit start-package`: keeps the zip, and installs it.
    pub fn kit_start_package(&self, id: &str, zip: &[u8]) {
        let (package, publisher) = id.split_once(':').unwrap();
        self.kit(&new_package(package, publisher, zip)).says(r#"{"NewPackageResponse":"Success"}"#);
        self.kit(&install(package, publisher, zip)).says(r#"{"InstallResponse":"Success"}"#);
    }

    /// Sends bytes and reads one answer.
    pub fn raw(&self, request: &str) -> Answer {
        let mut stream = self.connect();
        // Longer than the node waits for any answer.
        stream.set_read_timeout(Some(std::time::Duration::from_secs(700))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().to_owned();
        let headers: Vec<String> = lines.filter(|line| !line.is_empty()).map(str::to_owned).collect();
        let length = headers.iter().find_map(|header| header.strip_prefix("content-length: "));
        let mut body = vec![0; length.expect("the length of the answer").parse().unwrap()];
        stream.read_exact(&mut body).unwrap();
        Answer { status, headers, body }
    }
}
