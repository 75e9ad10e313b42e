//! `scripts.json`: programs that the terminal runs on demand.

use std::collections::BTreeMap;

use serde_json::Value;
use wharf_types::ProcessId;

use crate::capability::CapabilityEntry;
use crate::error::ManifestError;
use crate::fields::{Fields, located, parse_file};
use crate::locate::{Step, line_of};
use crate::name;

/// Where the scripts are listed in a package.
pub const FILE_NAME: &str = "scripts.json";
/// Most scripts in one package.
const SCRIPTS_MAX: usize = 1024;
/// Most that is remarked on in one file.
const REMARKS_MAX: usize = 100;
/// Most characters of a name in a remark.
const SHOWN_MAX: usize = 100;
/// What an entry can have.
const FIELDS: [&str; 6] =
    ["root", "public", "request_networking", "request_capabilities", "grant_capabilities", "wit_version"];
/// Versions of the guest interface that there are.
const WIT_VERSIONS: [u32; 2] = [0, 1];

/// The scripts of a package, by the name of their component in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scripts {
    scripts: BTreeMap<String, Script>,
}

/// What a script is given when it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// Whether it gets everything the terminal has.
    pub root: bool,
    /// Whether every process of the node may send it messages.
    pub public: bool,
    /// Whether it may reach other nodes.
    pub request_networking: bool,
    /// Capabilities it asks for.
    pub request_capabilities: Vec<CapabilityEntry>,
    /// Capabilities it gives to others.
    pub grant_capabilities: Vec<CapabilityEntry>,
    /// Version of the guest interface it was built for.
    pub wit_version: Option<u32>,
}

impl Scripts {
    /// Reads and checks the file.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let Value::Object(map) = parse_file(FILE_NAME, bytes)? else {
            return Err(ManifestError::Shape { file: FILE_NAME, expected: "an object with one field for each script" });
        };
        if map.len() > SCRIPTS_MAX {
            return Err(ManifestError::TooMany { file: FILE_NAME, count: map.len(), max: SCRIPTS_MAX });
        }
        let mut scripts = BTreeMap::new();
        for (file, value) in &map {
            let wasm = file.strip_prefix('/').unwrap_or(file);
            let read = fields(file, value).and_then(|fields| {
                name::check(wasm).map_err(|problem| fields.wrong("name", format!("is not a plain path: {problem}")))?;
                match scripts.insert(wasm.to_owned(), Script::read(&fields)?) {
                    Some(_) => Err(fields.wrong("name", "is the name of another script of this package")),
                    None => Ok(()),
                }
            });
            read.map_err(|error| located(error, bytes, Step::Field(file)))?;
        }
        Ok(Self { scripts })
    }

    /// What is strange about a file that [`Self::parse`] takes: packages that others have made may have it, and an author
    /// has not meant it. With lines, for the author; after 100 of them, the last says how many more there are.
    pub fn remarks(bytes: &[u8]) -> Vec<String> {
        let Ok(Value::Object(map)) = parse_file(FILE_NAME, bytes) else { return Vec::new() };
        let mut remarks = Remarks { file: bytes, texts: Vec::new(), left_out: 0 };
        for (file, value) in &map {
            if !is_runnable(file) {
                remarks.add(file, "", || {
                    "cannot be run: the terminal runs `<name>.wasm`, where a name has only a-z, 0-9 and `-`".to_owned()
                });
            }
            for name in fields(file, value).iter().flat_map(Fields::names).filter(|name| !FIELDS.contains(name)) {
                remarks.add(file, name, || format!("has the field `{}`, which means nothing", shown(name)));
            }
            let version = value.get("wit_version").and_then(Value::as_u64);
            if let Some(version) =
                version.filter(|version| WIT_VERSIONS.iter().all(|known| u64::from(*known) != *version))
            {
                remarks.add(file, "wit_version", || {
                    format!("is for version {version} of the guest interface, which there is not")
                });
            }
        }
        remarks.finish()
    }

    /// A script by the name of its component.
    pub fn get(&self, wasm: &str) -> Option<&Script> {
        self.scripts.get(wasm)
    }

    /// The scripts, by the name of their component.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Script)> {
        self.scripts.iter().map(|(wasm, script)| (wasm.as_str(), script))
    }
}

/// What is remarked on in a file. Finding the line of each reads the file from its start: there are only so many.
struct Remarks<'a> {
    file: &'a [u8],
    texts: Vec<String>,
    left_out: usize,
}

impl Remarks<'_> {
    /// About a field of a script, or, where it has no such field, about the script.
    fn add(&mut self, script: &str, field: &str, what: impl FnOnce() -> String) {
        if self.texts.len() >= REMARKS_MAX {
            self.left_out = self.left_out.saturating_add(1);
            return;
        }
        let line = line_of(self.file, &[Step::Field(script), Step::Field(field)]);
        self.texts.push(format!("{FILE_NAME}, line {line}: {} {}", shown(script), what()));
    }

    fn finish(mut self) -> Vec<String> {
        if self.left_out > 0 {
            self.texts.push(format!("{FILE_NAME}: {} more remarks are left out", self.left_out));
        }
        self.texts
    }
}

