//! What a package asks for, in plain words, for the person who decides whether to install it.
//!
//! The words include a stranger's text. Every character that is not printable ASCII is escaped, so that a manifest
//! can neither steer a terminal nor make one line look like another.

use serde_json::json;
use wharf_types::OnExit;

use crate::capability::CapabilityEntry;
use crate::manifest::{Manifest, ManifestEntry};

impl Manifest {
    /// One line for each thing that the package's processes ask for or offer, most far-reaching first in each process.
    pub fn requests(&self) -> Vec<String> {
        self.entries().iter().flat_map(ManifestEntry::requests).collect()
    }
}

impl ManifestEntry {
    /// One line for each thing that this process asks for or offers.
    pub fn requests(&self) -> Vec<String> {
        let me = &self.process_name;
        let mut lines = Vec::new();
        if self.request_networking {
            lines.push(format!("{me} may use the network: it can reach other nodes, and they can reach it"));
        }
        lines.extend(self.request_capabilities.iter().map(|capability| request(me, capability)));
        lines.extend(self.grant_capabilities.iter().map(|capability| grant(me, capability)));
        if self.public {
            lines.push(format!("any process on this node may send messages to {me}"));
        }
        match &self.on_exit {
            OnExit::None => {}
            OnExit::Restart => lines.push(format!("{me} is started again whenever it ends")),
            OnExit::Requests(requests) => {
                let targets: Vec<String> = requests.iter().map(|(target, ..)| target.to_string()).collect();
                lines.push(format!("when it ends, {me} sends messages to {}", targets.join(", ")));
            }
        }
        lines.iter().map(|line| plain(line)).collect()
    }
}

fn request(me: &str, capability: &CapabilityEntry) -> String {
    let issuer = capability.process();
    match capability {
        CapabilityEntry::Messaging(_) if issuer.has_parts("kernel", "distro", "sys") => {
            format!("{me} may send messages to {issuer}: it can see every process, and manage those of its package")
        }
        CapabilityEntry::Messaging(_) => format!("{me} may send messages to {issuer}"),
        CapabilityEntry::Custom { params, .. } if issuer.has_parts("kernel", "distro", "sys") && is_root(params) => {
            format!("{me} may start, stop and empower any process on this node ({params} from {issuer})")
        }
        CapabilityEntry::Custom { params, .. } if issuer.has_parts("vfs", "distro", "sys") && is_root(params) => {
            format!("{me} may read and change the files of every package on this node ({params} from {issuer})")
        }
        CapabilityEntry::Custom { params, .. }
            if issuer.has_parts("http-server", "distro", "sys") && *params == json!({ "paths": "public" }) =>
        {
            format!("{me} answers everybody who reaches this node by HTTP, not only its owner ({params} from {issuer})")
        }
        CapabilityEntry::Custom { params, .. } => format!("{me} gets the right {params} from {issuer}"),
    }
}

fn is_root(params: &serde_json::Value) -> bool {
    params.get("root").and_then(serde_json::Value::as_bool) == Some(true)
}

fn grant(me: &str, capability: &CapabilityEntry) -> String {
    let holder = capability.process();
    match capability {
        CapabilityEntry::Messaging(_) => format!("{holder} may send messages to {me}"),
        CapabilityEntry::Custom { params, .. } => format!("{me} gives the right {params} to {holder}"),
    }
}

fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c == ' ' || c.is_ascii_graphic() {
            out.push(c);
        } else {
            out.extend(c.escape_unicode());
        }
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    fn requests(on_exit: &str, request: &str, grant: &str) -> Vec<String> {
        let json = format!(
            r#"[{{"process_name":"chat","process_wasm_path":"/chat.wasm","on_exit":{on_exit},
                "request_networking":true,"request_capabilities":{request},"grant_capabilities":{grant},"public":true}}]"#
        );
        Manifest::parse(json.as_bytes()).unwrap().requests()
    }

    #[test]
    fn a_manifest_is_told_in_plain_words() {
        let lines = requests(
            "\"Restart\"",
            r#"["kernel:distro:sys","http-server:distro:sys",{"process":"vfs:distro:sys","params":{"root":true}},
                {"process":"kernel:distro:sys","params":{"root":true}},
                {"process":"http-server:distro:sys","params":{"paths":"public"}}]"#,
            r#"["b:b:b.os",{"process":"terminal:terminal:sys","params":"Read"}]"#,
        );
        assert_eq!(
            lines,
            [
                "chat may use the network: it can reach other nodes, and they can reach it",
                "chat may send messages to kernel:distro:sys: it can see every process, and manage those of its package",
                "chat may send messages to http-server:distro:sys",
                "chat may read and change the files of every package on this node ({\"root\":true} from vfs:distro:sys)",
                "chat may start, stop and empower any process on this node ({\"root\":true} from kernel:distro:sys)",
                "chat answers everybody who reaches this node by HTTP, not only its owner ({\"paths\":\"public\"} from \
                 http-server:distro:sys)",
                "b:b:b.os may send messages to chat",
                "chat gives the right \"Read\" to terminal:terminal:sys",
                "any process on this node may send messages to chat",
                "chat is started again whenever it ends",
            ]
        );
    }

    #[test]
    fn a_manifest_cannot_steer_the_terminal_it_is_shown_on() {
        let lines = requests("\"None\"", "[{\"process\":\"a:b:c\",\"params\":\"\u{202e}\\u001b[2J\"}]", "[]");
        assert!(lines.iter().all(|line| line.bytes().all(|b| b == b' ' || b.is_ascii_graphic())), "{lines:?}");
    }
}
