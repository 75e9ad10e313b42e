//! `wharf watch`: builds and installs a package whenever it changes, and shows what it logs.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ring::digest::{SHA256, digest};
use serde::Serialize;
use wharf_home::Home;
use wharf_package::{Manifest, Metadata};
use wharf_types::{PackageId, ProcessId};

use crate::args::Watch;
use crate::client::Client;
use crate::commands::log_line;
use crate::errors::{CliError, CliResult};
use crate::helper::{Ended, Helper, Remarks};
use crate::interrupts::{Interrupts, LOOK};
use crate::log_file::{self, Follower};
use crate::output::{Format, Output, Style};
use crate::text;
use crate::watching::Watcher;

/// The folder of a package that is worked on.
pub(crate) struct Place {
    /// Whole path.
    pub(crate) folder: PathBuf,
    /// What the package is.
    pub(crate) package: PackageId,
    /// Its processes, as far as its manifest can be read now.
    pub(crate) processes: Vec<ProcessId>,
}

impl Place {
    /// The package in this folder.
    pub(crate) fn of(folder: &Path) -> CliResult<Self> {
        let folder = fs::canonicalize(folder).map_err(|error| CliError::file("find", folder, &error))?;
        let path = folder.join("metadata.json");
        let bytes = fs::read(&path).map_err(|error| {
            CliError::bad_input(format_args!(
                "{} is no package: cannot read its metadata.json: {error}",
                folder.display()
            ))
            .hint("`wharf new DIR` begins one")
        })?;
        let wrong = |error: &dyn std::fmt::Display| CliError::bad_input(format_args!("{}: {error}", path.display()));
        let metadata = Metadata::parse(&bytes).map_err(|error| wrong(&error))?;
        let package = metadata.package_id().map_err(|error| wrong(&error))?;
        let manifest = fs::read(folder.join("pkg/manifest.json")).ok().and_then(|bytes| Manifest::parse(&bytes).ok());
        let processes = manifest.and_then(|manifest| manifest.process_ids(&package).ok()).unwrap_or_default();
        Ok(Self { folder, package, processes })
    }
}

/// Which lines of the log are shown besides those of the package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// None.
    PackageOnly,
    /// Warnings and errors of all.
    WithWarnings,
}

/// Works until it is interrupted.
pub(crate) fn run(args: &Watch, home: &Home, output: &mut Output) -> CliResult<()> {
    let place = Place::of(&args.folder)?;
    // Better now than after the first build.
    Client::of(home)?.processes()?;
    let interrupts = Interrupts::listen()?;
    work(&place, home, Shown::PackageOnly, &mut || Ok(()), &interrupts, output)
}

/// Builds, installs into the node of `home` and shows logs, at each change, until it is interrupted or `check` fails.
pub(crate) fn work(
    place: &Place,
    home: &Home,
    shown: Shown,
    check: &mut dyn FnMut() -> CliResult<()>,
    interrupts: &Interrupts,
    output: &mut Output,
) -> CliResult<()> {
    let mut watcher = Watcher::start(&place.folder)?;
    let mut log = Log::from_here(place, home, shown)?;
    let mut work = Work { place, home, running: None, installed: None, quiet: false };
    work.begin(Instant::now(), output)?;
    while !interrupts.happened() {
        check()?;
        watcher.wait(LOOK);
        log.show(output)?;
        if work.go_on(output)? == Step::BuildEnded {
            watcher.built()?;
        }
        // What changes while something is built is looked at afterwards.
        if work.running.is_none()
            && let Some(changed) = watcher.changed()?
        {
            let file = changed.file.strip_prefix(&place.folder).unwrap_or(&changed.file).to_owned();
            tell(Event::Changed { file }, output)?;
            work.begin(changed.since, output)?;
        }
        output.flush()?;
    }
    Ok(())
}

/// What happens, as a line of text or of JSON.
#[derive(Serialize)]
#[serde(tag = "event")]
enum Event {
    Changed { file: PathBuf },
    Building,
    BuildFailed,
    Unchanged,
    Installed { package: PackageId, took_ms: u64 },
    InstallFailed { reason: String },
}

fn tell(event: Event, output: &mut Output) -> CliResult<()> {
    if output.format() == Format::Json {
        return output.json(&event).and_then(|()| output.flush());
    }
    let (style, text) = match event {
        Event::Changed { file } => (Style::Dim, format!("{} changed", text::clean_line(&file.display().to_string()))),
        Event::Building => return Ok(()),
        Event::BuildFailed => (Style::Red, "not built; waiting for the next change".to_owned()),
        Event::Unchanged => (Style::Dim, "nothing changed in what is built".to_owned()),
        Event::Installed { package, took_ms } => (
            Style::Green,
            format!("{package} runs, {:.1} s after the change", Duration::from_millis(took_ms).as_secs_f64()),
        ),
        Event::InstallFailed { reason } => {
            (Style::Red, format!("not installed; waiting for the next change\n  {}", text::clean_block(&reason, "  ")))
        }
    };
    let painted = output.colour().paint(style, &format!("-- {text}"));
    output.line(&painted).and_then(|()| output.flush())
}