/// A name for people, cut where it is too long.
fn shown(name: &str) -> String {
    let mut chars = name.chars();
    let start: String = chars.by_ref().take(SHOWN_MAX).flat_map(char::escape_debug).collect();
    if chars.next().is_some() { format!("{start}...") } else { start }
}

fn fields<'a>(file: &str, value: &'a Value) -> Result<Fields<'a>, ManifestError> {
    Fields::new(FILE_NAME, format!("script {}", file.escape_debug()), value)
}

/// Whether the terminal finds it: by the name of a process.
fn is_runnable(file: &str) -> bool {
    let name = file.strip_prefix('/').unwrap_or(file).strip_suffix(".wasm");
    name.is_some_and(|name| ProcessId::new(name, "p", "p").is_ok_and(|id| id.is_creatable()))
}

impl Script {
    fn read(fields: &Fields<'_>) -> Result<Self, ManifestError> {
        Ok(Self {
            root: fields.required("root")?,
            public: fields.required("public")?,
            request_networking: fields.required("request_networking")?,
            request_capabilities: fields.capabilities("request_capabilities")?.unwrap_or_default(),
            grant_capabilities: fields.capabilities("grant_capabilities")?.unwrap_or_default(),
            wit_version: fields.optional("wit_version")?,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[test]
    fn the_optional_lists_may_be_left_out() {
        let json = br#"{"send.wasm":{"root":false,"public":false,"request_networking":true,"wit_version":1}}"#;
        let scripts = Scripts::parse(json).unwrap();
        let (wasm, script) = scripts.iter().next().unwrap();
        assert_eq!((wasm, script.wit_version, script.request_networking), ("send.wasm", Some(1), true));
    }

    #[test]
    fn a_missing_or_hostile_field_is_named() {
        let error = Scripts::parse(br#"{"send.wasm":{"root":false}}"#).unwrap_err();
        assert_eq!(error.to_string(), "scripts.json, script send.wasm: `public` is missing (line 1)");
        assert!(Scripts::parse(br#"{"../x.wasm":{"root":false,"public":false,"request_networking":true}}"#).is_err());
        assert!(Scripts::parse(b"[]").is_err());
    }

    #[test]
    fn errors_and_remarks_say_on_which_line() {
        let file = |request: &str| {
            format!(
                "{{\n\"a.wasm\": {{\"root\":false,\"public\":false,\"request_networking\":false}},\n\"b_c.wasm\": {{\n\"root\":false,\"public\":false,\n\"request_networking\":false,\n\"wit_version\":7,\n\"request_capabilites\":[],\n\"request_capabilities\":[\n\"vfs:distro:sys\",\n{request}]}}}}"
            )
        };
        let error = Scripts::parse(file("\"not an id\"").as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with("scripts.json, script b_c.wasm: `request_capabilities[1]` is wrong"), "{error}");
        assert!(error.ends_with("(line 10)"), "{error}");
        let good = file("\"kv:distro:sys\"");
        Scripts::parse(good.as_bytes()).unwrap();
        let remarks = Scripts::remarks(good.as_bytes());
        let expected = [
            "scripts.json, line 3: b_c.wasm cannot be run",
            "scripts.json, line 7: b_c.wasm has the field `request_capabilites`",
            "scripts.json, line 6: b_c.wasm is for version 7",
        ];
        assert_eq!(remarks.len(), expected.len(), "{remarks:?}");
        assert!(remarks.iter().zip(expected).all(|(remark, start)| remark.starts_with(start)), "{remarks:?}");
    }
    #[test]
    fn remarks_are_bounded() {
        let unknown: Vec<_> = (0..250).map(|number| format!("\"x{number}\":0")).collect();
        let long = "x".repeat(10_000);
        let of = |name: &str, count: usize| {
            let fields: Vec<_> = unknown.iter().take(count).map(String::as_str).collect();
            Scripts::remarks(format!("{{\"{name}.wasm\":{{{}}}}}", fields.join(",")).as_bytes())
        };
        let remarks = of("a", 250);
        assert_eq!(remarks.len(), REMARKS_MAX + 1);
        assert_eq!(remarks.last().unwrap(), "scripts.json: 150 more remarks are left out");
        assert!(of(&long, 250).iter().all(|remark| remark.len() < 300));
        let few = of("a", REMARKS_MAX);
        assert!(few.len() == REMARKS_MAX && few.iter().all(|remark| remark.contains("means nothing")), "{few:?}");
    }
}