/// The way from sources to running code.
struct Work<'a> {
    place: &'a Place,
    home: &'a Home,
    running: Option<(Stage, Helper, Instant)>,
    /// The zip that the node has from us.
    installed: Option<Vec<u8>>,
    /// The author has read what the package asks for.
    quiet: bool,
}

enum Stage {
    Build,
    /// With the hash of the zip.
    Install(Vec<u8>),
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    BuildEnded,
    Other,
}

impl Work<'_> {
    /// Builds. `since` is when the sources became what they are.
    fn begin(&mut self, since: Instant, output: &mut Output) -> CliResult<()> {
        tell(Event::Building, output)?;
        let build = Helper::start(["build".as_ref(), self.place.folder.as_os_str()], Remarks::Shown)?;
        self.running = Some((Stage::Build, build, since));
        Ok(())
    }

    /// Takes the next step if the last one is done.
    fn go_on(&mut self, output: &mut Output) -> CliResult<Step> {
        let Some((stage, mut helper, since)) = self.running.take() else { return Ok(Step::Other) };
        let Some(ended) = helper.poll()? else {
            self.running = Some((stage, helper, since));
            return Ok(Step::Other);
        };
        match stage {
            Stage::Build => self.built(&ended, since, output).map(|()| Step::BuildEnded),
            Stage::Install(hash) => self.put_in(hash, ended, since, output).map(|()| Step::Other),
        }
    }

    fn built(&mut self, ended: &Ended, since: Instant, output: &mut Output) -> CliResult<()> {
        let zip = ended.result.get("zip").and_then(|zip| zip.as_str()).filter(|_| ended.worked());
        let Some(zip) = zip else { return tell(Event::BuildFailed, output) };
        let hash = match fs::read(zip) {
            Ok(bytes) => digest(&SHA256, &bytes).as_ref().to_vec(),
            Err(error) => return tell(Event::InstallFailed { reason: format!("cannot read {zip}: {error}") }, output),
        };
        if self.installed.as_ref() == Some(&hash) {
            return tell(Event::Unchanged, output);
        }
        let remarks = if self.quiet { Remarks::Kept } else { Remarks::Shown };
        let home = self.home.root().as_os_str();
        let install =
            Helper::start(["--home".as_ref(), home, "install".as_ref(), zip.as_ref(), "--yes".as_ref()], remarks)?;
        self.running = Some((Stage::Install(hash), install, since));
        Ok(())
    }

    fn put_in(&mut self, hash: Vec<u8>, ended: Ended, since: Instant, output: &mut Output) -> CliResult<()> {
        if !ended.worked() {
            // Whatever the node has now, it is to be tried again.
            self.installed = None;
            let reason = if self.quiet { ended.remarks } else { "the reason is above".to_owned() };
            return tell(Event::InstallFailed { reason }, output);
        }
        (self.installed, self.quiet) = (Some(hash), true);
        let took_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
        tell(Event::Installed { package: self.place.package.clone(), took_ms }, output)
    }
}

/// What the node logs from now on.
struct Log<'a> {
    follower: Follower,
    package: &'a PackageId,
    shown: Shown,
    home: &'a Home,
}

impl<'a> Log<'a> {
    fn from_here(place: &'a Place, home: &'a Home, shown: Shown) -> CliResult<Self> {
        let failed = |error| CliError::file("read the logs in", &home.log_dir(), &error);
        let mut newest = log_file::open_all(home).map_err(failed)?.into_iter().next();
        if let Some(file) = &mut newest {
            log_file::drain(file, |_| Ok::<(), std::io::Error>(())).map_err(failed)?;
        }
        let follower = Follower::new(home.clone(), newest);
        Ok(Self { follower, package: &place.package, shown, home })
    }

    fn show(&mut self, output: &mut Output) -> CliResult<()> {
        let mut lines = Vec::new();
        let polled = self.follower.poll(|line| {
            lines.push(line);
            Ok::<(), std::io::Error>(())
        });
        polled.map_err(|error| CliError::file("read the logs in", &self.home.log_dir(), &error))?;
        for line in lines.iter().filter(|line| self.wants(line)) {
            match output.format() {
                Format::Text => output.line(&log_line::for_people(line, output.colour()))?,
                Format::Json => output.raw(line).and_then(|()| output.raw(b"\n"))?,
            }
        }
        Ok(())
    }

    fn wants(&self, line: &[u8]) -> bool {
        log_line::is_of_package(line, self.package) || self.shown == Shown::WithWarnings && log_line::is_warning(line)
    }
}
